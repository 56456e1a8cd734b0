"""Roll-outs driven through worlds in which clusters fail, go away and come back, with time that passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from i4q_ai.rollout import Rollout, Seen, Step, step
from i4q_ai.status import Phase
from tests.unit import things

STAGES = ("pilot", "north", "*")
PLACES = [f"edge-{number}" for number in range(6)]
BAD = (Phase.FAILED, Phase.ROLLED_BACK)

budgets = st.builds(
    Rollout,
    strategy=st.just("staged"),
    max_concurrency=st.none() | st.integers(1, 4) | things.percentages,
    soak=st.sampled_from([0, 30]),
    max_failures=st.integers(0, 2) | things.percentages,
)


class RollOut(RuleBasedStateMachine):
    """Anybody drives the roll-out of one version after the other, whenever they like."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 0
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.rollout = Rollout(strategy="staged")
        self.groups: dict[str, str] = {}
        self.told: dict[str, str] = {}
        self.running: dict[str, str] = {}
        self.phase: dict[str, Phase] = {}
        self.since: dict[str, datetime] = {}
        self.away: set[str] = set()

    @initialize(groups=st.fixed_dictionaries({place: st.sampled_from(STAGES) for place in PLACES}), rollout=budgets)
    def begin(self, groups: dict[str, str], rollout: Rollout) -> None:
        self.groups, self.rollout = groups, rollout

    @property
    def wanted(self) -> dict[str, str]:
        return dict.fromkeys(self.groups, f"sha256:{self.version}")

    def seen(self) -> dict[str, Seen]:
        return {
            place: Seen(
                self.told.get(place),
                self.running.get(place),
                Phase.OFFLINE if place in self.away else self.phase.get(place, Phase.PENDING),
                last=self.phase.get(place) if place in self.away else None,
                since=self.since.get(place),
            )
            for place in {*self.told, *self.away}
        }

    # what is so, said another way than the step does

    def members(self, stage: str) -> list[str]:
        return [place for place, group in self.groups.items() if group == stage]

    def has(self, place: str) -> bool:
        return self.told.get(place) == self.wanted[place]

    def failed(self, stage: str) -> list[str]:
        return [place for place in self.members(stage) if self.has(place) and self.phase[place] in BAD]

    def is_good(self, place: str) -> bool:
        works = self.phase.get(place) is Phase.READY and self.running.get(place) == self.wanted[place]
        soaked = works and self.now - self.since[place] >= timedelta(seconds=self.rollout.soak)
        return self.has(place) and soaked and place not in self.away

    def on_its_way(self, place: str) -> bool:
        gone = place in self.away or self.phase.get(place) in BAD
        return self.has(place) and not gone and not self.is_good(place)

    def passed(self, stage: str) -> bool:
        members, failed = self.members(stage), self.failed(stage)
        here = [place for place in members if place not in self.away and place not in failed]
        enough = not members or any(map(self.is_good, here))
        return enough and all(map(self.is_good, here)) and len(failed) <= self.rollout.failures(len(members))

    # what happens

    @rule()
    def drive(self) -> None:
        turn = step(self.wanted, self.seen(), self.groups, STAGES, rollout=self.rollout, now=self.now)
        assert turn.now | turn.later == set(self.wanted)
        assert not turn.now & turn.later
        assert not turn.later or turn.waits_for or turn.halted
        assert turn.wakes_at is None or turn.wakes_at > self.now
        new = {place for place in turn.now if not self.has(place)}
        for place in new:
            stage = self.groups[place]
            before = STAGES[: STAGES.index(stage)]
            assert all(map(self.passed, before)), f"{place} was told too early"
            limit = self.rollout.failures(len(self.members(stage)))
            assert len(self.failed(stage)) <= limit, f"{place} was told although too many had failed"
        for place in new:
            self.told[place] = self.wanted[place]
            self.phase[place] = Phase.PENDING
        self.no_more_at_once_than_may(new)

    def no_more_at_once_than_may(self, new: set[str]) -> None:
        for stage in {self.groups[place] for place in new - self.away}:
            members = self.members(stage)
            at_once = sum(map(self.on_its_way, members))
            assert at_once <= self.rollout.concurrency(len(members)), f"{at_once} of {len(members)} at once"

    @rule(place=st.sampled_from(PLACES), phase=st.sampled_from([Phase.READY, Phase.STARTING, *BAD]))
    def report(self, place: str, phase: Phase) -> None:
        if place not in self.told or place in self.away:
            return
        if (self.phase[place], self.running.get(place)) != (phase, self.told[place]):
            self.since[place] = self.now
        self.phase[place] = phase
        if phase is Phase.READY:
            self.running[place] = self.told[place]

    @rule(place=st.sampled_from(PLACES))
    def leave(self, place: str) -> None:
        self.away.add(place)

    @rule(place=st.sampled_from(PLACES))
    def come_back(self, place: str) -> None:
        self.away.discard(place)

    @rule(place=st.sampled_from(PLACES), stage=st.sampled_from(STAGES))
    def change_group(self, place: str, stage: str) -> None:
        self.groups[place] = stage

    @rule(seconds=st.integers(1, 60))
    def pass_time(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def want_the_next(self) -> None:
        self.version += 1

    def teardown(self) -> None:
        """Once everything works, looking at every change and at the end of every soak is enough."""
        self.away.clear()
        for _ in range(2 * len(PLACES) + 2):
            for place in self.told:
                self.report(place, Phase.READY)
            self.drive()
            turn = self.look()
            self.now = turn.wakes_at or self.now
        for place in self.told:
            self.report(place, Phase.READY)
        assert self.running == self.wanted
        assert not self.look().later

    def look(self) -> Step:
        return step(self.wanted, self.seen(), self.groups, STAGES, rollout=self.rollout, now=self.now)


TestRollOut = RollOut.TestCase
TestRollOut.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
