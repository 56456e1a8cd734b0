"""Placements decided over many clusters, against Open Cluster Management's own scheduler on the same data.

Run: python -m tests.bench placing
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from subprocess import run as run_process
from time import perf_counter
from typing import Any

from i4q_ai.placing.scheduler import Index, World, schedule
from tests.bench.rows import Row, compared, limited
from tests.testbed.oracle import measured

CLUSTERS = 10_000
PLACEMENTS = 100
CEL_PLACEMENTS = 5
ROUNDS = 3
GROWTH = (100, 1_000, 10_000, 100_000)
NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
FASTER = 0.1
"""Ours may take a tenth of OCM's time."""
MEMORY = 300
"""MiB, the whole process."""

Object = dict[str, Any]
_GROUP = "cluster.open-cluster-management.io"
_SITES = tuple(f"site-{number}" for number in range(40))
_CEL = (
    "managedCluster.metadata.labels['site'].startsWith('site-1')"
    " && quantity(managedCluster.status.allocatable.memory).isGreaterThan(quantity('{memory}Gi'))"
)
"""Another one for every placement: ours keeps what it has evaluated once, and OCM keeps nothing."""


def run() -> list[Row]:
    """Both decide the same placements in one run; what they chose must be the same."""
    plain = _world(CLUSTERS, PLACEMENTS)
    with_cel = _world(CLUSTERS, CEL_PLACEMENTS, cel=True)
    about = f"{CLUSTERS} clusters; a placement; the median of {PLACEMENTS}, {ROUNDS} rounds each"
    rows = [
        _against_ocm("labels, claims, taints, default and resource prioritizers", plain, FASTER, about),
        _against_ocm(
            "the same with a CEL predicate", with_cel, 1.0, f"the same, of {CEL_PLACEMENTS}; ours the first round"
        ),
        limited("memory of a process that decides them all", _memory(), goal=MEMORY, unit="MiB", note="peak, resident"),
    ]
    return rows + [_growth(number) for number in GROWTH]


def _against_ocm(figure: str, objects: Sequence[Object], goal: float, note: str) -> Row:
    theirs = measured(objects, now=NOW, rounds=ROUNDS)
    ours = _measure(objects, rounds=1 if goal == 1.0 else ROUNDS)
    for name, (_, digest) in ours.items():
        if digest != theirs[name]["sha256"]:
            raise AssertionError(f"{name} is decided otherwise")
    peer = median(min(each["seconds"]) for each in theirs.values()) * 1000
    return compared(
        figure, median(seconds for seconds, _ in ours.values()) * 1000, peer, goal=goal, unit="ms", note=note
    )


def _measure(objects: Sequence[Object], *, rounds: int) -> dict[str, tuple[float, str]]:
    """Placement → seconds to decide it, and a digest of what was chosen; the index is made once before."""
    world = World(Index(each for each in objects if each["kind"] == "ManagedCluster"), objects)
    found = {}
    for namespace, name in world.placements:
        times = []
        for _ in range(rounds):
            began = perf_counter()
            scheduled = schedule(world, namespace, name, now=NOW)
            ordered = scheduled.ordered
            times.append(perf_counter() - began)
        found[name] = (min(times), hashlib.sha256(",".join(ordered).encode()).hexdigest())
    return found


def _growth(number: int) -> Row:
    objects = _world(number, 20)
    milliseconds = median(seconds for seconds, _ in _measure(objects, rounds=ROUNDS).values()) * 1000
    note = "ours alone; the median of 20 placements"
    return Row(
        figure=f"a placement over {number} clusters", ours=milliseconds, peer=None, ratio=None, goal=None, unit="ms",
        note=note, ok=True,
    )  # fmt: skip


def _memory() -> float:
    """MiB at the peak of a process of its own, which makes the world and decides every placement of it."""
    program = (
        "import resource; from tests.bench import bench_placing as b;"
        "b._measure(b._world(b.CLUSTERS, b.PLACEMENTS), rounds=1);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if b.sys.platform == 'darwin' else 2**10))"
    )
    root = Path(__file__).parents[2]
    done = run_process(
        [sys.executable, "-c", program],
        cwd=root,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=600,
        check=True,
    )
    return float(done.stdout)


