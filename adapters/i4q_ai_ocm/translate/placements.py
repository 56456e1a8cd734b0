"""Placements and set bindings: one Placement for each version group, which selects what our own rules would."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from i4q_ai.errors import UnsupportedError
from i4q_ai.placement import REST, Placement, Toleration
from i4q_ai.placing import preferring
from i4q_ai.placing.rules import AllOf, AnyRule
from i4q_ai_ocm.translate import rules
from i4q_ai_ocm.translate.about import NOTHING, metadata

_GROUP = "cluster.open-cluster-management.io"
AWAY = (f"{_GROUP}/unreachable", f"{_GROUP}/unavailable")
"""Taints of a cluster that is out of reach: without tolerating them, its work would be taken away."""


def placement(
    namespace: str,
    name: str,
    where: Placement,
    group: str = REST,
    *,
    sets: Sequence[str] = (),
    labels: Mapping[str, str] = NOTHING,
    annotations: Mapping[str, str] = NOTHING,
) -> dict[str, Any]:
    """The OCM Placement of one version group.

    Groups partition the clusters, so each asks for the rule, for its own, and for none of the groups before it. Who
    has it has 100 points, what is preferred adds its own, then the name decides; how many other Placements chose a
    cluster does not.

    Args:
        namespace, name: of the object.
        where: which clusters.
        group: of them; `"*"` is the rest.
        sets: ManagedClusterSets to choose from; none means all that are bound in the namespace.
        labels, annotations: of the object.

    Raises:
        ValueError: the placement has no such group.
        UnsupportedError: a rule or toleration that OCM cannot say.
    """
    where.check_group(group)
    spec: dict[str, Any] = {}
    if sets:
        spec["clusterSets"] = list(sets)
    if where.count is not None:
        spec["numberOfClusters"] = where.count
    asked = rules.predicates(group_rule(where, group))
    if asked:
        spec["predicates"] = asked
    spec["prioritizerPolicy"] = preferring.policy(where.prefer)
    spec["tolerations"] = _tolerations(where)
    return {
        "apiVersion": f"{_GROUP}/v1beta1",
        "kind": "Placement",
        "metadata": metadata(namespace, name, labels, annotations),
        "spec": spec,
    }


def group_rule(where: Placement, group: str) -> AnyRule | None:
    """What a cluster must meet to be in a group: the placement's rule and the group's, and none of those before."""
    asked: list[AnyRule] = [] if where.rule is None else [where.rule]
    for each in where.groups:
        if each.name == group:
            asked.append(each.rule)
            break
        asked.append(~each.rule)
    if not asked:
        return None
    return asked[0] if len(asked) == 1 else AllOf(all=tuple(asked))


def binding(namespace: str, name: str, *, labels: Mapping[str, str] = NOTHING) -> dict[str, Any]:
    """The ManagedClusterSetBinding that lets the Placements of a namespace choose from a set.

    Args:
        namespace: that may.
        name: of the set; the binding must be called the same.
        labels: of the object.
    """
    return {
        "apiVersion": f"{_GROUP}/v1beta2",
        "kind": "ManagedClusterSetBinding",
        "metadata": metadata(namespace, name, labels),
        "spec": {"clusterSet": name},
    }


def _tolerations(where: Placement) -> list[dict[str, str]]:
    found = [_toleration(where, each) for each in where.tolerations]
    away = [{"key": key, "operator": "Exists"} for key in AWAY]
    return [*found, *(each for each in away if each not in found)]


def _toleration(where: Placement, toleration: Toleration) -> dict[str, str]:
    if not toleration.key and toleration.operator != "Exists":
        raise UnsupportedError(
            f"placement '{where.name}' tolerates the value '{toleration.value}' of any taint, which OCM cannot",
            hint="name the key, or take operator Exists",
        )
    found: dict[str, str] = {"key": toleration.key} if toleration.key else {}
    found["operator"] = toleration.operator
    if toleration.operator == "Equal" and toleration.value:
        found["value"] = toleration.value
    if toleration.effect is not None:
        found["effect"] = toleration.effect
    return found
