"""Jobs under way, and what becomes of one that nobody wants any more."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from i4q_ai.desired import Desired
from i4q_ai.edge import reconcile
from i4q_ai.edge.jobs import Jobs, Outcome
from i4q_ai.edge.lanes import Lanes
from i4q_ai.edge.state import ItemState, Trouble
from tests.unit.edge.world import KEY, model


class Failing:
    """Jobs that find out that what they fetch is nowhere."""

    def fetch(self, step: reconcile.Fetch, cancel: threading.Event) -> Outcome:
        return lambda state: state.not_fetched(Trouble("NotFound", "it is nowhere", definite=True), 1000.0)


@pytest.mark.parametrize(("cancelled", "pauses"), [(False, True), (True, False)])
def test_a_fetch_that_fails_as_it_is_cancelled_holds_up_nobody(cancelled: bool, pauses: bool) -> None:
    rung = threading.Event()
    lanes = Lanes(cast(Jobs, Failing()), rung.set)
    local = {KEY: ItemState(kind="model")}
    desired = Desired(cluster="edge-1")
    local[KEY] = lanes.begin(reconcile.Fetch(KEY, model("1")), local, desired)
    assert rung.wait(60)
    if cancelled:
        lanes.begin(reconcile.Cancel(KEY), local, desired)
    ((_, outcome),) = lanes.ended()
    after = outcome(local[KEY])
    assert after is not None
    assert (after.fetching, after.fetch_at > 0) == (None, pauses)
    lanes.close()
