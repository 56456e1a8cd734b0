"""The agent beside a workload, with a real API server that knows its least rights."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from i4q_ai.edge import Control
from i4q_ai.status import Phase
from tests.e2e.edge.cutting import Cable
from tests.e2e.edge.plant import DEADLINE, eventually
from tests.e2e.edge.pod import Pod
from tests.testbed.apiserver import ApiServer


@pytest.fixture
def pod(tmp_path: Path, apiserver: ApiServer, kube_namespace: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pod]:
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    pod = Pod(tmp_path, apiserver, kube_namespace, Cable(apiserver.url))
    pod.prepare()
    yield pod
    pod.end()


def test_a_changed_configmap_swaps_the_files(pod: Pod) -> None:
    pod.want(pod.model("1"))
    agent = pod.run()
    pod.until("wear", Phase.READY, version="1")
    assert pod.content() == "wear 1"
    begun = time.monotonic()
    pod.want(pod.model("2"))
    pod.until("wear", Phase.READY, version="2")
    print(f"swapped after {time.monotonic() - begun:.2f} s")
    assert pod.content() == "wear 2"
    pod.until_published(lambda report: report is not None and [item.version for item in report.items] == ["2"])
    assert agent.poll() is None
