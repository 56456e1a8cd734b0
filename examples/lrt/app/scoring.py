"""What a configuration of the line is worth. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

VARIANTS = ("L", "M", "H")
FIELDS = ("type", "air_temperature", "process_temperature", "rotational_speed", "torque", "tool_wear")


@dataclass(frozen=True)
class Configuration:
    """How the line could run.

    Args:
        name: for people.
        type: quality variant of the product, "L", "M" or "H".
        air_temperature, process_temperature: K.
        rotational_speed: rpm.
        torque: Nm.
        tool_wear: min.
    """

    name: str
    type: str
    air_temperature: float
    process_temperature: float
    rotational_speed: float
    torque: float
    tool_wear: float

    @classmethod
    def parse(cls, data: Any) -> Configuration:
        """Read one from JSON.

        Raises:
            ValueError: a field is missing, unknown, or no finite number.
        """
        if not isinstance(data, dict) or set(data) != {"name", *FIELDS}:
            raise ValueError(f"a configuration has exactly the fields name, {', '.join(FIELDS)}")
        if data["type"] not in VARIANTS:
            raise ValueError(f"type is one of {', '.join(VARIANTS)}")
        numbers = {field: float(data[field]) for field in FIELDS[1:]}
        if not all(math.isfinite(number) for number in numbers.values()):
            raise ValueError("a configuration consists of finite numbers")
        return cls(name=str(data["name"]), type=data["type"], **numbers)

    @property
    def power(self) -> float:
        """Mechanical power at the spindle, in W: the pace of the line."""
        return self.torque * self.rotational_speed * 2 * math.pi / 60

    def row(self) -> list[float]:
        """As the risk model takes it."""
        numbers = [getattr(self, field) for field in FIELDS[1:]]
        return [float(VARIANTS.index(self.type)), *numbers]

    def load(self) -> list[float]:
        """As the strain model takes it."""
        return [float(VARIANTS.index(self.type)), self.torque, self.tool_wear]


def ranked(configurations: list[Configuration], risk: list[float], strain: list[float]) -> list[dict[str, Any]]:
    """Best first: the power that can be expected to be useful, which a failure or a broken tool makes worthless."""
    rows = [
        {
            "name": each.name,
            "useful_power": each.power * (1 - failing) * (1 - straining),
            "power": each.power,
            "failure_risk": failing,
            "overstrain": straining,
        }
        for each, failing, straining in zip(configurations, risk, strain, strict=True)
    ]
    return sorted(rows, key=lambda row: row["useful_power"], reverse=True)
