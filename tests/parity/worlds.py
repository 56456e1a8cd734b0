"""Random worlds for the scheduler: a seed makes a case, and says what it holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.parity.clusters import KEYS, RESOURCES, SCORES, TAINT_KEYS, TAINT_VALUES, clusters, scores
from tests.parity.placements import placement

NAMESPACE, NAME = "ai", "p"
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
_GROUP = "cluster.open-cluster-management.io"
_SETS = ("edge", "lab", "selected", "everyone", "nobody", "gone")

Object = dict[str, Any]
__all__ = ["KEYS", "NAME", "NAMESPACE", "NOW", "RESOURCES", "SCORES", "TAINT_KEYS", "TAINT_VALUES", "Case", "case"]


@dataclass
class Case:
    """A world with one placement that is asked for.

    Args:
        seed: what made it.
        objects: as `kubectl get -o json` prints them.
        traits: what was put into it on purpose.
    """

    seed: str
    objects: list[Object]
    traits: set[str] = field(default_factory=set)


def case(seed: str) -> Case:
    """The case that a seed makes, always the same."""
    random, traits = Random(seed), set[str]()
    made = clusters(random, NOW)
    names = [each["metadata"]["name"] for each in made]
    objects = [*made, *_sets(random), *_bindings(random), *scores(random, names, NOW)]
    objects += _decisions(random, names)
    objects.append(_asked(random, traits))
    if random.random() < 0.2:
        random.shuffle(objects)
    return Case(seed, objects, traits)


def _asked(random: Random, traits: set[str]) -> Object:
    metadata: Object = {"name": NAME, "namespace": NAMESPACE}
    if random.random() < 0.02:
        metadata["annotations"] = {f"{_GROUP}/experimental-scheduling-disable": "true"}
        traits.add("left alone: disabled")
    elif random.random() < 0.02:
        metadata |= {"deletionTimestamp": _time(NOW), "finalizers": ["someone/waits"]}
        traits.add("left alone: being deleted")
    elif random.random() < 0.02:
        metadata["annotations"] = {f"{_GROUP}/experimental-scheduling-disable": "no"}
    return {
        "apiVersion": f"{_GROUP}/v1beta1",
        "kind": "Placement",
        "metadata": metadata,
        "spec": placement(random, _SETS, traits),
    }


def _sets(random: Random) -> list[Object]:
    selectors: dict[str, Object | None] = {
        "edge": {"selectorType": "ExclusiveClusterSetLabel"},
        "lab": None,
        "selected": {
            "selectorType": "LabelSelector",
            "labelSelector": random.choice(
                [
                    {"matchLabels": {"site": random.choice(KEYS["site"])}},
                    {"matchExpressions": [{"key": "line", "operator": "NotIn", "values": ["cnc"]}]},
                    {"matchExpressions": [{"key": "gpu", "operator": "Exists"}]},
                ]
            ),
        },
        "everyone": {"selectorType": "LabelSelector", "labelSelector": {}},
        "nobody": {"selectorType": "LabelSelector"},
    }
    return [
        {
            "apiVersion": f"{_GROUP}/v1beta2",
            "kind": "ManagedClusterSet",
            "metadata": {"name": name},
            **({"spec": {"clusterSelector": selector}} if selector else {}),
        }
        for name, selector in selectors.items()
        if random.random() < 0.93
    ]


def _bindings(random: Random) -> list[Object]:
    bound = set() if random.random() < 0.03 else {name for name in _SETS if random.random() < 0.55}
    if random.random() < 0.75:
        bound.add("everyone")
    found = [(name, NAMESPACE) for name in sorted(bound)]
    found += [(name, "other") for name in _SETS if random.random() < 0.2]
    return [
        {
            "apiVersion": f"{_GROUP}/v1beta2",
            "kind": "ManagedClusterSetBinding",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"clusterSet": name if random.random() < 0.97 else "lab"},
        }
        for name, namespace in found
    ]


def _decisions(random: Random, names: list[str]) -> list[Object]:
    """Those that stand: of the placement itself, of others, of one with the same name elsewhere, of nobody."""
    found = []
    for namespace, owner, parts in (
        (NAMESPACE, NAME, random.choice((0, 1, 1, 2))),
        (NAMESPACE, "another", random.choice((0, 1, 2))),
        ("other", NAME, random.choice((0, 0, 1))),
        ("other", "p-decision", random.choice((0, 0, 0, 1))),
        (NAMESPACE, "", random.choice((0, 0, 0, 0, 1))),
    ):
        for part in range(1, parts + 1):
            chosen = random.sample(names, random.randint(0, len(names)))
            if random.random() < 0.2:
                chosen.append("edge-gone")
            if chosen and random.random() < 0.05:
                chosen.append(chosen[0])
            found.append(_decision(namespace, owner, part, chosen))
    return found


def _decision(namespace: str, owner: str, part: int, chosen: list[str]) -> Object:
    labels = {f"{_GROUP}/placement": owner, f"{_GROUP}/decision-group-index": "0"}
    metadata: Object = {"name": f"{owner or 'stray'}-decision-{part}", "namespace": namespace}
    if owner:
        metadata["labels"] = labels
    return {
        "apiVersion": f"{_GROUP}/v1beta1",
        "kind": "PlacementDecision",
        "metadata": metadata,
        "status": {"decisions": [{"clusterName": name, "reason": ""} for name in chosen]},
    }


def _time(when: datetime, seconds: int = 0) -> str:
    return (when + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
