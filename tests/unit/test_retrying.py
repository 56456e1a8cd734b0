"""Retries, without waiting: time is told by the test."""

import pytest

from i4q_ai import retrying
from i4q_ai.deadline import Deadline
from i4q_ai.errors import RegistryError, UnreachableError
from i4q_ai.retrying import TransientError, backoff, call


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for."""
    seen: list[float] = []
    monkeypatch.setattr(Deadline, "pause", lambda _, seconds: seen.append(seconds))
    return seen


def _failing(times: int, **about: object) -> object:
    left = [times]

    def _attempt() -> str:
        if left[0]:
            left[0] -= 1
            raise TransientError(UnreachableError("no"), **about)  # type: ignore[arg-type]
        return "done"

    return _attempt


def test_tries_until_it_works(waits: list[float]) -> None:
    assert call(_failing(4), deadline=Deadline.after(60, "x")) == "done"  # type: ignore[arg-type]
    assert len(waits) == 4
    for wait, plan in zip(waits, (0.2, 0.4, 0.8, 1.6), strict=True):
        assert 0.9 * plan <= wait <= 1.1 * plan


def test_raises_what_the_last_try_said() -> None:
    with pytest.raises(UnreachableError):
        call(_failing(5), deadline=Deadline.after(60, "x"))  # type: ignore[arg-type]


def test_progress_starts_the_count_anew(waits: list[float]) -> None:
    assert call(_failing(30, progressed=True), deadline=Deadline.after(60, "x")) == "done"  # type: ignore[arg-type]
    assert max(waits) <= 0.22


def test_waits_as_long_as_it_is_asked_to(waits: list[float]) -> None:
    call(_failing(2, after=7.5), deadline=Deadline.after(60, "x"))  # type: ignore[arg-type]
    assert waits == [7.5, 7.5]


def test_other_errors_are_not_tried_again(waits: list[float]) -> None:
    def _attempt() -> None:
        raise RegistryError("denied")

    with pytest.raises(RegistryError):
        call(_attempt, deadline=Deadline.after(60, "x"))
    assert waits == []


def test_longest_wait() -> None:
    assert backoff(1000) <= retrying.LONGEST_WAIT * 1.1
