"""What the real scheduler decided, recorded: every case must come out the same."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from i4q_ai.placing.scheduler import decide

CASES = Path(__file__).parents[3] / "fixtures" / "placement-cases.jsonl.gz"
NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    with gzip.open(CASES, "rt") as lines:
        return [json.loads(line) for line in lines]


def comparable(told: dict[str, Any]) -> dict[str, Any]:
    """Without what is random in the scheduler (orders of maps), bound to its clock, or a compiler's wording."""
    return {
        "filters": [(step["name"], sorted(step["filteredClusters"])) for step in told["filters"] or ()],
        "unfiltered": told["filters"] is None,
        "prioritizers": sorted((each["name"], each["weight"], each["scores"]) for each in told["prioritizers"] or ()),
        "unscored": told["prioritizers"] is None,
        "scores": told["scores"],
        "ordered": told["ordered"],
        "decisions": told["decisions"],
        "groups": told["groups"],
        "conditions": [(each["type"], each["status"], each["reason"]) for each in told["conditions"]],
        "unscheduled": told["unscheduled"],
        "keys": sorted(told),
    }


def test_every_recorded_case_is_decided_the_same(cases: list[dict[str, Any]]) -> None:
    different = [
        case["seed"]
        for case in cases
        if comparable(decide(case["objects"], "ai", "p", now=NOW)) != comparable(case["expected"])
    ]
    assert len(cases) == 400
    assert different == []


def test_messages_of_conditions_are_the_schedulers_own(cases: list[dict[str, Any]]) -> None:
    told: Counter[str] = Counter()
    for case in cases:
        for ours, theirs in zip(
            decide(case["objects"], "ai", "p", now=NOW)["conditions"], case["expected"]["conditions"], strict=True
        ):
            if theirs["reason"] != "Misconfigured":
                assert ours["message"] == theirs["message"]
            told[theirs["reason"]] += 1
    assert min(told.values()) >= 5
    assert len(told) == 8
