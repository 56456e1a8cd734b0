"""Deadlines, by a clock of the test."""

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError


def test_it_passes_with_its_clock() -> None:
    now = [100.0]
    deadline = Deadline(103.0, clock=lambda: now[0])
    assert deadline.left() == 3.0
    assert not deadline.passed
    deadline.check("waiting")
    now[0] = 103.0
    assert deadline.passed
    assert deadline.left() == 0.0
    with pytest.raises(DeadlineError, match="waiting took longer than it was given"):
        deadline.check("waiting")


def test_it_is_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        Deadline.after(-1).check("x")
    assert 0 < Deadline.after(1000).left() <= 1000
