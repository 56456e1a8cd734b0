"""The hub's own roll-out: what it would take to mean something else is refused."""

from __future__ import annotations

from typing import Any

import pytest

from i4q_ai.errors import InvalidError
from i4q_ai_ocm.translate import rollouts

GOOD: dict[str, Any] = {"clusters": 10, "max_concurrency": 2, "progress_deadline": 300}


def test_what_is_meant_is_written() -> None:
    assert rollouts.progressive(**{**GOOD, "max_failures": "10%", "soak": 30.0}) == {
        "type": "Progressive",
        "progressive": {
            "maxConcurrency": 2,
            "maxFailures": "10%",
            "minSuccessTime": "30s",
            "progressDeadline": "300s",
        },
    }


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"clusters": 0}, "to no cluster"),
        ({"max_concurrency": 0}, "the hub takes as all 10"),
        ({"max_concurrency": "0%"}, "the hub takes as all 10"),
        ({"max_concurrency": -1}, "less than nothing"),
        ({"max_concurrency": 11}, "the hub takes as all 10"),
        ({"max_concurrency": "101%"}, "no percentage"),
        ({"max_concurrency": "2"}, "a number needs no quotes"),
        ({"max_concurrency": "2.5%"}, "no percentage"),
        ({"max_concurrency": True}, "neither a number nor a percentage"),
        ({"max_concurrency": 1.5}, "neither a number nor a percentage"),
        ({"max_failures": 11}, "the hub takes as 0"),
        ({"max_failures": "5%"}, "the hub rounds up to one"),
        ({"max_failures": "0%"}, "write 0 if that is meant"),
        ({"max_failures": -1}, "less than nothing"),
        ({"progress_deadline": 0}, "gives no time"),
        ({"progress_deadline": -1}, "gives no time"),
        ({"progress_deadline": 90.5}, "full seconds"),
        ({"progress_deadline": float("inf")}, "full seconds"),
        ({"soak": -1}, "full seconds"),
        ({"soak": 0.5}, "full seconds"),
        ({"away": 2}, "max_concurrency=3 or more"),
        ({"max_concurrency": "25%", "away": 3}, "3 slots"),
    ],
)
def test_what_the_hub_would_misunderstand_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(InvalidError) as refused:
        rollouts.progressive(**{**GOOD, **changes})
    assert why in str(refused.value)


def test_a_deadline_has_to_be_given() -> None:
    with pytest.raises(TypeError, match="progress_deadline"):
        rollouts.progressive(clusters=10, max_concurrency=2)  # type: ignore[call-arg]


def test_enough_slots_let_the_others_pass_those_that_are_away() -> None:
    strategy = rollouts.progressive(**{**GOOD, "max_concurrency": "25%", "away": 2})
    assert strategy["progressive"]["maxConcurrency"] == "25%"
