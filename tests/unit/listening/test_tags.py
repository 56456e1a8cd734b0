"""The highest tag is the newest version as people number them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.listening.tags import highest, order
from tests.unit import things


@pytest.mark.parametrize(
    ("tags", "pattern", "wanted"),
    [
        (["1", "2", "10"], "*", "10"),
        (["v1.9", "v1.10", "v1.10-rc1"], "v*", "v1.10"),
        (["1.2.3", "1.2", "1.2.3-rc.1"], "*", "1.2.3"),
        (["latest", "5"], "*", "5"),
        (["2026-01-31", "2026-02-01"], "*", "2026-02-01"),
        (["prod-1", "test-9"], "prod-*", "prod-1"),
        (["a"], "b*", None),
        ([], "*", None),
    ],
)
def test_highest(tags: list[str], pattern: str, wanted: str | None) -> None:
    assert highest(tags, pattern) == wanted


@given(st.lists(things.versions, min_size=1, max_size=6))
def test_any_tags_compare(tags: list[str]) -> None:
    found = highest(tags, "*")
    assert found is not None
    assert all(order(each) <= order(found) for each in tags)
