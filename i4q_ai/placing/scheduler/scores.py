"""Steps 4 to 6: which scores count how much, and the score of each cluster."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from itertools import compress

from i4q_ai.placing.scheduler import bitsets
from i4q_ai.placing.scheduler.columns import Encoded
from i4q_ai.placing.scheduler.reading import Prioritizer, Spec
from i4q_ai.placing.scheduler.steps import Misconfigured
from i4q_ai.placing.scheduler.world import World

BEST = 100
BALANCE = Prioritizer("BuiltIn", "Balance", None, 1)
STEADY = Prioritizer("BuiltIn", "Steady", None, 1)
RESOURCES = {"ResourceAllocatableCPU": "cpu", "ResourceAllocatableMemory": "memory"}
BUILT_IN = ("Balance", "Steady", *RESOURCES)
MODES = ("Additive", "Exact")


def weighted(spec: Spec) -> tuple[Prioritizer, ...]:
    """The prioritizers that count, weight 0 left out.

    Raises:
        Misconfigured: an unknown mode or built-in name, or no coordinate.
    """
    if spec.mode not in MODES:
        raise Misconfigured("", f"incorrect prioritizer policy mode: {spec.mode}")
    chosen = {_identity(each, -1): each for each in (BALANCE, STEADY)} if spec.mode == "Additive" else {}
    for number, given in enumerate(spec.prioritizers):
        if given.type is None:
            raise Misconfigured("", "scoreCoordinate field is required")
        chosen[_identity(given, number)] = given
    counting = tuple(each for each in chosen.values() if each.weight)
    for each in counting:
        wrong = fault(each)
        if wrong:
            raise Misconfigured("", wrong)
    return counting


def fault(given: Prioritizer) -> str:
    """Why the scheduler refuses a prioritizer; empty if it does not."""
    if given.type == "BuiltIn" and given.built_in not in BUILT_IN:
        return f"incorrect builtin prioritizer: {given.built_in}"
    if given.type != "BuiltIn" and given.add_on is None:
        return "addOn should not be empty"
    return ""


def encode(world: World, spec: Spec, given: Prioritizer, candidates: int, *, now: datetime) -> Encoded:
    """One prioritizer's scores of the candidates, in the order of positions.

    Raises:
        SchemaError: a resource of a cluster is no quantity.
    """
    pick = _picker(world, candidates)
    if given.type != "BuiltIn":
        resource, score = given.add_on or ("", "")
        return _as_encoded(pick(world.column(resource, score, now)))
    if given.built_in == "Balance":
        return _balance(world, spec, pick)
    if given.built_in == "Steady":
        current = world.index.named(world.current(spec.namespace, spec.name))
        return Encoded(pick(bitsets.flags(current, world.index.size)), (0, BEST))
    return _allocatable(world, RESOURCES[given.built_in], pick)


def name_of(given: Prioritizer) -> str:
    """The scheduler's name for a prioritizer."""
    return given.built_in if given.type == "BuiltIn" else given.name


def without_score(world: World, given: Prioritizer, candidates: int) -> int:
    """The candidates of which a prioritizer says nothing; they get nothing from it."""
    if given.type != "BuiltIn" or given.built_in not in RESOURCES:
        return 0
    return candidates & ~world.index.amounts(RESOURCES[given.built_in]).having


_Pick = Callable[..., list[int]]


def _picker(world: World, candidates: int) -> _Pick:
    if candidates == world.index.everyone:
        return list
    chosen = bitsets.flags(candidates, world.index.size)
    return lambda column: list(compress(column, chosen))


def _balance(world: World, spec: Spec, pick: _Pick) -> Encoded:
    """The more other placements decided for a cluster, the lower; 100 where none did."""
    own = Counter(world.current(spec.namespace, spec.name))
    counts, most = world.taken_by_others(own)
    table = [BEST, *(2 * int(BEST * (0.5 - count / most)) for count in range(1, most + 1))]
    return Encoded(pick(counts), table)


def _allocatable(world: World, resource: str, pick: _Pick) -> Encoded:
    """The most a candidate can allocate is 100, the least is -100."""
    amounts = world.index.amounts(resource)
    codes = pick(amounts.codes)
    known = [code for code in codes if code >= 0] if amounts.having != world.index.everyone else codes
    if not known:
        return Encoded(codes, [0] * (len(amounts.levels) + 1))
    return Encoded(codes, amounts.scores_between(min(known), max(known)))


def _as_encoded(scores: list[int]) -> Encoded:
    levels = sorted(set(scores))
    code = {level: number for number, level in enumerate(levels)}
    return Encoded([code[score] for score in scores], levels)


def _identity(given: Prioritizer, number: int) -> tuple[str | None, str, int]:
    # the scheduler compares add-on coordinates by address: two equal ones both count
    return (given.type, given.built_in, -1 if given.add_on is None else number)
