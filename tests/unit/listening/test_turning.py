"""Turns: from a commit to clusters, once, whoever else is at it and wherever somebody was killed."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from i4q_ai import Hub, Label, Placement
from i4q_ai.errors import I4qError, UnreachableError
from i4q_ai.listening import deploying, turning
from i4q_ai.listening.lines import Change
from i4q_ai.listening.rules import ListenedSource
from i4q_ai.listening.turning import Turn, Turner
from tests.unit import things
from tests.unit.listening.conftest import FakeGit, release, rules
from tests.unit.memory import MemoryBackend

PLANT = rules().sources[0]


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Killed(BaseException):
    """What no handler catches: as if the process were gone."""


def die(*_: Any, **__: Any) -> Any:
    raise Killed


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def turner(memory: MemoryBackend, git: FakeGit, cache: Path, clock: Clock) -> Turner:
    return made("one", cache, clock)


def made(holder: str, cache: Path, clock: Clock, *, approve: bool = False) -> Turner:
    return Turner(Hub(), holder=holder, approve=approve, lease=15, cache=cache, clock=clock)


def change(turn: Turn) -> Change:
    assert turn.change is not None
    return turn.change


def revision(name: str = "tool-wear") -> int:
    return Hub().engine.record(name).revision


def last(turner: Turner, source: ListenedSource = PLANT) -> Change:
    found = turner.ledger.read(source)[0].last
    assert found is not None
    return found


def test_a_commit_becomes_a_deployment_once(turner: Turner, git: FakeGit, memory: MemoryBackend) -> None:
    assert turner.take(PLANT) == Turn()
    git.push(release())
    done = change(turner.take(PLANT))
    assert (done.state, done.deployed) == ("applied", {"tool-wear": 1})
    assert {key[0] for key in memory.fleet.told} == {"edge-1", "edge-2"}
    assert turner.take(PLANT) == Turn()
    git.push(release("2"))
    assert change(turner.take(PLANT)).deployed == {"tool-wear": 2}


def test_it_is_the_plan_of_apply_file(turner: Turner, git: FakeGit, tmp_path: Path) -> None:
    file = tmp_path / "release.yaml"
    file.write_text(release()["release.yaml"])
    git.push(release())
    turner.take(PLANT)
    assert Hub().apply_file(file).empty


def test_a_poll_that_finds_nothing_asks_no_store(turner: Turner, git: FakeGit, memory: MemoryBackend) -> None:
    git.push(release())
    turner.take(PLANT)
    memory.store.refuse = True
    assert turner.take(PLANT) == Turn()


def test_commits_about_other_files_are_no_changes(turner: Turner, git: FakeGit) -> None:
    git.push(release())
    turner.take(PLANT)
    Hub().get("tool-wear").update(things.model(version="9"))
    git.push(release())
    assert turner.take(PLANT) == Turn()
    assert revision() == 2, "what a person has changed since is left alone"
    assert [each.state for each in turner.ledger.read(PLANT)[0].changes] == ["applied"]


def test_a_broken_commit_is_refused_and_the_version_before_goes_on(turner: Turner, git: FakeGit) -> None:
    git.push(release())
    turner.take(PLANT)
    git.push({"release.yaml": "apiVersion: i4q-ai/v1\nkind: Release\nmodels: [\n"})
    broken = change(turner.take(PLANT))
    assert broken.state == "refused"
    assert broken.why.startswith("release.yaml: line 4")
    assert revision() == 1
    assert turner.take(PLANT) == Turn(waits=True)
    git.push(release("2"))
    assert change(turner.take(PLANT)).state == "applied"


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({}, "holds no file that ends in .yaml or .yml"),
        ({"sub/release.yaml": ""}, "holds no file"),
        ({"release.yaml": ""}, "release.yaml: is empty"),
        (release(name="other"), "'other' is none of tool-wear"),
        (release(to=Placement("all")), "does not contain the rule: label line == cnc"),
        (release(to=Placement("nobody", (Label("line") == "cnc") & (Label("x") == "y"))), "no cluster"),
        ({"a.yaml": release()["release.yaml"], "b.yaml": release("2")["release.yaml"]}, "may be any of"),
        ({"x" * 300 + ".yaml": ""}, "has a name of more than 255 bytes"),
        ({f"{number}.yaml": "" for number in range(1001)}, "holds 1001 files"),
        ({"release.yaml": "a: &a [x]\nb: [*a,*a]\n"}, "apiVersion is None"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(
    turner: Turner, git: FakeGit, files: dict[str, str], told: str
) -> None:
    git.push(files)
    refused = change(turner.take(PLANT))
    assert refused.state == "refused"
    assert told in refused.why
    assert "/tmp" not in refused.why
    assert Hub().list() == []


def test_other_peoples_deployments_are_theirs(turner: Turner, git: FakeGit) -> None:
    Hub(owner="other").deploy(things.model(), to=Placement("cnc", Label("line") == "cnc"))
    git.push(release("2"))
    assert change(turner.take(PLANT)).state == "refused"
    assert revision() == 1


def test_what_may_pass_is_tried_again(turner: Turner, git: FakeGit, memory: MemoryBackend) -> None:
    memory.fleet.refuse = {"edge-2"}
    git.push(release())
    failed = change(turner.take(PLANT))
    assert failed.state == "failed"
    assert "edge-2: no room" in failed.why
    memory.fleet.refuse = set()
    assert change(turner.take(PLANT)).state == "applied"
    assert revision() == 1
    assert len(turner.ledger.read(PLANT)[0].changes) == 1


def test_a_bug_is_written_down_and_tried_again(
    turner: Turner, git: FakeGit, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    git.push(release())
    with monkeypatch.context() as patch:
        patch.setattr(deploying, "wanted", lambda *_: 1 / 0)
        failed = change(turner.take(PLANT))
    assert (failed.state, failed.why[:28]) == ("failed", "unexpected ZeroDivisionError")
    assert "this is a bug" in caplog.text
    assert change(turner.take(PLANT)).state == "applied"


def test_a_server_that_is_away_leaves_no_trace(turner: Turner, git: FakeGit) -> None:
    git.away = True
    with pytest.raises(UnreachableError):
        turner.take(PLANT)
    assert turner.ledger.all() == []


def test_a_force_push_to_something_new_is_a_change_and_one_back_waits(turner: Turner, git: FakeGit) -> None:
    first = git.push(release())
    turner.take(PLANT)
    git.push(release("2"))
    turner.take(PLANT)
    git.head = first
    back = change(turner.take(PLANT))
    assert (back.state, back.back) == ("waiting", True)
    assert "went back" in back.why
    assert revision() == 2
    turner.ledger.answer(back.id, approve=True, by="jo")
    assert change(turner.take(PLANT)).state == "applied"
    assert revision() == 3


# people


def test_with_approve_a_person_decides(memory: MemoryBackend, git: FakeGit, cache: Path, clock: Clock) -> None:
    turner = made("one", cache, clock, approve=True)
    git.push(release())
    waits = change(turner.take(PLANT))
    assert waits.state == "waiting"
    assert "create on edge-1" in waits.plan
    assert turner.take(PLANT) == Turn(waits=True)
    assert Hub().list() == []
    turner.ledger.answer(waits.id, approve=True, by="jo")
    applied = change(turner.take(PLANT))
    assert (applied.state, applied.by, applied.plan) == ("applied", "jo", "")


def test_a_refused_change_is_over_and_the_next_one_waits(git: FakeGit, turner: Turner) -> None:
    source = rules(approve=True).sources[0]
    git.push(release())
    turner.ledger.answer(change(turner.take(source)).id, approve=False, by="jo", why="not in summer")
    assert turner.take(source).change is None
    git.push(release("2"))
    assert change(turner.take(source)).state == "waiting"
    assert [each.state for each in turner.ledger.read(source)[0].changes] == ["refused", "waiting"]


def test_an_approval_is_of_one_commit(turner: Turner, git: FakeGit) -> None:
    source = rules(approve=True).sources[0]
    git.push(release())
    turner.ledger.answer(change(turner.take(source)).id, approve=True, by="jo")
    git.push(release("2"))
    assert change(turner.take(source)).state == "waiting"
    assert Hub().list() == []


def test_what_was_in_the_way_may_be_gone(turner: Turner, git: FakeGit) -> None:
    elsewhere = Placement("mill", (Label("line") == "cnc") & (Label("mill") == "yes"))
    git.push(release(to=elsewhere))
    refused = change(turner.take(PLANT))
    assert refused.state == "refused"
    Hub().clusters.label("edge-1", {"mill": "yes"}, refresh=False)
    turner.ledger.answer(refused.id, approve=True, by="jo")
    assert change(turner.take(PLANT)).state == "applied"


def test_an_approval_outlives_what_passes(turner: Turner, git: FakeGit, memory: MemoryBackend) -> None:
    source = rules(approve=True).sources[0]
    git.push(release())
    turner.ledger.answer(change(turner.take(source)).id, approve=True, by="jo")
    memory.fleet.refuse = {"edge-2"}
    assert change(turner.take(source)).state == "failed"
    memory.fleet.refuse = set()
    done = change(turner.take(source))
    assert (done.state, done.by) == ("applied", "jo")


# two at once, and the dead


def test_whoever_is_ended_leaves_the_change_to_others(turner: Turner, git: FakeGit, cache: Path, clock: Clock) -> None:
    def end() -> None:
        git.on_read = None
        turner.end()
        raise I4qError("looking was cancelled")

    git.push(release())
    git.on_read = end
    assert change(turner.take(PLANT)).state == "failed"
    assert change(made("two", cache, clock).take(PLANT)).state == "applied"


def test_whoever_is_slow_but_alive_keeps_what_he_holds(memory: MemoryBackend, git: FakeGit, cache: Path) -> None:
    slow = Turner(Hub(), holder="slow", approve=False, lease=0.3, cache=cache)
    until: list[datetime] = []

    def slowly() -> None:
        git.on_read = None
        end = time.monotonic() + 60
        while len(set(until)) < 4 and time.monotonic() < end:
            held = slow.ledger.read(PLANT)[0].until
            assert held is not None
            until.append(held)

    git.push(release())
    git.on_read = slowly
    assert change(slow.take(PLANT)).state == "applied"
    assert until == sorted(until)
    assert until[-1] - until[0] > timedelta(seconds=0.1), "renewed again and again"


def test_whoever_died_with_a_clock_ahead_is_not_waited_for_for_ever(
    turner: Turner, git: FakeGit, cache: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    git.push(release())
    clock.turn(3600)
    with monkeypatch.context() as patch:
        patch.setattr(turner, "_finish", die)
        with pytest.raises(Killed):
            turner.take(PLANT)
    clock.turn(-3600)
    other = made("two", cache, clock)
    now = [0.0]
    monkeypatch.setattr(turning, "time", SimpleNamespace(monotonic=lambda: now[0]))
    assert other.take(PLANT) == Turn(later=True)
    now[0] = 30.0
    assert other.take(PLANT) == Turn(later=True)
    now[0] = 30.1
    assert change(other.take(PLANT)).state == "applied"


def test_the_second_finds_it_done(turner: Turner, git: FakeGit, cache: Path, clock: Clock) -> None:
    git.push(release())
    other = made("two", cache, clock)
    assert change(turner.take(PLANT)).state == "applied"
    assert other.take(PLANT) == Turn()
    assert revision() == 1


def test_the_second_waits_for_the_first(turner: Turner, git: FakeGit, cache: Path, clock: Clock) -> None:
    other = made("two", cache, clock)
    seen: list[Turn] = []
    git.push(release())
    git.on_read = lambda: None if seen else seen.append(other.take(PLANT))
    assert change(turner.take(PLANT)).state == "applied"
    assert seen == [Turn(later=True)]


@pytest.mark.parametrize("point", ["read", "plan", "guard", "apply", "write"])
def test_killed_anywhere_the_next_one_ends_in_one_revision(
    point: str, turner: Turner, git: FakeGit, cache: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    git.push(release())
    with monkeypatch.context() as patch:
        if point == "read":
            git.on_read = die
        elif point == "plan":
            patch.setattr(deploying, "wanted", die)
        elif point == "guard":
            patch.setattr(turner, "_keep", die)
        elif point == "apply":
            patch.setattr(type(turner._engine), "_tell", die)
        else:
            patch.setattr(turner, "_finish", die)
        with pytest.raises(Killed):
            turner.take(PLANT)
    git.on_read = None
    other = made("two", cache, clock)
    assert other.take(PLANT) == Turn(later=True)
    clock.turn(15)
    assert change(other.take(PLANT)).state == "applied"
    assert revision() == 1
    assert len(other.ledger.read(PLANT)[0].changes) == 1


def test_who_sleeps_too_long_does_not_undo_what_came_after(
    turner: Turner, git: FakeGit, cache: Path, clock: Clock
) -> None:
    """The first reads an old commit, sleeps past its lease; the second applies a newer one; then the first goes on."""
    other = made("two", cache, clock)
    git.push(release())

    def sleep() -> None:
        git.on_read = None
        clock.turn(60)
        git.push(release("2"))
        assert change(other.take(PLANT)).state == "applied"

    git.on_read = sleep
    assert turner.take(PLANT) == Turn(later=True)
    spec = Hub().get("tool-wear").spec
    assert spec.object.version == "2"
    assert revision() == 1
    assert turner.take(PLANT) == Turn()


def test_a_plan_that_is_late_is_stale(
    turner: Turner, git: FakeGit, cache: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As above, but asleep between the last look at the line and the store."""
    other = made("two", cache, clock)
    git.push(release())
    keep = turner._keep

    def sleep(held: Any) -> None:
        keep(held)
        monkeypatch.setattr(turner, "_keep", keep)
        clock.turn(60)
        git.push(release("2"))
        assert change(other.take(PLANT)).state == "applied"

    monkeypatch.setattr(turner, "_keep", sleep)
    assert turner.take(PLANT) == Turn(later=True)
    assert Hub().get("tool-wear").spec.object.version == "2"
    assert revision() == 1


