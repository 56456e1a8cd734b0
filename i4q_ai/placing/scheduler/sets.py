"""Step 1: the sets that are bound to the placement's namespace, and their members."""

from __future__ import annotations

from functools import reduce
from operator import or_

from i4q_ai.errors import RuleError
from i4q_ai.placing.scheduler import selectors
from i4q_ai.placing.scheduler.index import Object
from i4q_ai.placing.scheduler.reading import Spec
from i4q_ai.placing.scheduler.world import World

SET_LABEL = "cluster.open-cluster-management.io/clusterset"


def bound(world: World, namespace: str) -> frozenset[str]:
    """The sets that exist and are bound; the *name* of a binding is what counts."""
    return frozenset(key.name for key in world.bindings if key.namespace == namespace and key.name in world.sets)


def eligible(spec: Spec, available: frozenset[str]) -> tuple[str, ...]:
    """Those of the bound sets that the placement wants: all, if it names none."""
    return tuple(sorted(available & set(spec.cluster_sets) if spec.cluster_sets else available))


def members(world: World, names: tuple[str, ...]) -> int:
    """The clusters of some sets, without those being deleted.

    Raises:
        RuleError: a set has a selector that the scheduler cannot read; it then does nothing at all.
    """
    return reduce(or_, (_members(world, world.sets[name]) for name in names), 0) & ~world.index.deleting


def _members(world: World, cluster_set: Object) -> int:
    name = cluster_set["metadata"]["name"]
    selector = (cluster_set.get("spec") or {}).get("clusterSelector") or {}
    kind = selector.get("selectorType") or "ExclusiveClusterSetLabel"
    index = world.index
    if kind == "ExclusiveClusterSetLabel":
        return index.labels.equal(SET_LABEL, name)
    if kind != "LabelSelector":
        raise _unreadable(name, f"selectorType {kind!r} is neither ExclusiveClusterSetLabel nor LabelSelector")
    if selector.get("labelSelector") is None:
        return 0
    requirements = selectors.read(selector["labelSelector"])
    wrong = selectors.faults(requirements)
    if wrong:
        raise _unreadable(name, "; ".join(wrong))
    return selectors.select(requirements, index.labels, index.everyone)


def _unreadable(name: str, why: str) -> RuleError:
    return RuleError(f"ManagedClusterSet {name!r} has a selector the scheduler cannot read: {why}")
