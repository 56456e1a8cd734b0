"""What a roll-out may say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.errors import SchemaError
from i4q_ai.rollout import Rollout
from tests.unit import things


@given(things.rollouts)
def test_it_goes_into_a_file_and_back(rollout: Rollout) -> None:
    assert Rollout.parse(rollout.dump()) == rollout


def test_files_have_the_words_of_kubernetes() -> None:
    rollout = Rollout(max_concurrency="25%", soak=30, max_failures=1)
    written = {"strategy": "staged", "maxConcurrency": "25%", "soak": 30, "maxFailures": 1}
    assert rollout.dump() == written
    assert Rollout.parse(written) == rollout


@pytest.mark.parametrize("budget", [{"stages": ("*",)}, {"max_concurrency": 1}, {"soak": 1}, {"max_failures": 1}])
def test_a_budget_makes_it_staged(budget: dict[str, Any]) -> None:
    assert Rollout().strategy == "all"
    assert Rollout(**budget).strategy == "staged"
    with pytest.raises(SchemaError, match="strategy 'all' has no"):
        Rollout(strategy="all", **budget)


@pytest.mark.parametrize(
    ("budget", "told"),
    [
        ({"max_concurrency": 0}, "may change nobody never ends"),
        ({"max_concurrency": "0%"}, "may change nobody never ends"),
        ({"max_concurrency": -1}, "less than none"),
        ({"max_concurrency": "2"}, "a number as 2, or a percentage as '25%'"),
        ({"max_concurrency": 0.5}, "a percentage as '25%'"),
        ({"max_concurrency": True}, "is no share"),
        ({"max_failures": "101%"}, "from '0%' to '100%'"),
        ({"max_failures": -1}, "less than none"),
        ({"soak": -1}, "greater than or equal to 0"),
        ({"soak": float("inf")}, "finite"),
    ],
)
def test_what_cannot_work_is_refused(budget: dict[str, Any], told: str) -> None:
    with pytest.raises(SchemaError, match=told):
        Rollout(**budget)


@given(st.integers(1, 100), st.integers(0, 1000))
def test_percentages_are_of_the_stage(percent: int, size: int) -> None:
    rollout = Rollout(max_concurrency=f"{percent}%", max_failures=f"{percent}%")
    assert rollout.failures(size) <= percent * size / 100 <= rollout.concurrency(size)
    assert rollout.concurrency(size) >= 1
    assert rollout.concurrency(size) - rollout.failures(size) <= 1
