"""The decisions, driven through simulated worlds in which anything may fail at any time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i4q_ai.desired import Desired, Item, ModelItem, Policy, WorkloadItem
from i4q_ai.edge import observing, reconcile
from i4q_ai.edge.paths import tree_name
from i4q_ai.edge.state import Answer, ItemState, Key, Process, Trouble, same
from i4q_ai.status import Observation, Phase

KEY = ("i4q", "wear")
POLICY = Policy(keep=2, settle=1, probe_timeout=10)


def digest(version: str) -> str:
    return "sha256:" + version * 64


def model(version: str, *, flavour: str = "server", revision: int = 1, name: str = "wear") -> ModelItem:
    return ModelItem(
        namespace="i4q", name=name, model=name, version=version, digest=digest(version), references=("oci:/x",),
        flavour=flavour, revision=revision,
    )  # fmt: skip


def workload(version: str, *, revision: int = 1, **about: object) -> WorkloadItem:
    return WorkloadItem(
        namespace="i4q", name="line", workload="line", version=version, digest=digest(version), references=("oci:/x",),
        command=("python", "main.py"), revision=revision, **about,
    )  # fmt: skip


@dataclass
class World:
    """Does what the steps say, in no time.

    Args:
        breaks: which steps fail.
        says: what a probe that fails finds.
        lasts: version → seconds for which each of its processes answers.
    """

    breaks: Callable[[reconcile.Step], bool]
    says: Answer = Answer.SILENT
    lasts: dict[str, float] = field(default_factory=dict)
    policy: Policy = POLICY
    desired: Desired = field(default_factory=lambda: Desired(cluster="edge-1", policy=POLICY))
    local: dict[Key, ItemState] = field(default_factory=dict)
    now: float = 100.0
    done: list[reconcile.Step] = field(default_factory=list)
    pid: int = 1

    def want(self, *items: Item) -> None:
        models = tuple(item for item in items if isinstance(item, ModelItem))
        workloads = tuple(item for item in items if isinstance(item, WorkloadItem))
        self.desired = Desired(cluster="edge-1", models=models, workloads=workloads, policy=self.policy)
        for item in items:
            key = (item.namespace, item.name)
            self.local[key] = self.local.get(key, ItemState(kind=item.kind)).at_once()

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            steps = reconcile.steps(self.desired, self.local, self.now)
            for step in steps:
                self._check(step)
                self._do(step)
            if not steps:
                alarm = reconcile.alarms(self.desired, self.local, self.now)
                self.now = min(end, alarm or end)
            self.now += 0.001

    def crash(self, key: Key) -> None:
        state = self.local[key]
        if state.process:
            self.local[key] = state.ended(Trouble("Ended", "crashed"), self.now)

    def observe(self, key: Key = KEY) -> Observation:
        seen = observing.observe(self.desired, self.local, now=self.now, time=datetime.now(UTC), before={})
        return next(item for item in seen if (item.namespace, item.name) == key)

    def _check(self, step: reconcile.Step) -> None:
        state = self.local[step.key]
        if isinstance(step, (reconcile.Expose, reconcile.Start, reconcile.Load)):
            assert state.has(step.item), "nothing is shown that is not there, whole"
        if isinstance(step, reconcile.Start):
            assert state.process is None
            assert same(step.item, state.current), "what is started is what is shown"
        if isinstance(step, (reconcile.Load, reconcile.Stop, reconcile.Probe)):
            assert state.process is not None
        if isinstance(step, (reconcile.Expose, reconcile.Load)) and step.previous:
            assert state.has(step.previous)
        if isinstance(step, reconcile.Prune):
            kept = {item.digest for item in (state.current, state.process and state.process.item) if item}
            kept |= {item.digest for item in state.good[:2]}
            assert not step.names & {tree_name(one) for one in kept}
        if isinstance(step, reconcile.Refuse):
            assert state.fallback(step.item) or not same(state.current, step.item), "there is something to go back to"

    def _silent(self, state: ItemState, version: str) -> bool:
        since = max(state.process.started if state.process else 0.0, state.trial_since or 0.0)
        return self.now - since > self.lasts.get(version, float("inf"))

    def _do(self, step: reconcile.Step) -> None:
        self.done.append(step)
        state, now, bad = self.local[step.key], self.now, self.breaks(step)
        trouble = Trouble("Broken", "broken")
        after: ItemState | None = state
        match step:
            case reconcile.Fetch():
                after = state.not_fetched(trouble, now) if bad else state.fetched(step.item.digest)
            case reconcile.Expose():
                after = state.ended(trouble, now) if bad else state.exposed(step.item, now, step.judges)
            case reconcile.Start():
                self.pid += 1
                process = Process(self.pid, "token", step.item, now, 20000)
                after = state.ended(trouble, now) if bad else state.started(process, again=False)
            case reconcile.Stop():
                after = state.ended(step.trouble, now) if step.trouble else state.stopped()
            case reconcile.Load():
                after = state.rejected(step.item, trouble, now) if bad else state.loaded(step.item, now)
            case reconcile.Probe():
                silent = bad or self._silent(state, step.item.version)
                after = state.probed(self.says if silent else Answer.READY, now)
            case reconcile.Accept():
                after = state.accept(step.item, self.desired.policy.keep)
            case reconcile.Refuse():
                after = state.refuse(step.item, step.trouble)
            case reconcile.Prune():
                after = state.pruned(step.names)
            case reconcile.Remove():
                after = state.ended(trouble, now) if bad else None
        if after is None:
            del self.local[step.key]
        else:
            self.local[step.key] = after


def sound(step: reconcile.Step) -> bool:
    return False


def broken(version: str) -> Callable[[reconcile.Step], bool]:
    """This version loads nowhere and never gets ready."""

    def breaks(step: reconcile.Step) -> bool:
        touched = isinstance(step, (reconcile.Load, reconcile.Probe))
        return touched and getattr(step, "item").version == version  # noqa: B009 - only these two have one

    return breaks


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
