"""What can go wrong on a cluster is seen in the status, with the cluster's own reason."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

import i4q_ai as i4q
from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeploymentFailed
from i4q_ai.status import Observation, Phase
from i4q_ai.testing.plant import on
from tests.e2e.plant.conftest import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from i4q_ai.testing.samples import Samples
    from tests.testbed.controlplane import ControlPlane


def _until_reason(deployment: i4q.Deployment, *reasons: str) -> Observation:
    last: Observation | None = None
    for status in deployment.watch(timeout=PATIENCE):
        for row in status.clusters:
            last = row
            if row.reason in reasons:
                return row
    raise AssertionError(f"never said {' or '.join(reasons)}; at last: {last}")


def test_an_image_that_does_not_exist(hub: i4q.Hub, registry_of_plant: str) -> None:
    image = f"{registry_of_plant}/plant/nothing@sha256:{'0' * 64}"
    lost = i4q.Workload(name="lost", version="1", image=image)
    row = _until_reason(hub.deploy(lost, to=on("edge-1")), "ImagePullBackOff")
    assert row.phase is Phase.FAILED
    assert "nothing" in row.message


def test_a_pod_that_never_gets_ready(hub: i4q.Hub, registry_of_plant: str, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import time\nwhile True:\n    time.sleep(1)\n")
    command = ["python", "main.py"]
    mute = i4q.Workload.from_dir(tmp_path, name="mute", version="1", command=command, port=8000, ready="/health")
    row = _until_reason(hub.deploy(mute.push(f"{registry_of_plant}/plant/mute"), to=on("edge-1")), "NotReady")
    assert row.phase is Phase.STARTING


def test_a_program_that_fails_says_its_last_words(hub: i4q.Hub, registry_of_plant: str, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("raise SystemExit('no spindle found')\n")
    bad = i4q.Workload.from_dir(tmp_path, name="bad", version="1", command=["python", "main.py"])
    deployment = hub.deploy(bad.push(f"{registry_of_plant}/plant/bad"), to=on("edge-1"))
    with pytest.raises(DeploymentFailed, match="no spindle found"):
        deployment.wait(timeout=PATIENCE)


def test_a_model_that_cannot_be_served(hub: i4q.Hub, samples: Samples) -> None:
    deployment = hub.deploy(samples.broken, to=on("edge-1"))
    with pytest.raises(DeploymentFailed, match="wear"):
        deployment.wait(timeout=PATIENCE)
    assert deployment.status().clusters[0].reason == "ModelRefused"


@pytest.fixture
def full(plant: ControlPlane) -> Iterator[str]:
    """An edge whose node takes no more pods."""
    plant.edges["edge-3"].kubectl("cordon", "edge-3")
    yield "edge-3"
    plant.edges["edge-3"].kubectl("uncordon", "edge-3")


def test_a_node_without_room(hub: i4q.Hub, samples: Samples, full: str) -> None:
    row = _until_reason(hub.deploy(samples.one, to=on(full)), "Unschedulable")
    assert row.phase is Phase.PENDING
    assert "0/1 nodes are available" in row.message


@pytest.fixture
def strict(plant: ControlPlane, hub: i4q.Hub) -> Iterator[str]:
    """An edge whose API server rejects every Deployment in the namespace of the test."""
    edge, name = plant.edges["edge-1"], f"none-in-{hub.namespace}"
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["apps"],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["deployments"],
                    }
                ]
            },
            "validations": [{"expression": "false", "message": "the plant manager has said no"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {
            "policyName": name,
            "validationActions": ["Deny"],
            "matchResources": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": hub.namespace}},
            },
        },
    }
    for each in (policy, binding):
        edge.kubectl("apply", "-f", "-", input=json.dumps(each))
    yield "edge-1"
    edge.kubectl("delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", name)


def test_what_the_api_server_rejects(hub: i4q.Hub, plant: ControlPlane, samples: Samples, strict: str) -> None:
    plant.edges[strict].kubectl("create", "namespace", hub.namespace)
    _wait_for_policy(plant, strict, hub.namespace)
    with pytest.raises(DeploymentFailed, match="the plant manager has said no"):
        hub.deploy(samples.one, to=on(strict))
    row = hub.get(samples.one.name).status().clusters[0]
    assert row.phase is Phase.FAILED
    assert "the plant manager has said no" in row.message


def _wait_for_policy(plant: ControlPlane, cluster: str, namespace: str) -> None:
    """A policy works a moment after it was made; the API server does not say when."""
    deadline = Deadline.after(PATIENCE, "waiting for the policy")
    probe = ("create", "deployment", "probe", "--image=none", "-n", namespace, "--dry-run=server")
    while "has said no" not in _said(plant, cluster, probe):
        deadline.pause(0.5)


def _said(plant: ControlPlane, cluster: str, command: tuple[str, ...]) -> str:
    try:
        return plant.edges[cluster].kubectl(*command)
    except Exception as error:  # whatever the test bed raises, its text is what kubectl wrote
        return str(error)
