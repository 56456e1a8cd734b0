"""The controller and its lease, on a backend in memory with a clock of the test."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai import Hub, Label, Name, Placement, Rollout
from i4q_ai.controller import Controller, Lease
from i4q_ai.deadline import Deadline
from i4q_ai.status import Phase
from tests.unit import things
from tests.unit.memory import MemoryBackend, MemoryStore

START = datetime(2026, 1, 1, tzinfo=UTC)
SOON = Deadline.after(3600)


class Clock:
    """Stands still unless it is turned."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def lease(store: MemoryStore, holder: str, clock: Clock) -> Lease:
    return Lease(store, "i4q", "controller", holder=holder, seconds=15, clock=clock)


def test_one_holds_the_other_waits_until_it_ends() -> None:
    store, clock = MemoryStore(), Clock()
    one, other = lease(store, "one", clock), lease(store, "other", clock)
    assert one.hold(deadline=SOON)
    assert not other.hold(deadline=SOON)
    clock.turn(14.9)
    assert not other.hold(deadline=SOON)
    clock.turn(0.1)
    assert other.hold(deadline=SOON)
    assert not one.hold(deadline=SOON)


def test_who_renews_keeps_it() -> None:
    store, clock = MemoryStore(), Clock()
    one, other = lease(store, "one", clock), lease(store, "other", clock)
    for _ in range(10):
        assert one.hold(deadline=SOON)
        clock.turn(14)
        assert not other.hold(deadline=SOON)


def test_asking_often_writes_little() -> None:
    store, clock = MemoryStore(), Clock()
    one = lease(store, "one", clock)
    for _ in range(150):
        assert one.hold(deadline=SOON)
        clock.turn(0.1)
    assert len(store.history("lease", "i4q", "controller", deadline=SOON)) == 3


def test_given_back_it_is_free_at_once() -> None:
    store, clock = MemoryStore(), Clock()
    one, other = lease(store, "one", clock), lease(store, "other", clock)
    assert one.hold(deadline=SOON)
    other.release(deadline=SOON)
    assert not other.hold(deadline=SOON)
    one.release(deadline=SOON)
    assert other.hold(deadline=SOON)


def test_a_lease_that_cannot_be_read_has_ended() -> None:
    store, clock = MemoryStore(), Clock()
    one = lease(store, "one", clock)
    assert one.hold(deadline=SOON)
    record = store.get("lease", "i4q", "controller", deadline=SOON)
    assert record is not None
    store.put(record.replace(data={"holder": "x", "until": "tomorrow"}), expected=1, deadline=SOON)
    assert lease(store, "other", clock).hold(deadline=SOON)


@given(
    st.lists(st.tuples(st.sampled_from(["hold", "release", "die"]), st.integers(0, 2), st.integers(0, 20)), max_size=40)
)
def test_never_two_at_once_and_never_nobody_for_ever(steps: list[tuple[str, int, int]]) -> None:
    store, clock = MemoryStore(), Clock()
    leases = [lease(store, str(number), clock) for number in range(3)]
    until = [START] * 3
    for number, (verb, who, seconds) in enumerate(steps):
        clock.turn(seconds)
        if verb == "hold" and leases[who].hold(deadline=SOON):
            assert all(until[other] <= clock.now for other in range(3) if other != who)
            record = store.get("lease", "i4q", "controller", deadline=SOON)
            assert record is not None
            until[who] = datetime.fromisoformat(record.data["until"])
        elif verb == "release":
            leases[who].release(deadline=SOON)
            until[who] = START
        elif verb == "die":
            leases[who] = lease(store, f"{who} again, at step {number}", clock)
    clock.turn(15)
    assert lease(store, "last", clock).hold(deadline=SOON)


