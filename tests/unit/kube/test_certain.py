"""Whether what was sent is there."""

from typing import Any

import pytest

from i4q_ai.kube.certain import holds

SENT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "resourceVersion": "5"}, "data": {"k": "1"}}


@pytest.mark.parametrize(
    "live",
    [
        {**SENT, "metadata": {"name": "a", "resourceVersion": "6", "uid": "u", "labels": {"x": "y"}}},
        {**SENT, "data": {"k": "1", "more": "2"}},
    ],
)
def test_what_the_server_adds_is_no_difference(live: dict[str, Any]) -> None:
    assert holds(live, SENT)


@pytest.mark.parametrize(
    "live",
    [
        {**SENT, "data": {"k": "2"}},
        {**SENT, "data": {}},
        {**SENT, "data": None},
        {**SENT, "metadata": {"name": "b"}},
    ],
)
def test_another_content_is_one(live: dict[str, Any]) -> None:
    assert not holds(live, SENT)


@pytest.mark.parametrize(
    ("live", "same"), [([{"a": 1, "b": 2}], True), ([{"a": 2}], False), ([], False), (None, False)]
)
def test_lists_are_compared_entry_by_entry(live: Any, same: bool) -> None:
    assert holds({"spec": {"list": live}}, {"spec": {"list": [{"a": 1}]}}) is same


def test_the_status_is_the_servers() -> None:
    assert holds({"status": {"ready": 1}}, {"status": {"ready": 0}})


@pytest.mark.parametrize("empty", ["", False, 0, None])
def test_an_empty_value_may_be_left_out(empty: Any) -> None:
    assert holds({"spec": {}}, {"spec": {"a": empty}})
