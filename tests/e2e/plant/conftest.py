"""Fixtures of the tests that have a whole plant: hubs on it, and what they deploy."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import i4q_ai as i4q
from i4q_ai.testing import samples as making
from i4q_ai.testing.samples import Samples
from tests.testbed.inventory import write_inventory

if TYPE_CHECKING:
    from tests.testbed.controlplane import ControlPlane
    from tests.testbed.images import EdgeImage

PATIENCE = 180.0
"""Seconds after which something that must happen counts as not happening; far more than it takes."""
_DATA = Path(__file__).parents[3] / "examples" / "data" / "ai4i2020.csv"


@pytest.fixture(scope="session")
def registry_of_plant(plant: ControlPlane) -> Iterator[str]:
    """Where everybody pushes to and fetches from, over plain http."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "I4Q_PLAIN_HTTP", plant.registry.host)
        yield plant.registry.host


@pytest.fixture(scope="session")
def inventory(plant: ControlPlane, edge_image: EdgeImage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inventory of the plant, its hub being home."""
    return write_inventory(tmp_path_factory.mktemp("inventory"), plant, edge_image)


@pytest.fixture
def hub(inventory: Path, registry_of_plant: str) -> Iterator[i4q.Hub]:
    """A hub in a namespace of its own; what a test leaves there is taken away."""
    with i4q.Hub(f"kubectl://{inventory}", namespace=f"plant-{secrets.token_hex(3)}") as hub:
        yield hub
        for deployment in sorted(hub.list(), key=lambda each: each.kind == "model"):
            assert deployment.delete(timeout=PATIENCE) is None, "the test leaves something behind"


@pytest.fixture(scope="session")
def samples(registry_of_plant: str, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """The contract's samples: small models, and programs that use them."""
    return making.push(tmp_path_factory.mktemp("samples"), f"{registry_of_plant}/plant/")


@pytest.fixture(scope="session")
def machine_rows() -> tuple[np.ndarray, np.ndarray]:
    """Sensor rows of the milling machine (n × 5), and whether it failed (n)."""
    columns = np.genfromtxt(_DATA, delimiter=",", skip_header=1, usecols=(3, 4, 5, 6, 7, 8), encoding="utf-8-sig")
    return columns[:, :5].astype(np.float32), columns[:, 5].astype(int)


@pytest.fixture(scope="session")
def wear(registry_of_plant: str, machine_rows: tuple[np.ndarray, np.ndarray]) -> tuple[i4q.Model, i4q.Model]:
    """Two versions of a model that tells from a machine's sensors whether it will fail."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, failed = machine_rows
    made = []
    for version, share in (("1", 0.5), ("2", 1.0)):
        known = int(len(rows) * share)
        estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows[:known], failed[:known])
        model = i4q.Model.from_sklearn(estimator, name="tool-wear", version=version, example=rows[:1])
        made.append(model.push(f"{registry_of_plant}/plant/tool-wear"))
    return made[0], made[1]
