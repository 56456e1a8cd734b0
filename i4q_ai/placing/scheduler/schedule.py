"""The whole schedule of one placement, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from i4q_ai.placing.scheduler.bitsets import Members
from i4q_ai.placing.scheduler.columns import Column
from i4q_ai.placing.scheduler.conditions import Condition
from i4q_ai.placing.scheduler.groups import Group
from i4q_ai.placing.scheduler.ranking import Weighted
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
        prioritizers: the scores that count, if it came to scores.
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
    prioritizers: tuple[Prioritizer, ...]
    scored: bool
    chosen: int
    groups: tuple[Group, ...]
    conditions: tuple[Condition, ...]
    misconfigured: Misconfigured | None
    again: timedelta | None

    @cached_property
    def candidates(self) -> Members:
        """Who passed every filter; nobody if the placement is misconfigured."""
        return Members(self.filters[-1].bits if self.scored else 0, self.world.index.size)

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
        return ranking.ranked(self.candidates, self._columns, self.world.ranks)

    @cached_property
    def rank_of(self) -> dict[int, int]:
        """Position of each candidate → its rank, from 1."""
        return {position: rank for rank, position in enumerate(self.ranks, start=1)}

    @cached_property
    def group_of(self) -> dict[int, str]:
        """Position of each selected cluster → the name of its decision group."""
        return {position: group.name for group in self.groups for position in group.positions}

    @property
    def ordered(self) -> list[str]:
        """The names of the selected, the best first."""
        names = self.world.index.names
        return [names[position] for position in self.ranks[: self.chosen.bit_count()]]

    @cached_property
    def totals(self) -> dict[str, int]:
        """Candidate → Σ weight × score."""
        names = self.world.index.names_in(self.candidates.bits)
        return dict(zip(names, ranking.totals(self.candidates, self._columns), strict=True))

    @cached_property
    def scores(self) -> tuple[tuple[str, int, Mapping[str, int]], ...]:
        """Name, weight and scores of each prioritizer; clusters of which it says nothing are left out."""
        pairs = zip(self.prioritizers, self._columns, strict=True)
        return tuple(self._scores(given, each.column) for given, each in pairs)

    @cached_property
    def _columns(self) -> list[Weighted]:
        return _weighted(self.world, self.spec, self.prioritizers, self.candidates, self.now)

    def _scores(self, given: Prioritizer, column: Column) -> tuple[str, int, Mapping[str, int]]:
        names, silent = self.world.index.names, scores.silent(self.world, given)
        pairs = zip(self.candidates.positions, column.scores(self.candidates), strict=True)
        return scores.name_of(given), given.weight, {names[at]: score for at, score in pairs if at not in silent}


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
    filters: list[Filtered] = []
    prioritizers: tuple[Prioritizer, ...] = ()
    chosen, wrong = 0, None
    try:
        filters.extend(_filtered(world, spec, available, current, now))
        prioritizers = scores.weighted(spec)
        chosen = _chosen(world, spec, prioritizers, Members(filters[-1].bits, world.index.size), now)
    except Misconfigured as refused:
        wrong = refused
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
        filters=tuple(filters),
        prioritizers=prioritizers,
        scored=wrong is None,
        chosen=chosen,
        groups=decision_groups,
        conditions=(conditions.misconfigured(wrong_groups or wrong), told),
        misconfigured=wrong_groups or wrong,
        again=tolerations.asked_again(world, spec.tolerations, current=current, now=now) if wrong is None else None,
    )


def _filtered(world: World, spec: Spec, candidates: int, current: int, now: datetime) -> Iterator[Filtered]:
    candidates = predicates.select(world, spec.predicates, candidates)
    yield Filtered(predicates.STEP, candidates)
    candidates = tolerations.select(world, spec.tolerations, candidates, current=current, now=now)
    yield Filtered(f"{predicates.STEP},{tolerations.STEP}", candidates)


def _chosen(world: World, spec: Spec, prioritizers: tuple[Prioritizer, ...], candidates: Members, now: datetime) -> int:
    if spec.count is None or spec.count >= len(candidates):
        return candidates.bits
    columns = _weighted(world, spec, prioritizers, candidates, now)
    return bitsets.of(ranking.ranked(candidates, columns, world.ranks, spec.count), candidates.size)


def _weighted(
    world: World, spec: Spec, prioritizers: tuple[Prioritizer, ...], candidates: Members, now: datetime
) -> list[Weighted]:
    return [Weighted(each.weight, scores.column(world, spec, each, candidates, now=now)) for each in prioritizers]
