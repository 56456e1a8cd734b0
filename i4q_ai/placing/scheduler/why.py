"""Why one cluster is in or out: the clause, the taint, or the scores and the rank that decided."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from i4q_ai.errors import NotFoundError, nearest
from i4q_ai.placing import cel
from i4q_ai.placing.scheduler import bitsets, predicates, selectors, tolerations
from i4q_ai.placing.scheduler.index import Object, claims_of
from i4q_ai.placing.scheduler.reading import Predicate

if TYPE_CHECKING:
    from i4q_ai.placing.scheduler.schedule import Scheduled


@dataclass(frozen=True)
class Reason:
    """What was decided about one cluster.

    Args:
        cluster: its name.
        selected: in or out.
        step: what decided: `sets`, `predicate`, `taint`, `rank` or `misconfigured`.
        clause: what decided, for people.
        rank: its place among the candidates, from 1; None if it was out before.
        total: Σ weight × score; None if it was out before.
        scores: name, weight and score of each prioritizer.
        group: of decisions; None if it is out.
    """

    cluster: str
    selected: bool
    step: str
    clause: str
    rank: int | None = None
    total: int | None = None
    scores: tuple[tuple[str, int, int], ...] = ()
    group: str | None = None


def reason(scheduled: Scheduled, cluster: str) -> Reason:
    """Why a cluster is in or out.

    Raises:
        NotFoundError: there is no such cluster.
    """
    index = scheduled.world.index
    position = index.positions.get(cluster)
    if position is None:
        raise NotFoundError(f"no cluster {cluster!r}", hint=nearest(cluster, index.names))
    if not bitsets.has(scheduled.available, position, index.size):
        return Reason(cluster, False, "sets", _outside(scheduled, position))
    if not scheduled.scored:
        wrong = scheduled.misconfigured
        return Reason(cluster, False, "misconfigured", wrong.message if wrong else "")
    if not bitsets.has(scheduled.filters[0].bits, position, index.size):
        return Reason(cluster, False, "predicate", _unmet(scheduled, position))
    if not bitsets.has(scheduled.filters[1].bits, position, index.size):
        return Reason(cluster, False, "taint", _tainted(scheduled, position))
    return _ranked(scheduled, cluster, position)


def reasons(scheduled: Scheduled) -> Iterator[Reason]:
    """Every cluster with its reason, in the order of names."""
    return (reason(scheduled, name) for name in scheduled.world.index.names)


def _outside(scheduled: Scheduled, position: int) -> str:
    index = scheduled.world.index
    if bitsets.has(index.deleting, position, index.size):
        return "it is being deleted"
    told = scheduled.conditions[1]
    if not scheduled.sets:
        return told.message
    return f"in none of the sets {', '.join(scheduled.sets)}"


def _unmet(scheduled: Scheduled, position: int) -> str:
    told = [_missing(scheduled, predicate, position) for predicate in scheduled.spec.predicates]
    return told[0] if len(told) == 1 else "; ".join(f"predicate {n}: {why}" for n, why in enumerate(told, start=1))


def _missing(scheduled: Scheduled, predicate: Predicate, position: int) -> str:
    world, index = scheduled.world, scheduled.world.index
    cluster = index.objects[position]
    here = 1 << (index.size - 1 - position)
    for kind, selector, keys, has in (
        ("label", predicate.labels, index.labels, cluster["metadata"].get("labels") or {}),
        ("claim", predicate.claims, index.claims, claims_of(cluster)),
    ):
        for requirement in selector:
            if not selectors.select((requirement,), keys, index.everyone) & here:
                return f"{kind} {requirement} is not met: {_had(requirement.key, has)}"
    for expression in predicate.cel:
        if not predicates.holds(world, cel.compile(expression, strict=False), here):
            return f"CEL {expression} is not true"
    return "met"


def _had(key: str, has: Object) -> str:
    return f"{key} is {has[key]!r}" if key in has else f"there is no {key}"


def _tainted(scheduled: Scheduled, position: int) -> str:
    world, spec = scheduled.world, scheduled.spec
    current = world.index.named(world.current(spec.namespace, spec.name))
    taint = tolerations.hindrance(world, spec.tolerations, position, current=current, now=scheduled.now)
    return f"taint {taint} is not tolerated"


def _ranked(scheduled: Scheduled, cluster: str, position: int) -> Reason:
    spec = scheduled.spec
    selected = bitsets.has(scheduled.chosen, position, scheduled.world.index.size)
    rank, total = scheduled.rank_of[position], scheduled.totals[cluster]
    scores = tuple((name, weight, each.get(cluster, 0)) for name, weight, each in scheduled.scores)
    place = f"rank {rank} of {len(scheduled.candidates)}, score {total}"
    clause = place if selected else f"{place}, beyond the {spec.count} asked for"
    group = scheduled.group_of.get(position)
    return Reason(cluster, selected, "rank", clause, rank, total, scores, group)
