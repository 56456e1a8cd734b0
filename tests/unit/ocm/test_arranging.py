from __future__ import annotations

from collections.abc import Mapping

from i4q_ai.desired import Item
from i4q_ai.placement import REST, Placement
from i4q_ai.placing.builders import Label
from i4q_ai.spec import Spec
from i4q_ai_ocm import state
from i4q_ai_ocm.arranging import Arrangement, arrange
from i4q_ai_ocm.state import State
from tests.unit.ocm.things import KEY, decision, item, replica_set, spec

GROUPED = Placement("cnc", groups={"canary": Label("canary") == "yes"})


def _arranged(
    desired: Mapping[str, Item], wanted: Spec | None, groups: Mapping[str, str], *, before: State | None = None,
    touched: set[str] | None = None,
) -> Arrangement:  # fmt: skip
    who = set(desired) if touched is None else touched
    return arrange(before or State(), desired, wanted, groups, touched=who, key=KEY, revision=1)


def test_a_group_that_has_the_same_everywhere_is_one_order() -> None:
    found = _arranged({"a": item(), "b": item()}, spec(), {"a": REST, "b": REST})
    assert found == Arrangement(orders={REST: item()})


def test_who_differs_within_a_group_gets_a_work_of_its_own() -> None:
    found = _arranged({"a": item("2"), "b": item("1")}, spec("2"), {"a": REST, "b": REST})
    assert found == Arrangement(works={"a": item("2"), "b": item("1")})


def test_whose_turn_has_not_come_has_nothing_yet() -> None:
    found = _arranged({"a": item()}, spec(), {"a": REST, "b": REST})
    assert found == Arrangement(works={"a": item()})


def test_a_group_whose_turn_has_not_come_stays_as_it_is() -> None:
    before = state.read([replica_set(item("1"))], [], [decision(REST, "b")])[KEY]
    desired = {"a": item("2"), "b": item("1")}
    found = _arranged(desired, spec("2", GROUPED), {"a": "canary", "b": REST}, before=before, touched={"a"})
    assert found == Arrangement(orders={"canary": item("2")}, kept=frozenset({REST}))


def test_a_group_without_clusters_is_ordered_for_those_that_will_come() -> None:
    found = _arranged({"a": item()}, spec("1", GROUPED), {"a": "canary"})
    assert found.orders.keys() == {"canary", REST}


def test_it_waits_for_the_others_as_long_as_they_differ_from_what_is_wanted() -> None:
    found = _arranged({"a": item("1")}, spec("2", GROUPED), {"a": "canary"})
    assert found.orders.keys() == {"canary"}


def test_an_order_stays_when_nobody_meets_it_any_more() -> None:
    before = state.read([replica_set(item())], [], [])[KEY]
    assert _arranged({}, spec(), {}, before=before).orders == {REST: item()}


def test_without_a_record_there_are_works_alone() -> None:
    assert _arranged({"a": item()}, None, {}) == Arrangement(works={"a": item()})


def test_a_group_that_stays_holds_back_no_empty_one() -> None:
    before = state.read([replica_set(item("2"), "canary")], [], [decision("canary", "a")])[KEY]
    where = Placement("cnc", groups={"canary": Label("c") == "y", "spare": Label("s") == "y"})
    desired = {"a": item("2"), "b": item("2")}
    found = _arranged(desired, spec("2", where), {"a": "canary", "b": REST}, before=before, touched={"b"})
    assert (found.orders.keys(), found.kept) == ({REST, "spare"}, {"canary"})


def test_who_leaves_a_group_changes_its_order_too() -> None:
    before = state.read([replica_set(item())], [], [decision(REST, "a", "b")])[KEY]
    found = _arranged({"b": item()}, spec(), {"b": REST}, before=before, touched={"a"})
    assert found == Arrangement(orders={REST: item()})
