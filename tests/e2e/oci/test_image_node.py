"""The archive of the edge image on a real node: imported without a registry, and run by its digest."""

from __future__ import annotations

import json

from tests.testbed.controlplane import ControlPlane
from tests.testbed.images import EdgeImage

_SOON = "--timeout=120s"


def test_a_node_runs_the_archive_by_digest(plant: ControlPlane, plant_namespace: str, edge_image: EdgeImage) -> None:
    edge = plant.edges["edge-1"]
    edge.import_image(edge_image.tar)
    names = edge.ctr("images", "list", "--quiet").split()
    assert edge_image.reference in names
    assert any(name.startswith("localhost/i4q-ai/edge:") for name in names)
    guarded = {
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {
        "name": "main",
        "image": edge_image.reference,
        "imagePullPolicy": "Never",
        "args": ["i4q_ai.serve", "--help"],
        "securityContext": guarded,
    }
    spec = {"containers": [container], "restartPolicy": "Never"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "help"}, "spec": spec}
    edge.kubectl("apply", "-n", plant_namespace, "-f", "-", input=json.dumps(pod))
    edge.kubectl("wait", "-n", plant_namespace, "--for=jsonpath={.status.phase}=Succeeded", "pod/help", _SOON)
    assert "Open Inference Protocol" in edge.kubectl("logs", "-n", plant_namespace, "help")
