"""A chart on a real edge: installed by helm until the pod answers, upgraded to nodes that mount, gone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from i4q_ai.manifests import chart
from i4q_ai.oci.consumers import charting
from tests.testbed.helm import Helm, helm

if TYPE_CHECKING:
    from pathlib import Path

    from i4q_ai.testing.samples import Samples
    from tests.testbed.controlplane import ControlPlane
    from tests.testbed.edge import Edge
    from tests.testbed.images import EdgeImage

__all__ = ["helm"]


def _asked(edge: Edge, namespace: str, value: float) -> float:
    """What the model answers through its Service."""
    tensor = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [value]}
    path = f"/api/v1/namespaces/{namespace}/services/model-wear:8080/proxy/v2/models/wear/infer"
    said = edge.kubectl("create", "--raw", path, "-f", "-", input=json.dumps({"inputs": [tensor]}))
    answer: float = json.loads(said)["outputs"][0]["data"][0]
    return answer


def _volume(edge: Edge, namespace: str) -> set[str]:
    pods = json.loads(edge.kubectl("get", "pods", "-n", namespace, "-l", "i4q.ai/deployment=wear", "-o", "json"))
    return {
        next(iter(set(volume) - {"name"}))
        for pod in pods["items"]
        if "deletionTimestamp" not in pod["metadata"]
        for volume in pod["spec"]["volumes"]
        if volume["name"] == "model"
    }


@pytest.mark.usefixtures("registry_of_plant")
def test_helm_installs_upgrades_and_takes_away(
    plant: ControlPlane, plant_namespace: str, samples: Samples, edge_image: EdgeImage, helm: Helm, tmp_path: Path
) -> None:
    edge, host = plant.edges["edge-2"], plant.registry.host
    image = edge_image.push(host)
    for model in (samples.one, samples.two):
        charting.write(chart(model, image=image), f"oci://{host}/{plant_namespace}")
    source = ["wear", f"oci://{host}/{plant_namespace}/wear", "--plain-http", "--set", f"plainHTTP={{{host}}}"]
    where = ["--kubeconfig", str(edge.kubeconfig), "--namespace", plant_namespace]
    wait = ["--wait", "--timeout", "180s"]
    helm("install", *source, "--version", "1.0.0", *where, *wait)
    assert _asked(edge, plant_namespace, 3.0) == 3.0
    assert _volume(edge, plant_namespace) == {"emptyDir"}
    helm("upgrade", *source, "--version", "2.0.0", "--set", "imageVolumes=always", *where, *wait)
    assert _asked(edge, plant_namespace, 3.0) == 6.0
    assert _volume(edge, plant_namespace) == {"image"}
    helm("uninstall", "wear", *where, *wait)
    assert edge.kubectl("get", "deployments,services,pdb", "-n", plant_namespace, "-o", "name").split() == []