def test_a_turn_follows_labels(memory: MemoryBackend) -> None:
    hub = Hub()
    hub.deploy(things.model(), to=Placement("cnc", Label("line") == "cnc"))
    hub.clusters.label("edge-3", {"line": "cnc"}, refresh=False)
    assert len(memory.fleet.told) == 2
    turn = Controller(hub).once()
    assert (turn.held, turn.failed) == (True, {})
    assert len(memory.fleet.told) == 3


def test_turns_drive_a_staged_roll_out(memory: MemoryBackend) -> None:
    hub = Hub()
    where = Placement("p", groups={"pilot": Name("edge-1"), "next": Name("edge-2")})
    hub.deploy(things.model(), to=where, rollout=Rollout(strategy="staged"))
    controller = Controller(hub)
    for expected in (2, 3, 3):
        controller.once()
        assert len(memory.fleet.told) == expected


def test_a_turn_finishes_what_was_deleted_while_a_cluster_was_away(memory: MemoryBackend) -> None:
    hub = Hub()
    deployment = hub.deploy(things.model(), to=Placement("all"))
    memory.fleet.refuse = {"edge-2"}
    with pytest.raises(Exception, match="could not be told"):
        deployment.delete(timeout=60)
    assert [each.name for each in hub.list()] == ["tool-wear"]
    memory.fleet.refuse = set()
    Controller(hub).once()
    assert hub.list() == []


def test_one_that_fails_does_not_stop_the_others(memory: MemoryBackend, caplog: pytest.LogCaptureFixture) -> None:
    hub = Hub()
    for name, cluster in (("a", "edge-1"), ("b", "edge-2")):
        hub.deploy(things.model(name), to=Placement("p", Name(cluster, "edge-3")))
    memory.fleet.told.clear()
    memory.fleet.refuse = {"edge-1"}
    controller = Controller(hub)
    turns = [controller.once() for _ in range(3)]
    assert all(list(turn.failed) == ["a"] for turn in turns)
    assert ("edge-2", "i4q", "b") in memory.fleet.told
    warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warned) == 1, "a failure is said once, not at every turn"
    assert "edge-1: no room" in warned[0].getMessage()


def test_two_controllers_take_turns(memory: MemoryBackend) -> None:
    clock = Clock()
    one, other = (Controller(Hub(), lease_seconds=15, clock=clock) for _ in range(2))
    assert [one.once().held, other.once().held] == [True, False]
    clock.turn(15)
    assert [other.once().held, one.once().held] == [True, False]
    other.release()
    assert one.once().held


def test_controllers_of_two_owners_do_not_wait_for_each_other(memory: MemoryBackend) -> None:
    assert Controller(Hub(owner="a")).once().held
    assert Controller(Hub(owner="b")).once().held


def test_it_runs_until_it_is_told_to_stop_and_gives_the_lease_back(memory: MemoryBackend) -> None:
    stop = threading.Event()
    hub = Hub()
    hub.deploy(things.model(), to=Placement("cnc", Label("line") == "cnc"))
    hub.clusters.label("edge-3", {"line": "cnc"}, refresh=False)

    class Turns(Controller):
        def once(self):  # type: ignore[no-untyped-def]
            turn = super().once()
            if len(memory.fleet.told) == 3:
                stop.set()
            return turn

    Turns(hub).run(stop)
    assert [key for key in memory.store.records if key[0] == "lease"] == []


def test_it_waits_for_a_hub_that_is_away(memory: MemoryBackend, caplog: pytest.LogCaptureFixture) -> None:
    stop = threading.Event()
    memory.store.refuse = True

    class Patient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            memory.store.refuse = False
            stop.set()
            self.set()
            return True

    Controller(Hub()).run(Patient())
    assert "the controller waits for its hub: the store does not answer" in caplog.text
    assert stop.is_set()


def test_offline_clusters_do_not_stop_it(memory: MemoryBackend) -> None:
    hub = Hub()
    hub.deploy(things.model(), to=Placement("all"))
    memory.fleet.phases["edge-1"] = Phase.OFFLINE
    assert Controller(hub).once().failed == {}
