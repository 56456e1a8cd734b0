"""Names on a hub: stable, short enough for OCM's labels, and never the same for two things."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.errors import InvalidError
from i4q_ai_ocm.translate import names

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
NAMESPACES = NAMES.filter(lambda name: len(name) <= 40)
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def test_names_never_change() -> None:
    # Names are what hubs hold: another hash would be another object, and every cluster would start anew.
    assert names.order("factory", "tool-wear") == "tool-wear-e052e2674b"
    assert names.order("factory", "tool-wear", "canary") == "tool-wear-canary-7c28679d4f"
    assert names.work("factory", "tool-wear") == "tool-wear-b36d087c98"


@given(NAMESPACES, NAMES, NAMES, st.integers(0, names.MOST_PARTS - 1))
def test_the_label_that_ocm_makes_is_one(namespace: str, name: str, group: str, number: int) -> None:
    made = names.part(names.order(namespace, name, group), number)
    assert len(f"{namespace}.{made}") <= 63
    assert _DNS_LABEL.fullmatch(made)


@given(NAMES, NAMES)
def test_a_work_has_a_name_in_every_namespace(namespace: str, name: str) -> None:
    made = names.part(names.work(namespace, name), names.MOST_PARTS - 1)
    assert len(made) <= names.LONGEST
    assert _DNS_LABEL.fullmatch(made)


@given(st.sets(st.tuples(NAMESPACES, NAMES, NAMES), min_size=2, max_size=8))
def test_no_two_are_called_the_same(keys: set[tuple[str, str, str]]) -> None:
    orders = {names.order(*key) for key in keys}
    works = {names.work(namespace, name) for namespace, name, _ in keys}
    assert len(orders) == len(keys)
    assert len(works) == len({key[:2] for key in keys})
    assert orders.isdisjoint(works)


def test_joined_names_do_not_meet() -> None:
    assert names.order("a", "b-c", "d") != names.order("a", "b", "c-d")
    assert names.order("a", "b") != names.order("b", "b")


def test_a_namespace_that_leaves_no_room_is_refused_with_the_length_it_may_have() -> None:
    most = "n" * 46
    assert len(f"{most}.{names.part(names.order(most, 'x'), 99)}") <= 63
    with pytest.raises(InvalidError, match=r"may have 46 characters at most"):
        names.order("n" * 47, "x")


def test_there_is_an_end_of_parts() -> None:
    with pytest.raises(InvalidError, match=r"does not fit into 100 works"):
        names.part("x", names.MOST_PARTS)
