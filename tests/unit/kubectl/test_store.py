"""Records as ConfigMaps: under names of their own, without a loss."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.backends.base import Record
from i4q_ai.thing import is_label_key, is_label_value
from i4q_ai_kubectl import store
from tests.unit import things

OBJECT_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
LONGEST = "x" * 63
# Few letters, many dashes: what joins to the same text when it is put together carelessly.
dashed = st.from_regex(r"[ab]([ab-]{0,4}[ab])?", fullmatch=True)
keys = st.tuples(dashed, dashed, dashed)


@given(keys, keys)
def test_no_two_records_share_a_config_map(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (store._object_name(*one) == store._object_name(*other)) == (one == other)


def test_dashes_within_names_are_told_apart() -> None:
    assert store._object_name("deployment", "a-b", "c") != store._object_name("deployment", "a", "b-c")
    long = [store._object_name("deployment", LONGEST, f"{LONGEST[:-1]}{end}") for end in "xy"]
    assert long[0] != long[1]


@given(things.names, things.names, things.names)
def test_names_are_valid_with_room_for_a_revision(kind: str, namespace: str, name: str) -> None:
    for made in (store._object_name(kind, namespace, name), store._object_name("deployment", LONGEST, LONGEST)):
        assert OBJECT_NAME.fullmatch(f"{made}-0123abcd-{10**9}"), made


records = st.builds(
    Record,
    kind=st.just("deployment"), namespace=things.names, name=things.names, revision=st.integers(1, 10**6),
    data=st.dictionaries(things.any_text, things.any_text | st.none() | st.integers(), max_size=3),
    time=st.none() | things.moments,
)  # fmt: skip


@given(records)
def test_a_record_loses_nothing_in_its_config_map(record: Record) -> None:
    assert store._present({"metadata": {"name": "x"}, "data": store._data(record)}) == record


@given(records)
def test_the_labels_of_a_record_are_valid(record: Record) -> None:
    for key, value in store._labels(record).items():
        assert (is_label_key(key), is_label_value(value)) == (key, value)


def test_an_emptied_config_map_holds_no_record() -> None:
    for found in ({}, {"data": None}, {"data": {}}):
        assert store._present({"metadata": {"name": "x"}, **found}) is None
