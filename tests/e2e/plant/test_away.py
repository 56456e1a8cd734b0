"""Edges whose wire is cut, and a home that is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

import i4q_ai as i4q
from i4q_ai.errors import UnreachableError
from i4q_ai.status import Phase
from i4q_ai.testing.plant import on, until
from i4q_ai_kubectl.inventory import read
from tests.e2e.plant.conftest import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from i4q_ai.testing.samples import Samples
    from tests.testbed.controlplane import ControlPlane


@contextmanager
def _cut(plant: ControlPlane, name: str) -> Iterator[None]:
    plant.edges[name].cut()
    try:
        yield
    finally:
        plant.edges[name].join()


def test_an_edge_that_is_away_says_since_when_and_catches_up(
    hub: i4q.Hub, plant: ControlPlane, samples: Samples
) -> None:
    deployment = hub.deploy(samples.one, to=on("edge-1", "edge-2")).wait(timeout=PATIENCE)
    before = datetime.now(UTC)
    with _cut(plant, "edge-2"):
        row = until(deployment, "edge-2", Phase.OFFLINE)
        assert row.since is not None
        assert row.since >= before
        assert (row.running, row.last) == (samples.one.digest, Phase.READY)
        deployment.update(samples.two).wait(timeout=PATIENCE)
        phases = {row.cluster: (row.phase, row.version) for row in deployment.status().clusters}
        assert phases == {"edge-1": (Phase.READY, "2"), "edge-2": (Phase.OFFLINE, "1")}
        assert hub.clusters.get("edge-2").available.since == row.since
    for status in deployment.watch(timeout=PATIENCE):
        deployment.refresh()
        if {(each.phase, each.version) for each in status.clusters} == {(Phase.READY, "2")}:
            break
    assert deployment.client("edge-2").predict([[3.0]])[0][0] == 6.0


def test_the_pods_of_an_edge_that_is_away_go_on(hub: i4q.Hub, plant: ControlPlane, samples: Samples) -> None:
    deployment = hub.deploy(samples.one, to=on("edge-2")).wait(timeout=PATIENCE)
    pods = ("get", "pods", "-n", hub.namespace, "-o", "jsonpath={.items[*].metadata.uid}/{.items[*].status.phase}")
    before = plant.edges["edge-2"].kubectl(*pods)
    with _cut(plant, "edge-2"):
        until(deployment, "edge-2", Phase.OFFLINE)
        with pytest.raises(UnreachableError):
            deployment.client("edge-2").predict([[3.0]])
    deployment.wait(timeout=PATIENCE)
    assert plant.edges["edge-2"].kubectl(*pods) == before


def test_while_home_is_away_the_clusters_speak_for_themselves(
    plant: ControlPlane, inventory: Path, samples: Samples, tmp_path: Path
) -> None:
    there = read(inventory)
    path = tmp_path / "clusters.yaml"
    path.write_text(there.replace(home="edge-3").to_yaml(), encoding="utf-8")
    with i4q.Hub(f"kubectl://{path}", namespace="home-away") as hub:
        deployment = hub.deploy(samples.one, to=on("edge-1")).wait(timeout=PATIENCE)
        with _cut(plant, "edge-3"):
            status = hub.get(deployment.name).status()
            assert [(row.cluster, row.phase, row.running) for row in status.clusters] == [
                ("edge-1", Phase.READY, samples.one.digest)
            ]
            assert status.revision == 1
            assert "out of reach" in status.message
            with pytest.raises(UnreachableError):
                deployment.update(samples.two)
        assert deployment.delete(timeout=PATIENCE) is None
