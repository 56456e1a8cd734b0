"""The whole story on real clusters: by label, with a workload beside, under load, back again, moved, gone."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

import numpy as np

import i4q_ai as i4q
from i4q_ai.status import Phase
from i4q_ai_kubectl.inventory import read
from tests.e2e.plant.conftest import PATIENCE
from tests.e2e.plant.load import asking

if TYPE_CHECKING:
    from pathlib import Path

    from i4q_ai.testing.samples import Samples
    from tests.testbed.controlplane import ControlPlane
    from tests.testbed.edge import Edge


def test_a_model_by_label_asked_by_a_workload_updated_under_load_and_back(
    hub: i4q.Hub, plant: ControlPlane, inventory: Path, wear: tuple[i4q.Model, i4q.Model],
    machine_rows: tuple[np.ndarray, np.ndarray],
) -> None:  # fmt: skip
    key = f"{hub.namespace}/line"
    hub.clusters.label("edge-1", {key: "cnc"})
    hub.clusters.label("edge-2", {key: "cnc"})
    deployment = hub.deploy(wear[0], to=i4q.Placement("cnc", i4q.Label(key) == "cnc")).wait(timeout=PATIENCE)
    rows = machine_rows[0][:3]
    for cluster in ("edge-1", "edge-2"):
        assert deployment.client(cluster).infer(rows), "it answers over REST"
    row = deployment.status().clusters[0]
    assert row.address is not None
    url = f"{row.address}/v2/models/{deployment.name}"
    edge, image = plant.edges["edge-1"], read(inventory).image
    assert image is not None
    with asking(edge, hub.namespace, image, url, [float(value) for value in rows[0]]) as load:
        load.until("1")
        deployment.update(wear[1]).wait(timeout=PATIENCE)
        load.until("2")
        deployment.rollback().wait(timeout=PATIENCE)
        told = load.until("1")
    assert told["failed"] == [], f"{len(told['failed'])} of {told['asked']} requests"
    hub.clusters.label("edge-1", {key: None}, refresh=False)
    hub.clusters.label("edge-2", {key: None})


def test_a_label_moves_the_model_and_a_deleted_one_leaves_nothing(
    hub: i4q.Hub, plant: ControlPlane, samples: Samples
) -> None:
    key = f"{hub.namespace}/line"
    hub.clusters.label("edge-1", {key: "cnc"})
    where = i4q.Placement("cnc", i4q.Label(key) == "cnc")
    model = hub.deploy(samples.one, to=where)
    line = hub.deploy(samples.by_url, to=where)
    model.wait(timeout=PATIENCE)
    line.wait(timeout=PATIENCE)
    assert _asked(line.address("edge-1"))["factor"] == 1.0, "the workload asks the model through its Service"
    hub.clusters.label("edge-3", {key: "cnc"}, refresh=False)
    hub.clusters.label("edge-1", {key: None})
    for status in line.watch(timeout=PATIENCE):
        if [(row.cluster, row.phase) for row in status.clusters] == [("edge-3", Phase.READY)]:
            break
    assert _asked(line.address("edge-3"))["factor"] == 1.0
    line.delete(timeout=PATIENCE)
    model.delete(timeout=PATIENCE)
    for edge in plant.edges.values():
        assert _left(edge, hub.namespace) == []
    assert _left(plant.hub, hub.namespace) == []
    hub.clusters.label("edge-3", {key: None})


def _asked(url: str) -> dict[str, float]:
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}/", timeout=30) as answer:
        said: dict[str, float] = json.loads(answer.read())
    return said


_SERVERS_OWN = {"events", "events.events.k8s.io", "configmaps", "serviceaccounts"}


def _left(cluster: Edge | object, namespace: str) -> list[str]:
    """Every object, of every kind that can be listed, which carries our mark and this namespace."""
    kubectl = cluster.kubectl  # type: ignore[attr-defined]
    kinds = kubectl("api-resources", "--verbs=list", "-o", "name").split()
    mark = f"app.kubernetes.io/managed-by=i4q-ai,i4q.ai/namespace={namespace}"
    found = kubectl("get", ",".join(kinds), "-A", "-l", mark, "-o", "name").split()
    record = f"app.kubernetes.io/managed-by=i4q-ai,i4q.ai/record-namespace={namespace}"
    found += kubectl("get", "configmaps,controllerrevisions", "-A", "-l", record, "-o", "name").split()
    # What carries no mark must have been there before us: what every namespace gets by itself.
    plain = [kind for kind in kinds if kind not in _SERVERS_OWN and not kind.startswith("events")]
    namespaced = set(kubectl("api-resources", "--namespaced=true", "--verbs=list", "-o", "name").split())
    names = ",".join(kind for kind in plain if kind in namespaced)
    return [*found, *kubectl("get", names, "-n", namespace, "-o", "name").split()]
