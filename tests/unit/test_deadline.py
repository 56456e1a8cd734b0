"""Deadlines, by a clock of the test."""

import threading

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, I4qError, InvalidError


def test_it_passes_with_its_clock() -> None:
    now = [100.0]
    deadline = Deadline(103.0, "waiting", clock=lambda: now[0])
    assert deadline.left() == 3.0
    assert deadline.left(2.0) == 2.0
    assert not deadline.passed
    deadline.check()
    now[0] = 103.0
    assert deadline.passed
    assert deadline.left() == 0.0
    with pytest.raises(DeadlineError, match="waiting took longer than it was given"):
        deadline.check()


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_timeout_is_some_time(seconds: float) -> None:
    with pytest.raises(InvalidError, match="pushing x: a timeout is more than 0 seconds"):
        Deadline.after(seconds, "pushing x")


@pytest.mark.parametrize("seconds", [float("inf"), 1e300])
def test_for_ever_is_as_long_as_anything_can_wait(seconds: float) -> None:
    assert 1_000_000 < Deadline.after(seconds).left() < 2**31 / 1000


def test_it_is_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        Deadline(0.0).check()
    assert 0 < Deadline.after(1000).left() <= 1000


def test_a_cancel_ends_it_early() -> None:
    cancel = threading.Event()
    deadline = Deadline.after(1000, "pushing x", cancel=cancel)
    deadline.check()
    cancel.set()
    with pytest.raises(I4qError, match="pushing x was cancelled"):
        deadline.check()


def test_a_pause_that_would_end_too_late_fails_at_once() -> None:
    with pytest.raises(DeadlineError):
        Deadline.after(10).pause(3600)


def test_a_pause_ends_when_it_is_cancelled() -> None:
    cancel = threading.Event()
    deadline = Deadline.after(1000, "pushing x", cancel=cancel)
    threading.Timer(0.05, cancel.set).start()
    with pytest.raises(I4qError, match="cancelled"):
        deadline.pause(900)
