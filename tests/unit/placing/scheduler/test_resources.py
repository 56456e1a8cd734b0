"""Quantities as doubles, by the scheduler's steps: the expected values are those steps written out."""

from __future__ import annotations

from datetime import timedelta

import pytest

from i4q_ai.errors import SchemaError
from i4q_ai.placing.scheduler import times
from i4q_ai.placing.scheduler.columns import Amounts
from i4q_ai.placing.scheduler.resources import as_double


@pytest.mark.parametrize(
    ("text", "double"),
    [
        ("0", 0.0),
        ("4", 4.0),
        ("-4", -4.0),
        ("10500m", 10500.0 * 1e-3),
        ("154m", 154.0 * 1e-3),
        ("0.5", 5.0 * 1e-1),
        ("1e3", 1.0 * 1e3),
        ("3E", 3.0 * 1e18),
        ("8Gi", 8.0 * 2**30),
        ("686Mi", 686.0 * 2**20),
        ("1.5Gi", float(15 * 2**30 * 10**8) * 1e-9),
        ("1n", 1.0 * 1e-9),
        ("0.1n", 1.0 * 1e-9),  # rounded up to the least there is
        ("00012", 12.0),
        ("30509434968", 30509434968.0),
        ("12345678901234567890", float(12345678901234567890 * 10**9) * 1e-9),
        ("100Ei", float(2**63 - 1)),
    ],
)
def test_quantities_become_the_schedulers_doubles(text: str, double: float) -> None:
    assert as_double(text) == double


@pytest.mark.parametrize("text", ["", "x", "1GiB", "1 Gi", "m", "."])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(SchemaError, match="no quantity"):
        as_double(text)


def test_scores_by_bisection_are_those_of_the_formula() -> None:
    levels = sorted({float(n * n * 7919 % 100_003) for n in range(700)})
    amounts = Amounts([None, *levels])
    for least, most in [(0, len(levels) - 1), (3, 500), (42, 42)]:
        bottom, span = levels[least], levels[most] - levels[least]
        runs = amounts._runs(least, most)
        table = [score for score, length in runs for _ in range(length)]
        expected = [int(((level - bottom) / span - 0.5) * 2.0 * 100.0) if span else 100 for level in levels]
        assert table[least : most + 1] == expected[least : most + 1]
        assert len(table) == len(levels) + 1
        assert table[-1] == 0


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(microseconds=7), "7µs"),
        (timedelta(milliseconds=1.5), "1.5ms"),
        (timedelta(seconds=2.25), "2.25s"),
        (timedelta(minutes=3), "3m0s"),
        (timedelta(hours=252421, minutes=17, seconds=4.9), "252421h17m4.9s"),
        (-timedelta(seconds=90), "-1m30s"),
    ],
)
def test_durations_are_written_as_go_does(span: timedelta, text: str) -> None:
    assert times.duration(span) == text
