"""The rows of AI4I 2020 as arrays; see data/README.md for what they are and where they come from."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

COLUMNS = ("type", "air_temperature", "process_temperature", "rotational_speed", "torque", "tool_wear")
"""Quality variant (0 L, 1 M, 2 H), K, K, rpm, Nm, min."""

_FILE = Path(__file__).parent / "data" / "ai4i2020.csv"
_VARIANTS = ("L", "M", "H")
_MEASURED = (
    "Air temperature [K]",
    "Process temperature [K]",
    "Rotational speed [rpm]",
    "Torque [Nm]",
    "Tool wear [min]",
)


@dataclass(frozen=True)
class MachineData:
    """Rows of one machine, in the order in which they came.

    Args:
        X: float32, [rows, COLUMNS].
        failed: 1 where the machine failed, [rows].
        overstrained: 1 where it failed of overstrain, [rows].
    """

    X: np.ndarray
    failed: np.ndarray
    overstrained: np.ndarray

    def __getitem__(self, rows: slice) -> MachineData:
        return MachineData(self.X[rows], self.failed[rows], self.overstrained[rows])

    def __len__(self) -> int:
        return len(self.X)


def load(path: Path = _FILE) -> MachineData:
    """All 10,000 rows."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    values = [[_VARIANTS.index(row["Type"]), *(float(row[name]) for name in _MEASURED)] for row in rows]
    return MachineData(
        X=np.array(values, dtype=np.float32),
        failed=np.array([int(row["Machine failure"]) for row in rows]),
        overstrained=np.array([int(row["OSF"]) for row in rows]),
    )
