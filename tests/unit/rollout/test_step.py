"""One step of a roll-out."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from i4q_ai.rollout import Seen, Step, step
from i4q_ai.status import Phase

STAGES = ("pilot", "north", "*")
PLACES = [f"edge-{number}" for number in range(6)]
NEW, OLD = "sha256:new", "sha256:old"
GROUPS = {"edge-1": "pilot", "edge-2": "north", "edge-3": "*"}
WANTED = dict.fromkeys(GROUPS, NEW)


def good(digest: str = NEW) -> Seen:
    return Seen(told=digest, running=digest, phase=Phase.READY)


def test_without_stages_everybody_changes_at_once() -> None:
    assert step(WANTED, {}, GROUPS, ()) == Step(now=frozenset(WANTED))


def test_the_first_stage_goes_first() -> None:
    assert step(WANTED, {}, GROUPS, STAGES) == Step(
        now=frozenset({"edge-1"}), later=frozenset({"edge-2", "edge-3"}), waits_for="stage 'pilot': edge-1"
    )


def test_the_next_stage_goes_when_the_one_before_is_good() -> None:
    now = step(WANTED, {"edge-1": good()}, GROUPS, STAGES)
    assert now.now == {"edge-1", "edge-2"}
    assert now.waits_for == "stage 'north': edge-2"


def test_ready_with_another_digest_is_not_good() -> None:
    seen = {"edge-1": Seen(told=NEW, running=OLD, phase=Phase.READY)}
    assert step(WANTED, seen, GROUPS, STAGES).now == {"edge-1"}


def test_the_last_stage_waits_for_nobody() -> None:
    now = step(WANTED, {"edge-1": good(), "edge-2": good()}, GROUPS, STAGES)
    assert now == Step(now=frozenset(WANTED))
    assert step(WANTED, {name: good() for name in GROUPS}, GROUPS, STAGES) == now


def test_a_stage_that_failed_halts_the_others() -> None:
    for phase in (Phase.FAILED, Phase.ROLLED_BACK):
        now = step(WANTED, {"edge-1": Seen(told=NEW, running=OLD, phase=phase)}, GROUPS, STAGES)
        assert now.halted == "stage 'pilot' failed on edge-1"
        assert now.now == {"edge-1"}


def test_a_failure_of_the_version_before_halts_nothing() -> None:
    now = step(WANTED, {"edge-1": Seen(told=OLD, running=None, phase=Phase.FAILED)}, GROUPS, STAGES)
    assert now.halted == ""
    assert now.now == {"edge-1"}


def test_who_is_away_neither_passes_nor_blocks() -> None:
    groups = {**GROUPS, "edge-4": "pilot"}
    away = Seen(told=NEW, running=OLD, phase=Phase.OFFLINE)
    wanted = dict.fromkeys(groups, NEW)
    assert "edge-2" in step(wanted, {"edge-1": good(), "edge-4": away}, groups, STAGES).now
    nobody = step(wanted, {"edge-1": away, "edge-4": away}, groups, STAGES)
    assert nobody.now == {"edge-1", "edge-4"}
    assert nobody.waits_for == "stage 'pilot': none of its clusters can be reached"


def test_who_failed_and_went_away_still_halts() -> None:
    groups = {**GROUPS, "edge-4": "pilot"}
    gone = Seen(told=NEW, running=OLD, phase=Phase.OFFLINE, last=Phase.ROLLED_BACK)
    turn = step(dict.fromkeys(groups, NEW), {"edge-1": gone, "edge-4": good()}, groups, STAGES)
    assert turn.halted == "stage 'pilot' failed on edge-1"
    assert "edge-2" not in turn.now


def test_who_comes_into_a_stage_that_has_failed_is_spared() -> None:
    groups = {**GROUPS, "edge-4": "pilot"}
    failed = Seen(told=NEW, running=OLD, phase=Phase.ROLLED_BACK)
    turn = step(dict.fromkeys(groups, NEW), {"edge-1": failed, "edge-4": good(OLD)}, groups, STAGES)
    assert turn.now == {"edge-1"}
    assert "edge-4" in turn.later
    assert turn.halted == "stage 'pilot' failed on edge-1"


def test_an_empty_stage_is_passed() -> None:
    assert "edge-2" in step({"edge-2": NEW}, {}, GROUPS, STAGES).now


class RollOut(RuleBasedStateMachine):
    """Clusters that fail, go away and come back, while anybody drives the roll-out of one version after the other."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 0
        self.groups: dict[str, str] = {}
        self.told: dict[str, str] = {}
        self.running: dict[str, str] = {}
        self.phase: dict[str, Phase] = {}
        self.away: set[str] = set()

    @initialize(groups=st.fixed_dictionaries({place: st.sampled_from(STAGES) for place in PLACES}))
    def begin(self, groups: dict[str, str]) -> None:
        self.groups = groups

    @property
    def wanted(self) -> dict[str, str]:
        return dict.fromkeys(self.groups, f"sha256:{self.version}")

    def seen(self) -> dict[str, Seen]:
        return {
            place: Seen(
                self.told.get(place),
                self.running.get(place),
                Phase.OFFLINE if place in self.away else self.phase.get(place, Phase.PENDING),
            )
            for place in {*self.told, *self.away}
        }

    def good(self, stage: str) -> bool:
        members = [place for place, group in self.groups.items() if group == stage]
        here = [place for place in members if place not in self.away]
        works = all(
            self.phase.get(place) is Phase.READY and self.running.get(place) == self.wanted[place] for place in here
        )
        return works and (bool(here) or not members)

    def failed(self, stage: str) -> bool:
        return any(
            self.told.get(place) == self.wanted[place] and self.phase[place] in (Phase.FAILED, Phase.ROLLED_BACK)
            for place, group in self.groups.items()
            if group == stage and place not in self.away
        )

    @rule(place=st.sampled_from(PLACES), stage=st.sampled_from(STAGES))
    def change_group(self, place: str, stage: str) -> None:
        self.groups[place] = stage

    @rule()
    def drive(self) -> None:
        turn = step(self.wanted, self.seen(), self.groups, STAGES)
        assert turn.now | turn.later == set(self.wanted)
        assert not turn.now & turn.later
        assert bool(turn.later) == bool(turn.waits_for or turn.halted)
        for place in turn.now:
            if self.told.get(place) == self.wanted[place]:
                continue
            before = STAGES[: STAGES.index(self.groups[place])]
            assert all(self.good(stage) for stage in before), f"{place} was told too early"
            assert not self.failed(self.groups[place]), f"{place} was told what has failed beside it"
        for place in turn.now:
            if self.told.get(place) != self.wanted[place]:
                self.told[place] = self.wanted[place]
                self.phase[place] = Phase.PENDING

    @rule(place=st.sampled_from(PLACES), phase=st.sampled_from([Phase.READY, Phase.STARTING, Phase.FAILED]))
    def report(self, place: str, phase: Phase) -> None:
        if place in self.told and place not in self.away:
            self.phase[place] = phase
            if phase is Phase.READY:
                self.running[place] = self.told[place]

    @rule(place=st.sampled_from(PLACES))
    def roll_back(self, place: str) -> None:
        if place in self.running and place not in self.away and self.running[place] != self.told[place]:
            self.phase[place] = Phase.ROLLED_BACK

    @rule(place=st.sampled_from(PLACES))
    def leave(self, place: str) -> None:
        self.away.add(place)

    @rule(place=st.sampled_from(PLACES))
    def come_back(self, place: str) -> None:
        self.away.discard(place)

    @rule()
    def want_the_next(self) -> None:
        self.version += 1

    def teardown(self) -> None:
        """Once everything works, a drive for each stage is enough."""
        self.away.clear()
        for _ in STAGES:
            self.drive()
            for place in self.told:
                self.report(place, Phase.READY)
        assert self.running == self.wanted


TestRollOut = RollOut.TestCase
TestRollOut.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
