from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.edge.plant import Plant


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plant]:
    monkeypatch.setenv("I4Q_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    plant = Plant(tmp_path)
    yield plant
    plant.end()
    assert plant.pids() == []
