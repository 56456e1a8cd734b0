"""Soaks end without an event: whoever drives a roll-out looks again by itself."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from i4q_ai import Hub, Placement, Rollout
from i4q_ai.controller import Controller
from i4q_ai.deadline import Deadline
from i4q_ai.status import Observation
from tests.unit import things
from tests.unit.memory import MemoryBackend, MemoryFleet

ONE_BY_ONE = Rollout(max_concurrency=1, soak=0.05)


class QuietFleet(MemoryFleet):
    """Says nothing of any change: a watch gives one look, and lasts until its deadline."""

    def watch(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> Iterator[list[Observation]]:
        yield self.observe(namespace=namespace, name=name, deadline=deadline)
        threading.Event().wait(deadline.left())


def quiet(memory: MemoryBackend) -> None:
    fleet = QuietFleet()
    fleet.known = memory.fleet.known
    memory.fleet = fleet


def test_wait_wakes_up_when_a_soak_ends(memory: MemoryBackend) -> None:
    quiet(memory)
    deployment = Hub().deploy(things.model(), to=Placement("all"), rollout=ONE_BY_ONE)
    assert len(memory.fleet.told) == 1
    assert "soaks until" in deployment.status().message
    assert deployment.wait(timeout=60).status().ready
    assert len(memory.fleet.told) == 3


def test_a_status_that_is_watched_changes_when_a_soak_ends(memory: MemoryBackend) -> None:
    quiet(memory)
    deployment = Hub().deploy(things.model(), to=Placement("all", count=1), rollout=ONE_BY_ONE)
    seen = []
    for status in deployment.watch(timeout=60):
        seen.append(str(status.phase))
        if status.ready:
            break
    assert seen == ["Pending", "Ready"]


def test_the_controller_wakes_up_when_a_soak_ends(memory: MemoryBackend) -> None:
    quiet(memory)
    hub, stop = Hub(), threading.Event()
    hub.deploy(things.model(), to=Placement("all"), rollout=ONE_BY_ONE)

    class Turns(Controller):
        def once(self):  # type: ignore[no-untyped-def]
            turn = super().once()
            if len(memory.fleet.told) == 3:
                stop.set()
            return turn

    # The lease is longer than the test may last: nothing but the ends of soaks makes turns.
    Turns(hub, lease_seconds=3600).run(stop)
    assert len(memory.fleet.told) == 3
