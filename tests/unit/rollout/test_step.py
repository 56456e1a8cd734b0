"""One step of a roll-out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from i4q_ai.rollout import Rollout, Seen, Step, step
from i4q_ai.status import Phase

STAGES = ("pilot", "north", "*")
PLACES = [f"edge-{number}" for number in range(6)]
NEW, OLD = "sha256:new", "sha256:old"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
GROUPS = {"edge-1": "pilot", "edge-2": "north", "edge-3": "*"}
WANTED = dict.fromkeys(GROUPS, NEW)


def good(digest: str = NEW) -> Seen:
    return Seen(told=digest, running=digest, phase=Phase.READY)


def test_without_stages_everybody_changes_at_once() -> None:
    assert step(WANTED, {}, GROUPS, (), now=NOW) == Step(now=frozenset(WANTED))


def test_the_first_stage_goes_first() -> None:
    assert step(WANTED, {}, GROUPS, STAGES, now=NOW) == Step(
        now=frozenset({"edge-1"}), later=frozenset({"edge-2", "edge-3"}), waits_for="stage 'pilot': edge-1"
    )


def test_the_next_stage_goes_when_the_one_before_is_good() -> None:
    now = step(WANTED, {"edge-1": good()}, GROUPS, STAGES, now=NOW)
    assert now.now == {"edge-1", "edge-2"}
    assert now.waits_for == "stage 'north': edge-2"


def test_ready_with_another_digest_is_not_good() -> None:
    seen = {"edge-1": Seen(told=NEW, running=OLD, phase=Phase.READY)}
    assert step(WANTED, seen, GROUPS, STAGES, now=NOW).now == {"edge-1"}


def test_the_last_stage_waits_for_nobody() -> None:
    now = step(WANTED, {"edge-1": good(), "edge-2": good()}, GROUPS, STAGES, now=NOW)
    assert now == Step(now=frozenset(WANTED))
    assert step(WANTED, {name: good() for name in GROUPS}, GROUPS, STAGES, now=NOW) == now


def test_a_stage_that_failed_halts_the_others() -> None:
    for phase in (Phase.FAILED, Phase.ROLLED_BACK):
        now = step(WANTED, {"edge-1": Seen(told=NEW, running=OLD, phase=phase)}, GROUPS, STAGES, now=NOW)
        assert now.halted == "stage 'pilot' failed on edge-1"
        assert now.now == {"edge-1"}


def test_a_failure_of_the_version_before_halts_nothing() -> None:
    now = step(WANTED, {"edge-1": Seen(told=OLD, running=None, phase=Phase.FAILED)}, GROUPS, STAGES, now=NOW)
    assert now.halted == ""
    assert now.now == {"edge-1"}


def test_who_is_away_neither_passes_nor_blocks() -> None:
    groups = {**GROUPS, "edge-4": "pilot"}
    away = Seen(told=NEW, running=OLD, phase=Phase.OFFLINE)
    wanted = dict.fromkeys(groups, NEW)
    assert "edge-2" in step(wanted, {"edge-1": good(), "edge-4": away}, groups, STAGES, now=NOW).now
    nobody = step(wanted, {"edge-1": away, "edge-4": away}, groups, STAGES, now=NOW)
    assert nobody.now == {"edge-1", "edge-4"}
    assert nobody.waits_for == "stage 'pilot': none of its clusters can be reached"


def test_who_failed_and_went_away_still_halts() -> None:
    groups = {**GROUPS, "edge-4": "pilot"}
    gone = Seen(told=NEW, running=OLD, phase=Phase.OFFLINE, last=Phase.ROLLED_BACK)
    turn = step(dict.fromkeys(groups, NEW), {"edge-1": gone, "edge-4": good()}, groups, STAGES, now=NOW)
    assert turn.halted == "stage 'pilot' failed on edge-1"
    assert "edge-2" not in turn.now


def test_who_comes_into_a_stage_that_has_failed_is_spared() -> None:
    groups = {**GROUPS, "edge-4": "pilot"}
    failed = Seen(told=NEW, running=OLD, phase=Phase.ROLLED_BACK)
    turn = step(dict.fromkeys(groups, NEW), {"edge-1": failed, "edge-4": good(OLD)}, groups, STAGES, now=NOW)
    assert turn.now == {"edge-1"}
    assert "edge-4" in turn.later
    assert turn.halted == "stage 'pilot' failed on edge-1"


def test_an_empty_stage_is_passed() -> None:
    assert "edge-2" in step({"edge-2": NEW}, {}, GROUPS, STAGES, now=NOW).now


class TestBudgets:
    """One stage of ten clusters, with limits."""

    places = tuple(f"edge-{number}" for number in range(10))
    groups = dict.fromkeys(places, "*")

    def step(self, seen: dict[str, Seen], *, now: datetime = NOW, **rollout: object) -> Step:
        budget = Rollout(strategy="staged", **rollout)
        return step(dict.fromkeys(self.places, NEW), seen, self.groups, ("*",), rollout=budget, now=now)

    def test_only_some_change_at_once(self) -> None:
        turn = self.step({}, max_concurrency=2)
        assert turn.now == {"edge-0", "edge-1"}
        assert turn.waits_for == "stage '*': edge-0, edge-1"
        half = {"edge-0": good(), "edge-1": Seen(told=NEW, running=OLD, phase=Phase.FETCHING)}
        assert self.step(half, max_concurrency=2).now == {"edge-0", "edge-1", "edge-2"}

    def test_a_percentage_is_rounded_up_and_is_one_at_least(self) -> None:
        assert len(self.step({}, max_concurrency="25%").now) == 3
        assert len(self.step({}, max_concurrency="1%").now) == 1
        assert len(self.step({}, max_concurrency="100%").now) == 10

    def test_who_soaks_is_not_good_yet_and_says_until_when(self) -> None:
        ready = Seen(told=NEW, running=NEW, phase=Phase.READY, since=NOW)
        early = self.step({"edge-0": ready}, now=NOW + timedelta(seconds=29), max_concurrency=1, soak=30)
        assert early.now == {"edge-0"}
        assert early.waits_for == "stage '*': edge-0 (soaks until 2026-01-01T00:00:30Z)"
        assert early.wakes_at == NOW + timedelta(seconds=30)
        due = self.step({"edge-0": ready}, now=NOW + timedelta(seconds=30), max_concurrency=1, soak=30)
        assert due.now == {"edge-0", "edge-1"}
        assert due.wakes_at is None

    def test_the_last_ones_soak_too(self) -> None:
        ready = Seen(told=NEW, running=NEW, phase=Phase.READY, since=NOW)
        turn = self.step(dict.fromkeys(self.places, ready), soak=30)
        assert not turn.later
        assert turn.wakes_at == NOW + timedelta(seconds=30)
        assert turn.waits_for

    def test_nothing_soaks_that_does_not_say_since_when(self) -> None:
        turn = self.step({"edge-0": good()}, max_concurrency=1, soak=30)
        assert turn.now == {"edge-0"}
        assert turn.waits_for == "stage '*': edge-0 (does not say since when it is Ready)"

    def test_as_many_may_fail_as_is_said_and_take_no_place(self) -> None:
        bad = Seen(told=NEW, running=OLD, phase=Phase.ROLLED_BACK)
        some = {"edge-0": bad}
        assert self.step(some, max_concurrency=1, max_failures=1).now == {"edge-0", "edge-1"}
        assert self.step(some, max_concurrency=1, max_failures="19%").now == {"edge-0", "edge-1"}
        halted = self.step(some, max_concurrency=1, max_failures="9%")
        assert halted.now == {"edge-0"}
        assert halted.halted == "stage '*' failed on edge-0"
        more = self.step({"edge-0": bad, "edge-1": bad}, max_concurrency=1, max_failures=1)
        assert more.halted == "stage '*' failed on edge-0, edge-1"

    def test_who_is_away_takes_no_place_and_is_told_last(self) -> None:
        away = {"edge-0": Seen(told=NEW, phase=Phase.OFFLINE), "edge-1": Seen(phase=Phase.OFFLINE)}
        turn = self.step(away, max_concurrency=1)
        assert turn.now == {"edge-0", "edge-2"}
        done = self.step(away | {place: good() for place in self.places[2:]}, max_concurrency=1)
        assert done == Step(now=frozenset(self.places))


def test_a_stage_that_is_good_nowhere_is_not_passed_however_many_may_fail() -> None:
    bad = Seen(told=NEW, running=OLD, phase=Phase.FAILED)
    turn = step(WANTED, {"edge-1": bad}, GROUPS, STAGES, rollout=Rollout(max_failures=1), now=NOW)
    assert turn.halted == "stage 'pilot' failed on edge-1, and is good nowhere"
    assert turn.now == {"edge-1"}


def test_once_everybody_is_told_nobody_waits_for_a_stage_that_starts_again() -> None:
    seen = {name: good() for name in GROUPS} | {"edge-1": Seen(told=NEW, phase=Phase.STARTING)}
    assert step(WANTED, seen, GROUPS, STAGES, now=NOW) == Step(now=frozenset(WANTED))
