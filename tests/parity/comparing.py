"""What both must say alike of a case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

KEYS = ("filters", "prioritizers", "scores", "ordered", "decisions", "groups", "conditions", "unscheduled")


def essence(told: Mapping[str, Any]) -> dict[str, Any]:
    """What OCM promises: no order where it takes names out of a map, no words where there is a reason."""
    found = {key: told[key] for key in KEYS}
    if told["filters"] is not None:
        found["filters"] = [(step["name"], sorted(step["filteredClusters"])) for step in told["filters"]]
    found["prioritizers"] = sorted(
        (each["name"], each["weight"], sorted(each["scores"].items())) for each in told["prioritizers"]
    )
    found["conditions"] = sorted((each["type"], each["status"], each["reason"]) for each in told["conditions"])
    return found


def differences(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Key → ours and theirs, where they differ."""
    mine, other = essence(ours), essence(theirs)
    return {key: (mine[key], other[key]) for key in KEYS if mine[key] != other[key]}
