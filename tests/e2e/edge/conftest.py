from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.edge.cutting import Cable
from tests.e2e.edge.plant import Plant
from tests.e2e.edge.pod import Pod
from tests.testbed.apiserver import ApiServer


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    monkeypatch.setenv("I4Q_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    plant = Plant(tmp_path)
    yield plant
    plant.end()


@pytest.fixture
def pod(tmp_path: Path, apiserver: ApiServer, kube_namespace: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pod]:
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    pod = Pod(tmp_path, apiserver, kube_namespace, Cable(apiserver.url))
    pod.prepare()
    yield pod
    pod.end()
