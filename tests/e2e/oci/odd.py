"""What tests of odd and hostile registries share: a model, its artifact, and no patience."""

from __future__ import annotations

from pathlib import Path

import pytest

from i4q_ai.model import Model
from i4q_ai.oci.artifact import Artifact
from tests.e2e.oci.holding import a_model, built


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Tries follow each other at once; neither credentials nor what was pushed before are remembered."""
    monkeypatch.setattr("i4q_ai.retrying.FIRST_WAIT", 0.001)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return a_model(tmp_path_factory.mktemp("odd") / "model")


@pytest.fixture(scope="module")
def artifact(model: Model) -> Artifact:
    return built(model)
