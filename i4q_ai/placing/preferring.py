"""Preferences: how well each cluster suits a placement, as Open Cluster Management's scheduler reckons it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from typing import Any

from i4q_ai.cluster import Cluster
from i4q_ai.placing.scheduler import bitsets, ranking, reading, scores
from i4q_ai.placing.scheduler.index import Index
from i4q_ai.placing.scheduler.ranking import Weighted
from i4q_ai.placing.scheduler.world import PLACEMENT_LABEL, World

RESOURCES = {"cpu": "ResourceAllocatableCPU", "memory": "ResourceAllocatableMemory"}
"""What clusters have, by the names that placements give it → the scheduler's."""

_PLACEMENT = "preferred"  # of the one placement in the world that scores are reckoned in


def policy(prefer: Mapping[str, int]) -> dict[str, Any]:
    """The `prioritizerPolicy` of a Placement object.

    How many other placements chose a cluster counts nothing; who has it keeps it, which is Steady: 100 points, once.

    Args:
        prefer: as `Placement.prefer`.
    """
    balance = {"scoreCoordinate": {"type": "BuiltIn", "builtIn": "Balance"}, "weight": 0}
    wanted = [{"scoreCoordinate": _coordinate(name), "weight": weight} for name, weight in sorted(prefer.items())]
    return {"mode": "Additive", "configurations": [balance, *wanted]}


def totals(prefer: Mapping[str, int], clusters: Sequence[Cluster], *, current: Set[str], now: datetime) -> list[int]:
    """Σ weight × score of each cluster, in their order.

    Args:
        prefer: as `Placement.prefer`.
        clusters: those that may be chosen, and no others: who has most of a resource, and who least, is seen here.
        current: names of those that have it; each gets 100 points.
        now: the time, by which scores end.
    """
    if not prefer:
        return [scores.BEST if cluster.name in current else 0 for cluster in clusters]
    world = World(Index(map(_managed, clusters)), _around(prefer, clusters, current, now))
    everyone = bitsets.Members(world.index.everyone, world.index.size)
    spec = reading.read(world.placement("", _PLACEMENT))
    columns = [
        Weighted(each.weight, scores.column(world, spec, each, everyone, now=now)) for each in scores.weighted(spec)
    ]
    found = dict(zip(world.index.names, ranking.totals(everyone, columns), strict=True))
    return [found[cluster.name] for cluster in clusters]


def _coordinate(name: str) -> dict[str, Any]:
    if name in RESOURCES:
        return {"type": "BuiltIn", "builtIn": RESOURCES[name]}
    resource, _, score = name.partition("/")
    return {"type": "AddOn", "addOn": {"resourceName": resource, "scoreName": score}}


def _managed(cluster: Cluster) -> dict[str, Any]:
    """As much of a ManagedCluster as scores are made from."""
    capacity = cluster.resources if cluster.capacity is None else cluster.capacity
    return {"metadata": {"name": cluster.name}, "status": {"allocatable": cluster.resources, "capacity": capacity}}


def _around(
    prefer: Mapping[str, int], clusters: Iterable[Cluster], current: Iterable[str], now: datetime
) -> Iterator[dict[str, Any]]:
    """The objects around the clusters: the placement, where it is now, and the scores that count."""
    yield {"kind": "Placement", "metadata": {"name": _PLACEMENT}, "spec": {"prioritizerPolicy": policy(prefer)}}
    metadata = {"name": f"{_PLACEMENT}-decision-1", "labels": {PLACEMENT_LABEL: _PLACEMENT}}
    decisions = [{"clusterName": name} for name in current]
    yield {"kind": "PlacementDecision", "metadata": metadata, "status": {"decisions": decisions}}
    for cluster in clusters:
        for resource, found in _by_resource(cluster, now).items():
            metadata = {"namespace": cluster.name, "name": resource}
            yield {"kind": "AddOnPlacementScore", "metadata": metadata, "status": {"scores": found}}


def _by_resource(cluster: Cluster, now: datetime) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, score in cluster.scores.items():
        resource, _, own = name.partition("/")
        if not score.ended(now):
            found.setdefault(resource, []).append({"name": own, "value": score.value})
    return found
