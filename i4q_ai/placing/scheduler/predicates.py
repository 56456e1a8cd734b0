"""Step 2: labels, claims and CEL; a cluster passes if any predicate holds as a whole."""

from __future__ import annotations

from i4q_ai.errors import RuleError
from i4q_ai.placing import cel
from i4q_ai.placing.scheduler import bitsets, selectors
from i4q_ai.placing.scheduler.reading import Predicate
from i4q_ai.placing.scheduler.steps import Misconfigured
from i4q_ai.placing.scheduler.world import World

STEP = "Predicate"


def select(world: World, predicates: tuple[Predicate, ...], candidates: int) -> int:
    """Who passes.

    Raises:
        Misconfigured: a selector or an expression is wrong; with nobody to ask, none is read.
        MissingDependencyError: an expression, and no CEL installed.
    """
    if not predicates or not candidates:
        return candidates
    programs = [_programs(predicate) for predicate in predicates]
    passed = 0
    for predicate, compiled in zip(predicates, programs, strict=True):
        asked = without_cel(world, predicate) & candidates & ~passed
        for program in compiled:
            asked = holds(world, program, asked)
        passed |= asked
    return passed


def without_cel(world: World, predicate: Predicate) -> int:
    """Who meets the labels and claims of a predicate."""
    index = world.index
    labelled = selectors.select(predicate.labels, index.labels, index.everyone)
    return labelled & selectors.select(predicate.claims, index.claims, index.everyone)


def holds(world: World, program: cel.Program, candidates: int) -> int:
    """For whom of some an expression is true; each cluster is asked once."""
    asked, true = world.matching.get(program.expression, (0, 0))
    new = candidates & ~asked
    if new:
        true |= _asked(world, program, new)
        world.matching[program.expression] = (asked | new, true)
    return true & candidates


def _asked(world: World, program: cel.Program, candidates: int) -> int:
    index = world.index
    clusters, names = index.seen, index.names

    def matches(position: int) -> bool:
        return program.matches(clusters[position], lambda resource: world.scores_of(names[position], resource))

    return bitsets.of(filter(matches, bitsets.Members(candidates, index.size).positions), index.size)


def _programs(predicate: Predicate) -> list[cel.Program]:
    wrong = selectors.faults(predicate.labels) + selectors.faults(predicate.claims)
    if wrong:
        raise Misconfigured(STEP, "; ".join(wrong))
    try:
        return [cel.compile(expression, strict=False) for expression in predicate.cel]
    except RuleError as error:
        raise Misconfigured(STEP, f"compilation failed: {error.what}") from error
