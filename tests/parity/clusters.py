"""Random clusters and their scores."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

Object = dict[str, Any]

KEYS = {
    "site": ("bilbao", "munich", "factor", "valencia"),
    "line": ("cnc", "press", "robot"),
    "gpu": ("true", "false"),
    "tier": ("canary", "prod", ""),
    "size": ("4Gi", "large", "250m"),
    "address": ("10.1.2.3", "10.2.0.1", "fd00--1", "none"),
}
CLAIMS = {
    "region": ("eu-1", "eu-2", "us-1"),
    "storage": ("ssd", "hdd"),
    "platform.open-cluster-management.io": ("k3s",),
}
TAINT_KEYS = ("dedicated", "maintenance", "cluster.open-cluster-management.io/unreachable")
TAINT_VALUES = ("vision", "audio", "")
RESOURCES = ("model-score", "resource-usage")
SCORES = ("accuracy", "latency", "gpus")

_VERSIONS = ("v1.30.4", "v1.31.1+k3s1", "v1.33.0", "1.34.0", "v1.32.0-rc.1", "v1.32", "")
_CPU = ("0", "2", "4", "16", "500m", "3500m", "10500m", "1e1", "0.25", "7999999u", "1k", "2.5", "333333333n", 3)
_MEMORY = (
    "0",
    "512Mi",
    "4Gi",
    "7.5Gi",
    "32Gi",
    "30509434968",
    "1e9",
    "16E",
    "9Ei",
    "123456789012345678901",
    "1500M",
    "8G",
)
_JSONS = (
    '{"gpus": 2, "models": ["chatter"], "plant": {"name": "bilbao"}}',
    '{"gpus": 1.5, "models": []}',
    '{"gpus": "many"}',
    "[1]",
    "no json",
)
_EFFECTS = ("NoSelect", "PreferNoSelect", "NoSelectIfNew")
_AGES = (None, 10_000_000, 3600, 601, 600, 599, 0, -60)
_GROUP = "cluster.open-cluster-management.io"


def clusters(random: Random, now: datetime) -> list[Object]:
    """From none to twelve, a big world now and then."""
    number = (
        random.choice((1, 2, 3, 4, 5, 6, 7, 8, 9, 12)) if random.random() < 0.97 else random.choice((0, 0, 0, 0, 230))
    )
    return [_cluster(random, f"edge-{each}", now) for each in range(number)]


def _cluster(random: Random, name: str, now: datetime) -> Object:
    metadata: Object = {"name": name, "labels": _labels(random)}
    if random.random() < 0.05:
        del metadata["labels"]
    if random.random() < 0.3:
        metadata["annotations"] = {"json": random.choice(_JSONS), "version": random.choice(_VERSIONS)}
    if random.random() < 0.04:
        metadata |= {"deletionTimestamp": _time(now, 0), "finalizers": ["someone/waits"]}
    spec: Object = {"hubAcceptsClient": random.random() < 0.9}
    if random.random() < 0.3:
        spec["leaseDurationSeconds"] = random.choice((30, 60))
    if random.random() < 0.6:
        spec["taints"] = [_taint(random, now) for _ in range(random.choice((0, 1, 1, 1, 2)))]
    made = {"apiVersion": f"{_GROUP}/v1", "kind": "ManagedCluster", "metadata": metadata, "spec": spec}
    if random.random() < 0.97:
        made["status"] = _status(random)
    return made


def _labels(random: Random) -> dict[str, str]:
    labels = {key: random.choice(values) for key, values in KEYS.items() if random.random() < 0.6}
    if random.random() < 0.85:
        labels[f"{_GROUP}/clusterset"] = random.choice(("edge", "edge", "lab", "selected", "other"))
    return labels


def _taint(random: Random, now: datetime) -> Object:
    taint: Object = {"key": random.choice(TAINT_KEYS), "effect": random.choice(_EFFECTS)}
    if value := random.choice(TAINT_VALUES):
        taint["value"] = value
    age = random.choice(_AGES)
    taint["timeAdded"] = None if age is None else _time(now, -age)
    return taint


def _status(random: Random) -> Object:
    status: Object = {"conditions": []}
    if random.random() < 0.8:
        state = random.choice(("True", "False", "Unknown"))
        status["conditions"] = [
            {
                "type": "ManagedClusterConditionAvailable",
                "status": state,
                "reason": "Seen",
                "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ]
    if random.random() < 0.9:
        status["version"] = {"kubernetes": version} if (version := random.choice(_VERSIONS)) else {}
    claims = [{"name": name, "value": random.choice(CLAIMS[name])} for name in CLAIMS if random.random() < 0.6]
    if claims or random.random() < 0.5:
        status["clusterClaims"] = claims
    return status | _resources(random)


def _resources(random: Random) -> Object:
    found: Object = {}
    for field in ("capacity", "allocatable"):
        if random.random() < 0.1:
            continue
        amounts: Object = {"cpu": random.choice(_CPU), "memory": random.choice(_MEMORY)}
        if random.random() < 0.3:
            amounts["nvidia.com/gpu"] = random.choice(("1", "2", "4"))
        if random.random() < 0.1:
            del amounts[random.choice(("cpu", "memory"))]
        found[field] = amounts
    return found


def scores(random: Random, names: list[str], now: datetime) -> list[Object]:
    """AddOnPlacementScores: valid, run out, valid to this very moment, or without an end."""
    found = []
    for resource in RESOURCES:
        for name in [*names, "edge-gone"]:
            if random.random() < 0.4:
                continue
            values = [{"name": each, "value": random.randint(-100, 100)} for each in SCORES if random.random() < 0.6]
            status: Object = {"scores": values}
            if (ends := random.choice((None, None, 3600, 0, -1, -3600))) is not None:
                status["validUntil"] = _time(now, ends)
            found.append(
                {
                    "apiVersion": f"{_GROUP}/v1alpha1",
                    "kind": "AddOnPlacementScore",
                    "metadata": {"name": resource, "namespace": name},
                    "status": status,
                }
            )
    return found


def _time(when: datetime, seconds: int) -> str:
    return (when + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
