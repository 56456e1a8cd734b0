"""By which objects clusters are told: a standing order where a whole group has the same, else a work each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from i4q_ai.desired import Item
from i4q_ai.manifests.naming import fingerprint
from i4q_ai.spec import Spec
from i4q_ai_ocm.state import Key, State


@dataclass(frozen=True)
class Arrangement:
    """What there shall be.

    Args:
        orders: group → what its clusters are told by a standing order.
        works: cluster → what it is told by a work of its own.
        kept: groups whose orders stay as they are.
    """

    orders: Mapping[str, Item] = field(default_factory=dict)
    works: Mapping[str, Item] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()


def arrange(
    state: State,
    desired: Mapping[str, Item],
    spec: Spec | None,
    groups: Mapping[str, str],
    *,
    touched: Set[str],
    key: Key,
    revision: int,
) -> Arrangement:
    """Find the objects for what clusters shall have.

    Args:
        state: what there is.
        desired: cluster → what it shall have.
        spec: of the deployment; None where standing orders cannot be given: without a record, on its way out, or on a
            hub that follows none.
        groups: cluster → group, as the spec's placement decides now.
        touched: clusters whose turn it is; a group of others alone stays as it is.
        key: of the deployment.
        revision: of its record.
    """
    if spec is None:
        return Arrangement(works=dict(desired))
    orders: dict[str, Item] = {}
    kept: set[str] = set()
    works = {cluster: item for cluster, item in desired.items() if cluster not in groups}
    empty: list[str] = []
    for group in spec.placement.group_names:
        members = [cluster for cluster, its in groups.items() if its == group]
        if not members:
            empty.append(group)
        elif group in state.orders and not touched & {*members, *state.orders[group].clusters}:
            kept.add(group)
        elif (item := _same(members, desired)) is not None:
            orders[group] = item
        else:
            works.update({cluster: desired[cluster] for cluster in members if cluster in desired})
    stays = {group: state.orders[group].told.item for group in kept}
    complete = not works and all(_is_wanted(spec, group, item) for group, item in {**orders, **stays}.items())
    for group in empty:
        if complete:
            orders[group] = spec.item(*key, group, revision=revision)
        elif group in state.orders:
            kept.add(group)
    return Arrangement(orders, works, frozenset(kept))


def _same(members: list[str], desired: Mapping[str, Item]) -> Item | None:
    """The one thing that all members shall have; None if they differ, or one shall have nothing."""
    items = [desired.get(cluster) for cluster in members]
    found = [item for item in items if item is not None]
    if len(found) < len(items) or len({fingerprint(item) for item in found}) != 1:
        return None
    return max(found, key=lambda item: item.revision)


def _is_wanted(spec: Spec, group: str, item: Item) -> bool:
    return fingerprint(spec.item(item.namespace, item.name, group)) == fingerprint(item)
