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
