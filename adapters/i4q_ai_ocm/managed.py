"""ManagedClusters as placements see them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from i4q_ai.cluster import Cluster, Condition, Score, Taint, is_score_name
from i4q_ai.manifests import Object, selector
from i4q_ai.placing import quantities
from i4q_ai_ocm.translate.placements import AWAY

SET = "cluster.open-cluster-management.io/clusterset"
AVAILABLE = "ManagedClusterConditionAvailable"
OURS = selector()


def cluster(managed: Object, scores: Iterable[Object] = ()) -> Cluster:
    """A ManagedCluster as placements see it.

    Labels and claims that are no labels of ours to judge stay as they are; a quantity that nobody can read is left out.

    Args:
        managed: the ManagedCluster.
        scores: the AddOnPlacementScores in its namespace.
    """
    spec, status = managed.get("spec", {}), managed.get("status", {})
    return Cluster(
        name=managed["metadata"]["name"],
        labels=managed["metadata"].get("labels") or {},
        claims={claim["name"]: claim["value"] for claim in status.get("clusterClaims") or ()},
        resources=_amounts(status.get("allocatable")),
        capacity=_amounts(status.get("capacity")),
        kube_version=(status.get("version") or {}).get("kubernetes") or None,
        taints=tuple(
            Taint(key=taint["key"], value=taint.get("value", ""), effect=taint["effect"])
            for taint in spec.get("taints") or ()
            if taint["key"] not in AWAY
        ),
        scores={name: score for each in scores for name, score in _scores(each)},
        conditions=(available(managed),),
    )


def score(cluster: str, resource: str) -> Object:
    """The AddOnPlacementScore that holds the scores of one resource of a cluster; they are its status."""
    metadata = {"name": resource, "namespace": cluster, "labels": dict(OURS)}
    return {
        "apiVersion": "cluster.open-cluster-management.io/v1alpha1",
        "kind": "AddOnPlacementScore",
        "metadata": metadata,
    }


def score_status(values: Mapping[str, int], until: datetime | None) -> Object:
    """What an AddOnPlacementScore says.

    Args:
        values: score → value.
        until: when they end, which the hub knows by the second; None for never.
    """
    status: Object = {"scores": [{"name": name, "value": value} for name, value in sorted(values.items())]}
    if until is not None:
        status["validUntil"] = until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return status


def available(managed: Object) -> Condition:
    """Whether the cluster is within the hub's reach; False also where the hub has not heard of it for long."""
    spec, conditions = managed.get("spec", {}), managed.get("status", {}).get("conditions") or ()
    if not spec.get("hubAcceptsClient"):
        return Condition(type="Available", status="False", reason="NotAccepted", message="the hub has not accepted it")
    for each in conditions:
        if each["type"] == AVAILABLE:
            return _heard(each["status"], each.get("reason", ""), each.get("message", ""), each["lastTransitionTime"])
    return Condition(type="Available", status="False", reason="NeverJoined", message="its agent has not come yet")


@lru_cache(maxsize=16_384)  # one a cluster, where each has come at a time of its own
def _heard(status: str, reason: str, message: str, since: str) -> Condition:
    return Condition(
        type="Available",
        status="True" if status == "True" else "False",
        reason=reason,
        message=message,
        since=datetime.fromisoformat(since),
    )


def has_joined(managed: Object) -> bool:
    """Whether the agent of a cluster has ever come."""
    conditions = managed.get("status", {}).get("conditions") or ()
    return any(each["type"] == "ManagedClusterJoined" and each["status"] == "True" for each in conditions)


def members(clusters: Iterable[Object], sets: Iterable[Object], names: Sequence[str]) -> list[Object]:
    """The ManagedClusters of some sets, by name; those that are being deleted are not.

    Args:
        clusters: all of the hub.
        sets: all ManagedClusterSets.
        names: of the sets that count.
    """
    chosen = [each for each in sets if each["metadata"]["name"] in names]
    found = [
        each
        for each in clusters
        if "deletionTimestamp" not in each["metadata"] and any(_is_member(each, one) for one in chosen)
    ]
    return sorted(found, key=lambda each: str(each["metadata"]["name"]))


def _is_member(managed: Object, one: Object) -> bool:
    selector = one.get("spec", {}).get("clusterSelector") or {}
    labels = managed["metadata"].get("labels") or {}
    if selector.get("selectorType") != "LabelSelector":
        return bool(labels.get(SET) == one["metadata"]["name"])
    chosen = selector.get("labelSelector")
    if chosen is None:
        return False
    exact = all(labels.get(key) == value for key, value in (chosen.get("matchLabels") or {}).items())
    return exact and all(_meets(labels, each) for each in chosen.get("matchExpressions") or ())


def _meets(labels: dict[str, str], asked: Object) -> bool:
    value, values = labels.get(asked["key"]), asked.get("values") or ()
    match asked["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
    return value is None


def _amounts(given: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: str(value) for name, value in (given or {}).items() if _readable(str(value))}


def _scores(found: Object) -> Iterator[tuple[str, Score]]:
    """What others call their scores is theirs; a name that a placement of ours cannot say is left out."""
    resource, status = found["metadata"]["name"], found.get("status") or {}
    until = status.get("validUntil")
    for each in status.get("scores") or ():
        name = f"{resource}/{each['name']}"
        if _is_name(name):
            yield name, Score(value=each.get("value", 0), valid_until=datetime.fromisoformat(until) if until else None)


def _is_name(score: str) -> bool:
    try:
        return bool(is_score_name(score))
    except ValueError:
        return False


@lru_cache(maxsize=4096)  # thousands of clusters have the same few
def _readable(value: str) -> bool:
    try:
        return quantities.parse(value) >= 0
    except ValueError:
        return False
