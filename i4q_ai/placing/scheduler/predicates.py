"""Step 2: labels, claims and CEL; a cluster passes if any predicate holds as a whole."""

from __future__ import annotations

from functools import partial
from itertools import compress

from i4q_ai.errors import RuleError
from i4q_ai.placing import cel
from i4q_ai.placing.cel.looks import seeing
from i4q_ai.placing.cel.parts import Part, Term
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
        true |= _asked(world, program.rule, new)
        world.matching[program.expression] = (asked | new, true)
    return true & candidates


def _asked(world: World, part: Part, candidates: int) -> int:
    """For whom of some a part of an expression is true; what few differ in is asked first."""
    if isinstance(part, Term):
        return _one_by_one(world, part, candidates) if _unshared(part) else _alike(world, part, candidates)
    parts = sorted(part.parts, key=lambda each: _asks(world, each))
    if part.every:
        for each in parts:
            candidates = _asked(world, each, candidates)
        return candidates
    passed = 0
    for each in parts:
        passed |= _asked(world, each, candidates & ~passed)
    return passed


def _asks(world: World, part: Part) -> int:
    """How often a part is asked to know it of everybody."""
    if isinstance(part, Term):
        return world.index.size if _unshared(part) else len(world.index.views(part.looks).different)
    return sum(_asks(world, each) for each in part.parts)


def _unshared(term: Term) -> bool:
    return term.scored or term.looks == ((),)


def _one_by_one(world: World, term: Term, candidates: int) -> int:
    index = world.index
    clusters, names, left = index.seen, index.names, seeing(term.looks)

    def matches(position: int) -> bool:
        scores = partial(world.scores_of, names[position])
        return cel.asked(term.evaluate, left(clusters[position]), scores)

    return bitsets.of(filter(matches, bitsets.Members(candidates, index.size).positions), index.size)


def _alike(world: World, term: Term, candidates: int) -> int:
    """Clusters that look the same to a term are asked once."""
    index = world.index
    different, of = index.views(term.looks)
    members = bitsets.Members(candidates, index.size)
    true = {code for code in {*compress(of, members.flags)} if cel.asked(term.evaluate, different[code])}
    return bitsets.of((position for position in members.positions if of[position] in true), index.size)


def _programs(predicate: Predicate) -> list[cel.Program]:
    wrong = selectors.faults(predicate.labels) + selectors.faults(predicate.claims)
    if wrong:
        raise Misconfigured(STEP, "; ".join(wrong))
    try:
        return [cel.compile(expression, strict=False) for expression in predicate.cel]
    except RuleError as error:
        raise Misconfigured(STEP, f"compilation failed: {error.what}") from error
