"""The decisions, driven through simulated worlds in which anything may fail at any time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from i4q_ai.edge import reconcile
from i4q_ai.status import Phase
from tests.unit.edge.world import KEY, World, broken, digest, model, sound, workload


def test_the_first_version_goes_its_way() -> None:
    world = World(sound)
    world.want(model("1"))
    world.run(5)
    names = [type(step).__name__ for step in world.done if not isinstance(step, reconcile.Probe)]
    assert names == ["Fetch", "Expose", "Start", "Accept"]
    assert world.observe().phase is Phase.READY


def test_a_new_version_is_loaded_beside_the_old_one() -> None:
    world = World(sound)
    world.want(model("1"))
    world.run(5)
    world.done.clear()
    world.want(model("2", revision=2))
    world.run(5)
    names = [type(step).__name__ for step in world.done if not isinstance(step, reconcile.Probe)]
    assert names == ["Fetch", "Load", "Accept"]
    assert world.observe().running == digest("2")


def test_a_refused_version_is_tried_again_only_when_it_is_wanted_anew() -> None:
    world = World(broken("2"))
    world.want(model("1"))
    world.run(5)
    world.want(model("2", revision=2))
    world.run(500)
    loads = [step for step in world.done if isinstance(step, reconcile.Load)]
    assert len(loads) == 1
    assert world.observe().phase is Phase.ROLLED_BACK
    world.breaks = sound
    world.want(model("2", revision=3))
    world.run(5)
    assert world.observe().phase is Phase.READY


def test_a_workload_that_wants_what_the_flavour_cannot_give_waits_and_says_why() -> None:
    world = World(sound)
    world.want(model("1", flavour="files"), workload("1", uses={"wear": "url"}))
    world.run(60)
    assert "gives no url" in world.observe(("i4q", "line")).message


def test_fetching_goes_on_while_a_server_is_started_again() -> None:
    world = World(sound)
    world.want(model("1"))
    world.run(5)
    world.breaks = lambda step: isinstance(step, reconcile.Fetch)
    world.want(model("2", revision=2))
    world.run(1)
    world.crash(KEY)
    world.run(60)
    assert world.local[KEY].process is not None
    assert world.observe().phase is Phase.FETCHING
    assert world.observe().running == digest("1")


def test_a_busy_item_gets_no_second_step() -> None:
    world = World(sound)
    world.want(model("1"))
    world.local[KEY] = replace(world.local[KEY], busy=True, fetching=digest("1"))
    assert reconcile.steps(world.desired, world.local, 1e9) == []


def test_what_nobody_wants_any_more_is_cancelled_stopped_and_removed() -> None:
    world = World(sound)
    world.want(model("1"))
    world.local[KEY] = replace(world.local[KEY], fetching=digest("1"))
    world.want()
    assert reconcile.steps(world.desired, world.local, 1e9) == [reconcile.Cancel(KEY)]
    world.local[KEY] = world.local[KEY].fetch_ended()
    world.run(5)
    assert world.local == {}


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whatever_fails_it_converges_once_nothing_fails(data: st.DataObject) -> None:
    world = World(lambda step: data.draw(st.booleans()))
    flavour = data.draw(st.sampled_from(["server", "files"]))
    uses = {"wear": "url" if flavour == "server" else "path"}
    for revision in range(1, data.draw(st.integers(1, 4)) + 1):
        versions = st.sampled_from("123")
        wanted = model(data.draw(versions), flavour=flavour, revision=revision)
        reader = workload(data.draw(versions), revision=revision, uses=uses, port=80, ready="/")
        world.want(wanted, reader)
        world.run(data.draw(st.sampled_from([0.01, 0.6, 3])))
        if data.draw(st.booleans()):
            world.crash(data.draw(st.sampled_from([KEY, ("i4q", "line")])))
    world.breaks = sound
    world.run(90)
    # What was refused in bad times stays refused until it is wanted anew.
    world.want(wanted.replace(revision=9), reader.replace(revision=9))
    world.run(90)
    for key, item in ((KEY, wanted), (("i4q", "line"), reader)):
        seen = world.observe(key)
        assert seen.phase is Phase.READY, seen
        assert seen.running == item.digest
    steps = reconcile.steps(world.desired, world.local, world.now)
    assert [step for step in steps if not isinstance(step, reconcile.Probe)] == []
    world.want()
    world.run(90)
    assert world.local == {}


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_broken_version_never_keeps_a_good_one_from_running(data: st.DataObject) -> None:
    world = World(broken("2"))
    world.want(model("1"))
    world.run(5)
    for revision in range(2, 6):
        world.want(model(data.draw(st.sampled_from("123")), revision=revision))
        world.run(data.draw(st.sampled_from([0.01, 0.5, 30])))
        process = world.local[KEY].process
        assert process is not None
        assert process.item.version != "2"
    world.run(100)
    seen = world.observe()
    wanted_is_broken = world.desired.models[0].version == "2"
    assert seen.phase is (Phase.ROLLED_BACK if wanted_is_broken else Phase.READY)