def _world(clusters: int, placements: int, *, cel: bool = False) -> list[Object]:
    """Clusters in one set that is bound, and placements of which half are decided already."""
    random = Random(7)
    made = [_cluster(random, number) for number in range(clusters)]
    names = [each["metadata"]["name"] for each in made]
    everyone = {"clusterSelector": {"selectorType": "LabelSelector", "labelSelector": {}}}
    around = [
        _object("v1beta2", "ManagedClusterSet", "all", None, {"spec": everyone}),
        _object("v1beta2", "ManagedClusterSetBinding", "all", "ai", {"spec": {"clusterSet": "all"}}),
    ]
    for number in range(placements):
        around.append(_placement(random, number, cel))
        if number % 2:
            around.append(_decision(random, number, names))
    return made + around


def _cluster(random: Random, number: int) -> Object:
    labels = {"site": random.choice(_SITES), "line": random.choice(("cnc", "press", "robot"))}
    if random.random() < 0.5:
        labels["gpu"] = random.choice(("true", "false"))
    claims = [{"name": "region", "value": random.choice(("eu-1", "eu-2", "us-1"))}]
    taints = [{"key": "dedicated", "value": "vision", "effect": random.choice(("NoSelect", "PreferNoSelect"))}]
    cpu, memory = random.choice((4, 8, 16)), random.choice((8, 16, 32))
    free = {"cpu": f"{random.randint(100, cpu * 1000)}m", "memory": f"{random.randint(512, memory * 1024)}Mi"}
    status = {"clusterClaims": claims, "capacity": {"cpu": str(cpu), "memory": f"{memory}Gi"}, "allocatable": free}
    spec: Object = {"hubAcceptsClient": True}
    if random.random() < 0.2:
        spec["taints"] = taints
    made = _object("v1", "ManagedCluster", f"edge-{number:06}", None, {"spec": spec, "status": status})
    made["metadata"]["labels"] = labels
    return made


def _placement(random: Random, number: int, cel: bool) -> Object:
    selector: Object = {
        "labelSelector": {
            "matchLabels": {"line": random.choice(("cnc", "press", "robot"))},
            "matchExpressions": [{"key": "gpu", "operator": random.choice(("Exists", "DoesNotExist"))}],
        },
        "claimSelector": {"matchExpressions": [{"key": "region", "operator": "NotIn", "values": ["us-1"]}]},
    }
    if cel:
        selector = {"celSelector": {"celExpressions": [_CEL.format(memory=2 + number)]}}
    resources = ("ResourceAllocatableCPU", "ResourceAllocatableMemory")
    configurations = [{"scoreCoordinate": {"type": "BuiltIn", "builtIn": each}, "weight": 2} for each in resources]
    spec = {
        "predicates": [{"requiredClusterSelector": selector}],
        "prioritizerPolicy": {"mode": "Additive", "configurations": configurations},
        "tolerations": [{"key": "dedicated", "operator": "Exists"}] if random.random() < 0.5 else [],
    }
    if random.random() < 0.8:
        spec["numberOfClusters"] = random.choice((3, 10, 100, 1000))
    return _object("v1beta1", "Placement", f"p{number}", "ai", {"spec": spec})


def _decision(random: Random, number: int, names: Sequence[str]) -> Object:
    chosen = random.sample(names, min(100, len(names)))
    status = {"decisions": [{"clusterName": name, "reason": ""} for name in chosen]}
    made = _object("v1beta1", "PlacementDecision", f"p{number}-decision-1", "ai", {"status": status})
    made["metadata"]["labels"] = {f"{_GROUP}/placement": f"p{number}"}
    return made


def _object(version: str, kind: str, name: str, namespace: str | None, rest: Object) -> Object:
    metadata: Object = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": f"{_GROUP}/{version}", "kind": kind, "metadata": metadata, **rest}
