"""Versions by group, a canary before the rest, and a roll-out finer than groups: no running pod is lost between."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import i4q_ai as i4q
from i4q_ai.errors import DeploymentFailed
from i4q_ai.status import Phase
from tests.e2e.ocm.conftest import PATIENCE

if TYPE_CHECKING:
    from i4q_ai.deployment import Deployment
    from i4q_ai.testing.samples import Samples
    from tests.e2e.ocm.conftest import Label
    from tests.testbed.ocm import Management


def _versions(deployment: Deployment) -> dict[str, tuple[Phase, str]]:
    return {row.cluster: (row.phase, row.version) for row in deployment.status().clusters}


def _works(ocm_plant: Management, namespace: str, kind: str) -> list[str]:
    mark = f"app.kubernetes.io/managed-by=i4q-ai,i4q.ai/namespace={namespace}"
    found = json.loads(ocm_plant.hub.kubectl("get", kind, "-A", "-l", mark, "-o", "json"))["items"]
    return [
        each["metadata"]["namespace"]
        for each in found
        if "work.open-cluster-management.io/manifestworkreplicaset" not in each["metadata"]["labels"]
    ]


def test_groups_have_versions_of_their_own_and_a_canary_goes_first(
    hub: i4q.Hub, samples: Samples, line: Label, cnc: i4q.Placement
) -> None:
    for cluster, value in (("edge-1", "canary"), ("edge-2", "cnc"), ("edge-3", "cnc")):
        line(cluster, value)
    deployment = hub.deploy(samples.one, to=cnc, versions={"canary": samples.two}).wait(timeout=PATIENCE)
    one, two = (Phase.READY, "1"), (Phase.READY, "2")
    assert _versions(deployment) == {"edge-1": two, "edge-2": one, "edge-3": one}
    staged = i4q.Rollout(strategy="staged")
    deployment = hub.deploy(samples.three, to=cnc, rollout=staged)
    assert {row.cluster for row in deployment.status().clusters if row.desired == samples.three.digest} == {"edge-1"}
    deployment.wait(timeout=PATIENCE)
    assert set(_versions(deployment).values()) == {(Phase.READY, "3")}
    deployment.rollback().wait(timeout=PATIENCE)
    assert _versions(deployment) == {"edge-1": two, "edge-2": one, "edge-3": one}


def test_a_broken_canary_stops_the_roll_out_and_nobody_else_gets_it(
    hub: i4q.Hub, samples: Samples, line: Label, cnc: i4q.Placement
) -> None:
    line("edge-1", "canary")
    line("edge-2", "cnc")
    deployment = hub.deploy(samples.one, to=cnc).wait(timeout=PATIENCE)
    hub.deploy(samples.broken, to=cnc, rollout=i4q.Rollout(strategy="staged"))
    with pytest.raises(DeploymentFailed):
        deployment.wait(timeout=PATIENCE)
    status = deployment.status()
    assert status.phase is Phase.FAILED
    assert "canary" in status.message
    desired = {row.cluster: row.desired for row in status.clusters}
    assert desired == {"edge-1": samples.broken.digest, "edge-2": samples.one.digest}
    deployment.rollback().wait(timeout=PATIENCE)
    assert set(_versions(deployment).values()) == {(Phase.READY, "1")}


def test_a_roll_out_finer_than_groups_keeps_every_object(
    hub: i4q.Hub, ocm_plant: Management, samples: Samples, line: Label, cnc: i4q.Placement
) -> None:
    clusters = ("edge-1", "edge-2", "edge-3")
    for cluster in clusters:
        line(cluster, "cnc")
    deployment = hub.deploy(samples.one, to=cnc).wait(timeout=PATIENCE)
    about = ("get", "deployment", "model-wear", "-n", hub.namespace, "-o", "jsonpath={.metadata.uid}")
    before = {cluster: ocm_plant.edges[cluster].kubectl(*about) for cluster in clusters}
    assert _works(ocm_plant, hub.namespace, "manifestworks") == [], "the hub follows an order, and makes the works"
    hub.deploy(samples.two, to=cnc, rollout=i4q.Rollout(max_concurrency=1))
    assert sorted(_works(ocm_plant, hub.namespace, "manifestworks")) == list(clusters), "each has a work of its own"
    deployment.wait(timeout=PATIENCE)
    assert _versions(deployment) == dict.fromkeys(clusters, (Phase.READY, "2"))
    assert _works(ocm_plant, hub.namespace, "manifestworks") == [], "the hub follows again"
    assert {cluster: ocm_plant.edges[cluster].kubectl(*about) for cluster in clusters} == before
