from __future__ import annotations

from i4q_ai.placement import REST
from i4q_ai_ocm import state
from i4q_ai_ocm.arranging import Arrangement
from i4q_ai_ocm.turn import Turn
from tests.unit.ocm.things import KEY, decision, item, replica_set, spec, work


def _turn(before: state.State, arrangement: Arrangement, **groups: str) -> Turn:
    return Turn(KEY, before, groups, arrangement, spec(), "i4q")


def test_works_are_brought_up_to_the_order_that_takes_over_from_them() -> None:
    before = state.read([], [work("a", item("2")), work("b", item("1"))], [])[KEY]
    turn = _turn(before, Arrangement(orders={REST: item("2")}), a=REST, b=REST)
    assert turn.behind() == {"b": item("2")}


def test_whom_an_order_keeps_is_told_by_something_else() -> None:
    children = [work(cluster, item(), parent="set-rest") for cluster in ("a", "b", "c")]
    before = state.read([replica_set(item())], children, [decision(REST, "a", "b", "c")])[KEY]
    turn = _turn(before, Arrangement(orders={"canary": item()}, works={"b": item()}), a="canary", b=REST)
    assert turn.staying(before.orders[REST]) == {"a", "b"}


def test_what_was_told_already_is_so_since_then() -> None:
    before = state.read([], [work("a", item("1"))], [])[KEY].told["a"]
    turn = _turn(state.State(), Arrangement())
    assert turn.told(item("1", revision=9), before) == before
    assert turn.told(item("2"), before).before == (item("1").digest, "1")


def test_who_goes_from_one_order_to_another_is_held_unless_it_is_away() -> None:
    groups = {"rest": ("a", "b", "c", "d"), "canary": ("e",)}
    children = [work(each, item(), parent=f"set-{group}") for group, names in groups.items() for each in names]
    orders = [replica_set(item()), replica_set(item("2"), "canary")]
    before = state.read(orders, children, [decision(REST, "a", "b", "c", "d"), decision("canary", "e")])[KEY]
    arrangement = Arrangement(orders={"canary": item("2")}, works={"c": item("2")}, kept=frozenset({REST}))
    where = {"a": REST, "b": "canary", "d": "canary", "e": "canary"}
    turn = Turn(KEY, before, where, arrangement, spec(), "i4q", frozenset({"d"}))
    assert turn.moving() == {"b": item(), "c": item()}


def test_who_has_a_work_already_or_leaves_for_good_is_not_held() -> None:
    children = [work(cluster, item(), parent="set-rest") for cluster in ("a", "b")]
    before = state.read([replica_set(item())], [*children, work("a", item())], [decision(REST, "a", "b")])[KEY]
    turn = _turn(before, Arrangement(orders={"canary": item()}), a="canary")
    assert turn.moving() == {}


def test_an_order_is_released_only_where_all_that_is_there_instead_tells_the_same() -> None:
    children = [work(cluster, item(), parent="set-rest") for cluster in ("a", "b")]
    before = state.read([replica_set(item())], [*children, work("b", item())], [decision(REST, "a", "b")])[KEY]
    order = before.orders[REST]
    same = _turn(before, Arrangement(orders={"canary": item()}, works={"b": item("2")}), a="canary")
    other = _turn(before, Arrangement(orders={"canary": item("2")}, works={"b": item()}), a="canary")
    assert same.agrees(order, ["a", "b"])
    assert not other.agrees(order, ["a", "b"])
    assert other.agrees(order, ["b"])