def test_an_old_look_at_the_head_is_no_older_change(
    turner: Turner, git: FakeGit, cache: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the head and the claim, the other listener has applied a newer commit."""
    other = made("two", cache, clock)
    old = git.push(release())
    look = turner._looker.head

    def late(*arguments: Any, **about: Any) -> Any:
        found = look(*arguments, **about)
        git.push(release("2"))
        assert change(other.take(PLANT)).state == "applied"
        return found

    monkeypatch.setattr(turner._looker, "head", late)
    assert turner.take(PLANT) == Turn()
    assert Hub().get("tool-wear").spec.object.version == "2"
    assert [each.commit == old for each in turner.ledger.read(PLANT)[0].changes] == [False]


def test_clusters_that_pull_nothing_are_not_told_to(turner: Turner, git: FakeGit) -> None:
    source = rules(mode="pull", allow=None, to={"name": "cnc", "rule": {"label": "line", "values": ["cnc"]}})
    git.push(release())
    refused = change(turner.take(source.sources[0]))
    assert refused.state == "refused"
    assert "take nothing from Git" in refused.why


def test_clusters_that_pull_are_told(turner: Turner, git: FakeGit, memory: MemoryBackend) -> None:
    told: list[Any] = []
    memory.fleet.check_subscription = lambda subscription, **_: None  # type: ignore[method-assign]
    memory.fleet.subscribe = lambda subscription, **_: told.append(subscription)  # type: ignore[method-assign]
    source = rules(mode="pull", allow=None, to={"name": "cnc", "rule": {"label": "line", "values": ["cnc"]}}).sources[0]
    commits = [git.push(release()), git.push(release("2"))]
    assert change(turner.take(source)).state == "applied"
    assert [(each.name, each.commit, each.folders) for each in told] == [("plant", commits[1], {"*": "releases"})]
