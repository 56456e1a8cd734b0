"""What is decided about versions and processes that crash, hang or never get ready."""

from __future__ import annotations

import pytest

from i4q_ai.edge import reconcile
from i4q_ai.edge.state import Answer
from i4q_ai.status import Phase
from tests.unit.edge.world import KEY, POLICY, World, broken, digest, model, sound, workload


def test_a_version_that_crashes_the_server_in_its_first_minute_is_taken_back() -> None:
    world = World(sound)
    world.want(model("1"))
    world.run(100)
    world.want(model("2", revision=2))
    world.run(3)
    assert world.observe().phase is Phase.READY
    for _ in range(reconcile.TRIES):
        world.crash(KEY)
        world.run(3)
    assert world.observe().phase is Phase.ROLLED_BACK
    assert world.observe().running == digest("1")


def test_a_version_past_doubt_is_not_taken_back_when_it_crashes() -> None:
    world = World(sound)
    world.want(model("1"))
    world.run(5)
    world.want(model("2", revision=2))
    world.run(300)
    for _ in range(5):
        world.crash(KEY)
        world.run(1)
    world.run(60)
    assert world.observe().phase is Phase.READY
    assert world.observe().running == digest("2")


def test_a_server_that_hangs_is_not_ready_and_is_started_again() -> None:
    world = World(sound)
    world.want(model("1"))
    world.run(100)
    world.lasts = {"1": 101}
    world.run(25)
    seen = world.observe()
    assert (seen.phase, seen.reason, seen.restarts) == (Phase.STARTING, "NotReady", 0)
    process = world.local[KEY].process
    world.run(20)
    assert world.observe().phase is Phase.READY
    assert world.local[KEY].process != process
    troubles = [step.trouble for step in world.done if isinstance(step, reconcile.Stop)]
    assert [trouble.reason for trouble in troubles if trouble] == ["Unresponsive"]


def test_a_pause_that_is_shorter_than_that_ends_nothing() -> None:
    world = World(sound)
    world.want(model("1"))
    world.run(10)
    process = world.local[KEY].process
    world.lasts = {"1": 10}
    world.run(25)
    world.lasts = {}
    world.run(5)
    assert world.local[KEY].process == process
    assert world.observe().phase is Phase.READY


def test_an_agent_that_was_asleep_itself_does_not_blame_the_others() -> None:
    world = World(sound)
    world.want(model("1"))
    world.run(10)
    world.now += 1000
    world.breaks = lambda step: isinstance(step, reconcile.Probe)
    world.run(20)
    assert not [step for step in world.done if isinstance(step, reconcile.Stop)]


def test_a_workload_that_says_it_is_not_ready_is_left_alone() -> None:
    world = World(sound)
    world.want(workload("1", port=80, ready="/"))
    world.run(10)
    world.breaks, world.says = (lambda step: isinstance(step, reconcile.Probe)), Answer.NOT_READY
    world.run(1000)
    assert world.observe(("i4q", "line")).phase is Phase.STARTING
    assert not [step for step in world.done if isinstance(step, reconcile.Stop)]
    world.says = Answer.SILENT
    world.run(POLICY.unresponsive + 5)
    assert [step for step in world.done if isinstance(step, reconcile.Stop)]


@pytest.mark.parametrize("lasts", [0.5, 20, 50])
@pytest.mark.parametrize("kind", ["model", "workload"])
def test_a_young_version_that_hangs_again_and_again_is_taken_back(kind: str, lasts: float) -> None:
    world = World(sound)
    make = model if kind == "model" else lambda version, **about: workload(version, port=80, ready="/", **about)
    world.want(make("1"))
    world.run(100)
    world.want(make("2", revision=2))
    world.lasts = {"2": lasts}
    world.run(300)
    seen = world.observe(KEY if kind == "model" else ("i4q", "line"))
    assert (seen.phase, seen.running) == (Phase.ROLLED_BACK, digest("1"))
    assert seen.reason == "Unresponsive"


def test_a_version_past_doubt_that_hangs_is_kept() -> None:
    world = World(sound)
    world.want(model("1"))
    world.run(100)
    world.want(model("2", revision=2))
    world.lasts = {"2": 100}
    world.run(1000)
    world.lasts = {}
    world.run(100)
    assert (world.observe().phase, world.observe().running) == (Phase.READY, digest("2"))


def test_a_server_that_hangs_says_nothing_against_the_version_it_should_load() -> None:
    world = World(sound)
    world.want(model("1"))
    world.run(100)
    world.lasts = {"1": 101}
    world.run(6)
    world.want(model("2", revision=2))
    world.run(20)
    assert not [step for step in world.done if isinstance(step, reconcile.Load)]
    world.run(20)
    assert (world.observe().phase, world.observe().running) == (Phase.READY, digest("2"))


def test_a_version_that_never_gets_ready_is_taken_back_however_long_it_is_waited_for() -> None:
    world = World(broken("2"))
    world.policy = POLICY.replace(probe_timeout=600)
    world.want(workload("1", port=80, ready="/"))
    world.run(10)
    world.want(workload("2", port=80, ready="/", revision=2))
    world.run(1300)
    assert world.observe(("i4q", "line")).phase is Phase.ROLLED_BACK


def test_a_workload_starts_after_its_model_and_stays_when_that_changes() -> None:
    world = World(lambda step: isinstance(step, reconcile.Fetch) and step.item.kind == "model")
    uses = {"wear": "url"}
    world.want(model("1"), workload("1", uses=uses))
    world.run(60)
    assert world.observe(("i4q", "line")).phase is Phase.WAITING
    world.breaks = sound
    world.run(60)
    assert world.observe(("i4q", "line")).phase is Phase.READY
    process = world.local["i4q", "line"].process
    world.want(model("2", revision=2), workload("1", uses=uses))
    world.run(60)
    assert world.local["i4q", "line"].process is process
