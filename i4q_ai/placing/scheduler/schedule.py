"""The whole schedule of one placement, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from i4q_ai.placing.scheduler import (
    bitsets,
    conditions,
    groups,
    predicates,
    ranking,
    reading,
    scores,
    sets,
    tolerations,
)
from i4q_ai.placing.scheduler.columns import Encoded
from i4q_ai.placing.scheduler.conditions import Condition
from i4q_ai.placing.scheduler.groups import Group
from i4q_ai.placing.scheduler.reading import Prioritizer, Spec
from i4q_ai.placing.scheduler.steps import Filtered, Misconfigured
from i4q_ai.placing.scheduler.world import World


@dataclass(frozen=True)
class Scheduled:
    """What was decided, and from what; everything about single clusters is worked out when it is asked for.

    Args:
        world: what it was decided from.
        spec: the placement, defaults added.
        now: the time it was decided for.
        sets: the sets it took clusters from.
        available: the clusters in them.
        filters: who was left after each filter, in order.
        columns: each prioritizer with its scores of those left.
        scored: whether it came to scores; else it was refused before.
        chosen: who was selected.
        groups: the selected, in decision groups.
        conditions: what the scheduler says in the status.
        misconfigured: why it refused the placement; None if it did not.
        again: when it decides anew by itself, because a toleration runs out; None if never.
    """

    world: World
    spec: Spec
    now: datetime
    sets: tuple[str, ...]
    available: int
    filters: tuple[Filtered, ...]
    columns: tuple[tuple[Prioritizer, Encoded], ...]
    scored: bool
    chosen: int
    groups: tuple[Group, ...]
    conditions: tuple[Condition, ...]
    misconfigured: Misconfigured | None
    again: timedelta | None

    @property
    def candidates(self) -> int:
        """Who passed every filter; nobody if the placement is misconfigured."""
        return self.filters[-1].bits if self.scored else 0

    @property
    def selected(self) -> list[str]:
        """The names of the selected, in order of names."""
        return self.world.index.names_in(self.chosen)

    @property
    def unscheduled(self) -> int:
        """How many clusters are missing to the number asked for."""
        if not self.scored or self.spec.count is None:
            return 0
        return self.spec.count - self.chosen.bit_count()

    @cached_property
    def ranks(self) -> list[int]:
        """Positions of all candidates, the best first."""
        return ranking.ranked(self.candidates, self.world.index.size, self._weighted)

    @property
    def ordered(self) -> list[str]:
        """The names of the selected, the best first."""
        names = self.world.index.names
        return [names[position] for position in self.ranks[: self.chosen.bit_count()]]

    @cached_property
    def totals(self) -> dict[str, int]:
        """Candidate → Σ weight × score."""
        names = self.world.index.names_in(self.candidates)
        return dict(zip(names, ranking.totals(len(names), self._weighted), strict=True))

    @cached_property
    def scores(self) -> tuple[tuple[str, int, Mapping[str, int]], ...]:
        """Name, weight and scores of each prioritizer; clusters of which it says nothing are left out."""
        return tuple(self._scores(given, column) for given, column in self.columns)

    @property
    def _weighted(self) -> list[tuple[int, Encoded]]:
        return [(given.weight, column) for given, column in self.columns]

    def _scores(self, given: Prioritizer, column: Encoded) -> tuple[str, int, Mapping[str, int]]:
        index = self.world.index
        silent = scores.without_score(self.world, given, self.candidates)
        pairs = zip(index.names_in(self.candidates), column.scores(), strict=True)
        said = dict(pairs)
        for name in index.names_in(silent):
            del said[name]
        return scores.name_of(given), given.weight, said


def schedule(world: World, namespace: str, name: str, *, now: datetime) -> Scheduled:
    """Decide a placement as Open Cluster Management's scheduler does.

    Args:
        world: clusters, sets, bindings, placements, decisions and scores.
        namespace: of the Placement.
        name: of the Placement.
        now: the time it is decided for, with a time zone; tolerations and scores run out by it.

    Raises:
        NotFoundError: no such Placement.
        RuleError: the scheduler itself would fail: a negative number of clusters, an unreadable set.
        UnsupportedError: a CEL function that only the scheduler itself knows, or no CEL installed.
    """
    spec = reading.read(world.placement(namespace, name))
    bound = sets.bound(world, namespace)
    eligible = sets.eligible(spec, bound)
    available = sets.members(world, eligible)
    current = world.index.named(world.current(namespace, name))
    run = _Run(world, spec, current, now)
    wrong = run.through(available)
    chosen = run.choose() if wrong is None else 0
    decision_groups, wrong_groups = groups.divide(world.index, spec, chosen)
    told = conditions.satisfied(
        wanted=spec.cluster_sets,
        bound=len(bound),
        sets=eligible,
        available=available.bit_count(),
        selected=chosen.bit_count(),
        unscheduled=spec.count - chosen.bit_count() if wrong is None and spec.count is not None else 0,
    )
    return Scheduled(
        world=world,
        spec=spec,
        now=now,
        sets=eligible,
        available=available,
        filters=tuple(run.filters),
        columns=tuple(run.columns),
        scored=wrong is None,
        chosen=chosen,
        groups=decision_groups,
        conditions=(conditions.misconfigured(wrong_groups or wrong), told),
        misconfigured=wrong_groups or wrong,
        again=tolerations.asked_again(world, spec.tolerations, current=current, now=now) if wrong is None else None,
    )


class _Run:
    """The steps between the sets and the selection, and what they leave behind."""

    def __init__(self, world: World, spec: Spec, current: int, now: datetime) -> None:
        self.filters: list[Filtered] = []
        self.columns: list[tuple[Prioritizer, Encoded]] = []
        self._world, self._spec, self._current, self._now = world, spec, current, now

    def through(self, candidates: int) -> Misconfigured | None:
        """Filter, then score; what is wrong with the placement, if anything is."""
        world, spec, now = self._world, self._spec, self._now
        try:
            candidates = predicates.select(world, spec.predicates, candidates)
            self.filters.append(Filtered(predicates.STEP, candidates))
            candidates = tolerations.select(world, spec.tolerations, candidates, current=self._current, now=now)
            self.filters.append(Filtered(f"{predicates.STEP},{tolerations.STEP}", candidates))
            for given in scores.weighted(spec):
                self.columns.append((given, scores.encode(world, spec, given, candidates, now=now)))
        except Misconfigured as wrong:
            return wrong
        return None

    def choose(self) -> int:
        """The candidates with the highest scores, as many as are asked for."""
        candidates, count, size = self.filters[-1].bits, self._spec.count, self._world.index.size
        if count is None or count >= candidates.bit_count():
            return candidates
        columns = [(given.weight, column) for given, column in self.columns]
        return bitsets.of(ranking.ranked(candidates, size, columns, count), size)
