"""Somebody else changes what is ours: shown field by field, repaired on request, never taken silently."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import i4q_ai as i4q
from i4q_ai.errors import DeploymentFailed, OwnedError
from i4q_ai.testing.plant import on
from tests.e2e.plant.conftest import PATIENCE

if TYPE_CHECKING:
    from i4q_ai.testing.samples import Samples
    from tests.testbed.controlplane import ControlPlane


def _replicas(plant: ControlPlane, namespace: str) -> str:
    return plant.edges["edge-1"].kubectl(
        "get", "deployment", "model-wear", "-n", namespace, "-o", "jsonpath={.spec.replicas}"
    )


def test_a_field_that_somebody_else_took(hub: i4q.Hub, plant: ControlPlane, samples: Samples) -> None:
    deployment = hub.deploy(samples.one, to=on("edge-1")).wait(timeout=PATIENCE)
    assert deployment.drift() == []
    patch = ("patch", "deployment", "model-wear", "-n", hub.namespace, "-p", '{"spec": {"replicas": 0}}')
    plant.edges["edge-1"].kubectl(*patch, "--field-manager=night-shift")
    (found,) = deployment.drift()
    assert (found.cluster, found.object, found.verb) == ("edge-1", "Deployment model-wear", "update")
    assert any("replicas: 0" in line for line in found.lines)
    assert any("replicas" in line and "night-shift" in line for line in found.conflicts)
    assert "drift" in str(hub.plan(samples.one, to=on("edge-1")))
    with pytest.raises(DeploymentFailed, match=r"replicas.*night-shift"):
        deployment.repair()
    assert _replicas(plant, hub.namespace) == "0", "nothing is taken without being asked"
    deployment.repair(force=True).wait(timeout=PATIENCE)
    assert _replicas(plant, hub.namespace) == "1"
    assert deployment.drift() == []


def test_an_object_that_somebody_deleted(hub: i4q.Hub, plant: ControlPlane, samples: Samples) -> None:
    deployment = hub.deploy(samples.one, to=on("edge-1")).wait(timeout=PATIENCE)
    plant.edges["edge-1"].kubectl("delete", "service", "model-wear", "-n", hub.namespace)
    assert [(each.object, each.verb) for each in deployment.drift()] == [("Service model-wear", "create")]
    deployment.repair()
    assert deployment.drift() == []


def test_what_is_not_ours_is_left_alone(hub: i4q.Hub, plant: ControlPlane, samples: Samples) -> None:
    edge = plant.edges["edge-1"]
    edge.kubectl("create", "namespace", hub.namespace)
    edge.kubectl("create", "service", "clusterip", "model-wear", "--tcp=1:1", "-n", hub.namespace)
    with pytest.raises(OwnedError, match="not ours"):
        hub.plan(samples.one, to=on("edge-1"))
    with pytest.raises(DeploymentFailed, match="not ours"):
        hub.deploy(samples.one, to=on("edge-1"))
    hub.get(samples.one.name).delete(timeout=PATIENCE)
    assert "model-wear" in edge.kubectl("get", "service", "-n", hub.namespace, "-o", "name")
