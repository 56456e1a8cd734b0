from __future__ import annotations

import json

import pytest

from i4q_ai.edge.build import Build


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (Build("0.9.0", 9), Build("0.10.0", 1)),
        (Build("0.1.0", 1), Build("0.1.0", 2)),
        (Build("0.1", 9), Build("0.1.1", 1)),
        (Build.of({"pid": 1, "socket": "/run/s"}), Build.here()),
        (Build.of({"version": 3, "stamp": "x"}), Build.here()),
    ],
)
def test_builds_have_an_order(earlier: Build, later: Build) -> None:
    assert earlier.older_than(later)
    assert not later.older_than(earlier)


def test_a_build_is_not_older_than_itself() -> None:
    assert not Build.here().older_than(Build.here())


def test_a_candidate_and_its_release_are_told_apart_by_when_they_were_written() -> None:
    assert Build("0.2.0rc1", 1).older_than(Build("0.2.0", 2))


def test_a_lock_file_keeps_a_build() -> None:
    assert Build.of(json.loads(json.dumps(Build.here().about()))) == Build.here()
