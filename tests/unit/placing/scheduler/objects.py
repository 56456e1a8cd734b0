"""Objects as a hub has them, with what a test is about and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SET_LABEL = "cluster.open-cluster-management.io/clusterset"


def cluster(name: str, *, taints: list[dict[str, Any]] | None = None, **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": {SET_LABEL: "edge", **labels}}
    return {"kind": "ManagedCluster", "metadata": metadata, "spec": {"taints": taints or []}, "status": {}}


def with_resources(name: str, **allocatable: str) -> dict[str, Any]:
    return cluster(name) | {"status": {"allocatable": allocatable, "capacity": allocatable}}


def placement(name: str = "p", **spec: Any) -> dict[str, Any]:
    return {"kind": "Placement", "metadata": {"name": name, "namespace": "ai"}, "spec": spec}


def decision(placement_name: str, *clusters: str, namespace: str = "ai") -> dict[str, Any]:
    labels = {"cluster.open-cluster-management.io/placement": placement_name}
    metadata = {"name": f"{placement_name}-decision-1", "namespace": namespace, "labels": labels}
    decisions = [{"clusterName": each, "reason": ""} for each in clusters]
    return {"kind": "PlacementDecision", "metadata": metadata, "status": {"decisions": decisions}}


def score(cluster_name: str, value: int, **status: Any) -> dict[str, Any]:
    metadata = {"name": "model", "namespace": cluster_name}
    scores = [{"name": "accuracy", "value": value}]
    return {"kind": "AddOnPlacementScore", "metadata": metadata, "status": {"scores": scores, **status}}


def bound(name: str = "edge", **selector: Any) -> list[dict[str, Any]]:
    spec = {"clusterSelector": selector} if selector else {}
    return [
        {"kind": "ManagedClusterSet", "metadata": {"name": name}, "spec": spec},
        {
            "kind": "ManagedClusterSetBinding",
            "metadata": {"name": name, "namespace": "ai"},
            "spec": {"clusterSet": name},
        },
    ]


def built_in(name: str, weight: int = 1) -> dict[str, Any]:
    return {"scoreCoordinate": {"type": "BuiltIn", "builtIn": name}, "weight": weight}


ADD_ON = {"scoreCoordinate": {"type": "AddOn", "addOn": {"resourceName": "model", "scoreName": "accuracy"}}}
