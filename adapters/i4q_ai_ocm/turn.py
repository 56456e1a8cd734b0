"""One turn: what there is of a deployment, and what its clusters shall have. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from i4q_ai.desired import Item
from i4q_ai.manifests.naming import fingerprint
from i4q_ai.spec import Spec
from i4q_ai_ocm.arranging import Arrangement
from i4q_ai_ocm.state import Key, Order, State, Told


@dataclass(frozen=True)
class Turn:
    """What there is of a deployment, and what its clusters shall have.

    Args:
        key: of the deployment.
        state: what they have been told.
        groups: cluster → group, as the record's placement decides; none without a record.
        arrangement: of objects.
        spec: of the record; None without one, and when it is on its way out.
        owner: of the deployment.
        away: clusters that the hub does not hear of.
        now: the time.
    """

    key: Key
    state: State
    groups: Mapping[str, str]
    arrangement: Arrangement
    spec: Spec | None
    owner: str
    away: frozenset[str] = frozenset()
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def moving(self) -> dict[str, Item]:
        """Clusters that go from an order to something else → what they have.

        The hub takes away what an order does not mean any more, at once. A cluster that is away is not among them: it
        would carry all of it out when it is back, in no order.
        """
        live = {*self.arrangement.orders, *self.arrangement.kept}
        leaving = {
            cluster: order.told.item
            for group, order in self.state.orders.items()
            for cluster in order.parts
            if self.groups.get(cluster) != group
        }
        return {
            cluster: item
            for cluster, item in leaving.items()
            if (cluster in self.arrangement.works or self.groups.get(cluster) in live)
            and cluster not in self.state.works
            and cluster not in self.away
        }

    def agrees(self, order: Order, clusters: Iterable[str]) -> bool:
        """Whether clusters of an order that is over are told the same by what is there instead."""
        orders, own = self.arrangement.orders, self.state.works
        items = [
            own[each].told.item if each in own else orders.get(self.groups.get(each, ""), order.told.item)
            for each in clusters
        ]
        return all(fingerprint(item) == fingerprint(order.told.item) for item in items)

    def staying(self, order: Order) -> set[str]:
        """The clusters of an order that is over which something else tells from now on."""
        live = {*self.arrangement.orders, *self.arrangement.kept}
        ordered = {cluster for cluster, group in self.groups.items() if group in live}
        return {*self.arrangement.works, *ordered} & set(order.parts)

    def behind(self) -> dict[str, Item]:
        """Clusters from whose works an order takes over → what that tells, where it is new to them."""
        orders = self.arrangement.orders
        wanted = {name: orders[group] for name, group in self.groups.items() if group in orders}
        told = {name: each.told.item for name, each in self.state.works.items()}
        return {
            name: item for name, item in wanted.items() if name in told and fingerprint(told[name]) != fingerprint(item)
        }

    def told(self, item: Item, before: Told | None) -> Told:
        """What an object tells, keeping since when if it is the same as before."""
        if before is not None and fingerprint(before.item) == fingerprint(item):
            return before
        return Told(item, self.now, (before.item.digest, before.item.version) if before else ("", ""))
