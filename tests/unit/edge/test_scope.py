"""An agent beside a workload: files only, and its consumer is there by definition."""

from __future__ import annotations

import pytest

from i4q_ai.edge import reconcile
from i4q_ai.edge.scope import Scope
from i4q_ai.edge.state import ItemState, Process
from i4q_ai.status import NO_CONSUMER, Phase
from tests.unit.edge.world import KEY, World, digest, model, sound, workload


def test_files_are_ready_once_they_are_exposed() -> None:
    world = World(sound, scope=Scope.POD)
    world.want(model("1", flavour="files"))
    world.run(5)
    assert [type(step).__name__ for step in world.done] == ["Fetch", "Expose", "Accept"]
    seen = world.observe()
    assert (seen.phase, seen.reason, seen.running) == (Phase.READY, "", digest("1"))


def test_for_a_whole_cluster_they_wait_for_a_consumer() -> None:
    world = World(sound)
    world.want(model("1", flavour="files"))
    world.run(5)
    assert (world.observe().phase, world.observe().reason) == (Phase.WAITING, NO_CONSUMER)


def test_a_new_version_is_exposed_and_the_last_one_kept() -> None:
    world = World(sound, scope=Scope.POD)
    for version in "1234":
        world.want(model(version, flavour="files", revision=int(version)))
        world.run(5)
    assert world.observe().running == digest("4")
    assert [item.version for item in world.local[KEY].good] == ["4", "3"]
    assert len(world.local[KEY].trees) == 2


@pytest.mark.parametrize("flavour", ["server", "image", "chart"])
def test_other_flavours_fail_and_say_why(flavour: str) -> None:
    world = World(sound, scope=Scope.POD)
    world.want(model("1", flavour=flavour))
    world.run(60)
    seen = world.observe()
    assert (seen.phase, seen.reason) == (Phase.FAILED, "FlavourNotSupported")
    assert flavour in seen.message
    assert "as files" in seen.message
    assert world.done == []


def test_workloads_fail_and_say_why() -> None:
    world = World(sound, scope=Scope.POD)
    world.want(workload("1"))
    world.run(60)
    seen = world.observe(("i4q", "line"))
    assert (seen.phase, seen.reason) == (Phase.FAILED, "WorkloadsNotSupported")
    assert world.done == []


def test_what_is_not_supported_is_stopped() -> None:
    world = World(sound)
    world.want(model("1", flavour="image"))
    world.local[KEY] = ItemState(kind="model", process=Process(1, "token", model("1"), 0.0, 20000))
    assert reconcile.steps(world.desired, world.local, world.now) == [reconcile.Stop(KEY)]
