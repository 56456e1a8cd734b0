"""A registry that holds one model, and does what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from i4q_ai.model import Model
from i4q_ai.oci.artifact import Artifact
from i4q_ai.testing.fake_registry import FakeRegistry
from tests.e2e.oci.holding import a_model, built, hold


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("i4q_ai.retrying.FIRST_WAIT", 0.001)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return a_model(tmp_path_factory.mktemp("liars") / "model")


@pytest.fixture(scope="module")
def artifact(model: Model) -> Artifact:
    return built(model)


@pytest.fixture
def registry(artifact: Artifact) -> Iterator[FakeRegistry]:
    with hold(FakeRegistry(), artifact) as running:
        yield running
