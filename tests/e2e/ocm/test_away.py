"""Edges whose wire is cut while something changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import i4q_ai as i4q
from i4q_ai.status import Phase
from i4q_ai.testing.plant import on, until
from tests.e2e.ocm.conftest import PATIENCE

if TYPE_CHECKING:
    from i4q_ai.testing.samples import Samples
    from tests.testbed.ocm import Management


@contextmanager
def _cut(ocm_plant: Management, name: str) -> Iterator[None]:
    ocm_plant.cut(name)
    try:
        yield
    finally:
        ocm_plant.join(name)


def test_an_edge_that_is_away_blocks_nobody_and_gets_the_present_version(
    hub: i4q.Hub, ocm_plant: Management, samples: Samples
) -> None:
    deployment = hub.deploy(samples.one, to=on("edge-1", "edge-2")).wait(timeout=PATIENCE)
    with _cut(ocm_plant, "edge-2"):
        row = until(deployment, "edge-2", Phase.OFFLINE)
        assert (row.running, row.last) == (samples.one.digest, Phase.READY)
        assert hub.clusters.get("edge-2").available.status == "False"
        deployment.update(samples.two).wait(timeout=PATIENCE)
        deployment.update(samples.three).wait(timeout=PATIENCE)
        phases = {row.cluster: (row.phase, row.version) for row in deployment.status().clusters}
        assert phases == {"edge-1": (Phase.READY, "3"), "edge-2": (Phase.OFFLINE, "1")}
    for status in deployment.watch(timeout=PATIENCE):
        if {(each.phase, each.version) for each in status.clusters} == {(Phase.READY, "3")}:
            break
    assert deployment.client("edge-2").predict([[3.0]])[0][0] == 9.0


def test_deleting_with_an_edge_away_says_what_is_left_and_finishes_later(
    hub: i4q.Hub, ocm_plant: Management, samples: Samples
) -> None:
    deployment = hub.deploy(samples.one, to=on("edge-1", "edge-2")).wait(timeout=PATIENCE)
    with _cut(ocm_plant, "edge-2"):
        until(deployment, "edge-2", Phase.OFFLINE)
        left = deployment.delete(timeout=20)
        assert left is not None
        assert [(row.cluster, row.phase) for row in left.clusters] == [("edge-2", Phase.OFFLINE)]
    name, namespace = "deployment/model-wear", hub.namespace
    ocm_plant.edges["edge-2"].kubectl("wait", "--for=delete", name, "-n", namespace, f"--timeout={PATIENCE:.0f}s")
    assert deployment.delete(timeout=PATIENCE) is None
