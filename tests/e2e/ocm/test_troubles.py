"""A roll-out goes on wherever it is broken off; what somebody else changes at the edge is told, and taken back."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import i4q_ai as i4q
from i4q_ai.errors import UnsupportedError
from i4q_ai.status import Phase, Status
from i4q_ai.testing.plant import on
from tests.e2e.ocm.conftest import PATIENCE

if TYPE_CHECKING:
    from i4q_ai.deployment import Deployment
    from i4q_ai.testing.samples import Samples
    from tests.e2e.ocm.conftest import Label
    from tests.testbed.ocm import Management

_CONTROLLER = [sys.executable, "-c", "from i4q_ai.cli import main; main()", "controller", "--lease", "3"]


@contextmanager
def _controller(settings: Path, namespace: str) -> Iterator[subprocess.Popen[bytes]]:
    """`i4q controller` for a namespace; killed at the end, as a power cut would."""
    environment = {**os.environ, "I4Q_HUB": f"ocm://{settings}", "I4Q_NAMESPACE": namespace}
    running = subprocess.Popen(_CONTROLLER, env=environment)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def _until(deployment: Deployment, good: Callable[[Status], bool]) -> None:
    """Look on until it is so; nothing is driven from here."""
    last: Status | None = None
    for last in deployment.watch(timeout=PATIENCE):
        if good(last):
            return
    raise AssertionError(f"never so; at last:\n{last}")


def test_a_roll_out_outlives_its_controller_and_the_hubs_api_server(
    hub: i4q.Hub, ocm_plant: Management, hub_settings: Path, samples: Samples, line: Label, cnc: i4q.Placement
) -> None:
    for cluster, value in (("edge-1", "canary"), ("edge-2", "cnc"), ("edge-3", "cnc")):
        line(cluster, value)
    deployment = hub.deploy(samples.one, to=cnc).wait(timeout=PATIENCE)
    hub.deploy(samples.two, to=cnc, rollout=i4q.Rollout(strategy="staged", max_concurrency=1))
    with _controller(hub_settings, hub.namespace):
        _until(deployment, lambda status: sum(row.desired == samples.two.digest for row in status.clusters) == 2)
    server = ocm_plant.hub
    server.processes["kube-apiserver"].kill()
    with _controller(hub_settings, hub.namespace) as second:
        server.processes["kube-apiserver"].restart()
        server.wait_ready()
        _until(deployment, lambda status: {(row.phase, row.version) for row in status.clusters} == {(Phase.READY, "2")})
        assert second.poll() is None, "it outlives the server, too"
    assert {row.cluster for row in deployment.status().clusters} == {"edge-1", "edge-2", "edge-3"}


def test_what_somebody_changes_at_the_edge_is_told_and_taken_back(
    hub: i4q.Hub, ocm_plant: Management, samples: Samples
) -> None:
    deployment = hub.deploy(samples.one, to=on("edge-1")).wait(timeout=PATIENCE)
    edge, name = ocm_plant.edges["edge-1"], ("deployment/model-wear", "-n", hub.namespace)
    edge.kubectl("patch", *name, "-p", '{"spec": {"replicas": 0}}', "--field-manager=night-shift")
    _until(deployment, lambda status: [row.reason for row in status.clusters] == ["Changed"])
    with pytest.raises(UnsupportedError, match="object by object") as caught:
        deployment.drift()
    assert "repair()" in caught.value.hint
    deployment.repair()
    _until(deployment, lambda status: [row.phase for row in status.clusters] == [Phase.READY])
    assert edge.kubectl("get", *name, "-o", "jsonpath={.spec.replicas}") == "1"
