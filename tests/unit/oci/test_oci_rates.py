"""The limit on bytes a second."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai import config
from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, InvalidError
from i4q_ai.oci import rates
from i4q_ai.oci.rates import Rate


class _Clock:
    """A clock that its own waits move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class _Waiting(Deadline):
    def pause(self, seconds: float) -> None:
        assert isinstance(self.clock, _Clock)
        self.clock.now += seconds


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=50), st.floats(1000, 1e8))
def test_never_more_than_the_rate_and_hardly_less(counts: list[int], per_second: float) -> None:
    clock = _Clock()
    rate = Rate(per_second, clock=clock)
    for count in counts:
        rate.take(count, _Waiting(1e9, clock=clock))
    ideal = sum(counts) / per_second
    assert ideal - 0.25 - 1e-6 <= clock.now <= ideal + 1e-6


def test_idle_time_is_not_saved_up() -> None:
    clock = _Clock()
    rate = Rate(1000, clock=clock)
    rate.take(1, _Waiting(1e9, clock=clock))
    clock.now = 100.0
    rate.take(1000, _Waiting(1e9, clock=clock))
    assert clock.now == pytest.approx(100.75)


def test_what_cannot_pass_in_time_is_told_at_once() -> None:
    with pytest.raises(DeadlineError):
        Rate(10).take(10_000, Deadline.after(60))


def test_no_limit_waits_for_nothing() -> None:
    rate = Rate(None)
    rate.take(10**15, Deadline.after(1))
    assert rate.piece(5) == 5


def test_pieces() -> None:
    assert Rate(100).piece(1 << 20) == 4096
    assert Rate(100).piece(10) == 10
    assert Rate(1e12).piece(1 << 20) == 1 << 20


def test_threads_share_it() -> None:
    rate = Rate(100_000_000)
    deadline = Deadline.after(60)
    threads = [threading.Thread(target=rate.take, args=(1_000_000, deadline)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_no_rate(value: float) -> None:
    with pytest.raises(InvalidError):
        Rate(value)


@pytest.mark.parametrize(
    ("text", "value"), [("500000", 500_000), ("10M", 1e7), ("2 Ki", 2048), ("1.5MiB/s", 1_572_864), ("3k", 3000)]
)
def test_rate_of_the_environment(monkeypatch: pytest.MonkeyPatch, text: str, value: float) -> None:
    monkeypatch.setenv("I4Q_RATE", text)
    assert rates.limit().per_second == value
    assert rates.limit(7).per_second == 7
    monkeypatch.delenv("I4Q_RATE")
    assert rates.limit().per_second is None


@pytest.mark.parametrize("text", ["fast", "-1", "0", "1 T", "1e9", "M"])
def test_no_rate_in_the_environment(text: str) -> None:
    with pytest.raises(InvalidError, match="no rate"):
        config.parse_rate(text)
