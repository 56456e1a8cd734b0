from __future__ import annotations

from i4q_ai.placement import REST
from i4q_ai_ocm import state
from tests.unit.ocm.things import KEY, decision, item, replica_set, work


def test_an_order_tells_whom_the_hub_has_chosen() -> None:
    found = state.read([replica_set(item())], [], [decision(REST, "b", "a"), decision("other", "c")])[KEY]
    assert {cluster: told.item for cluster, told in found.told.items()} == {"a": item(), "b": item()}


def test_works_that_the_hub_made_belong_to_their_order() -> None:
    child = work("a", item(), parent="set-rest")
    found = state.read([replica_set(item())], [child], [decision(REST, "a")])[KEY]
    assert found.parts("a") == (child,)
    assert not found.works


def test_a_work_of_its_own_counts_before_an_order() -> None:
    own = work("a", item("2"))
    found = state.read([replica_set(item("1"))], [own], [decision(REST, "a")])[KEY]
    assert found.told["a"].item == item("2")
    assert found.parts("a") == (own,)
    assert found.untidy


def test_what_goes_tells_nothing_and_is_still_seen() -> None:
    gone = {"deletionTimestamp": "2026-01-01T00:00:00Z"}
    found = state.read([replica_set(item(), **gone)], [work("a", item(), **gone)], [decision(REST, "a")])[KEY]
    assert found.told == {}
    assert list(found.leaving) == ["a"]


def test_what_is_told_survives_its_annotation() -> None:
    told = state.told_by(work("a", item("3", revision=7)))
    assert (told.item, told.before[1]) == (item("3", revision=7), "0")


def test_what_was_let_go_and_is_still_there_is_untidy() -> None:
    released = work("a", item())
    released["spec"]["deleteOption"] = {"propagationPolicy": "Orphan"}
    assert state.read([], [released], [])[KEY].untidy
    assert not state.read([], [work("a", item())], [])[KEY].untidy
