"""Steps 4 to 6: which scores count how much, and the score of each cluster."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from i4q_ai.placing.scheduler.bitsets import Members
from i4q_ai.placing.scheduler.columns import Column
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


def column(world: World, spec: Spec, given: Prioritizer, candidates: Members, *, now: datetime) -> Column:
    """One prioritizer's scores.

    Raises:
        SchemaError: a resource of a cluster is no quantity.
    """
    if given.type != "BuiltIn":
        resource, score = given.add_on or ("", "")
        levels, codes = world.column(resource, score, now)
        return Column(codes, [(level, 1) for level in levels], {}, origin=(resource, score, now))
    if given.built_in == "Balance":
        return _balance(world, spec)
    if given.built_in == "Steady":
        return _steady(world, spec)
    return world.index.amounts(RESOURCES[given.built_in]).column(candidates)


def name_of(given: Prioritizer) -> str:
    """The scheduler's name for a prioritizer."""
    return given.built_in if given.type == "BuiltIn" else given.name


def silent(world: World, given: Prioritizer) -> frozenset[int]:
    """The positions of which a prioritizer says nothing; they get nothing from it."""
    if given.type != "BuiltIn" or given.built_in not in RESOURCES:
        return frozenset()
    return world.index.amounts(RESOURCES[given.built_in]).silent


def _balance(world: World, spec: Spec) -> Column:
    """The more decisions of other placements a cluster is in, the lower; 100 where it is in none."""
    own = Counter(world.current(spec.namespace, spec.name))
    most = world.most_taken(without=own)
    table = [BEST, *(2 * int(BEST * (0.5 - count / most)) for count in range(1, most + 1))]
    table += [0] * (world.most_taken() - most)  # codes that only names with a patch have
    positions = world.index.positions
    left = {positions[name]: world.taken[name] - mine for name, mine in own.items() if name in positions}
    patches = {position: table[count] for position, count in left.items()}
    return Column(world.counts, [(score, 1) for score in table], patches, origin=("Balance", most))


def _steady(world: World, spec: Spec) -> Column:
    """100 where the placement is now, else 0."""
    positions = world.index.positions
    current = world.current(spec.namespace, spec.name)
    patches = {positions[name]: BEST for name in current if name in positions}
    return Column(bytes(world.index.size), [(0, 1)], patches, origin="Steady")


def _identity(given: Prioritizer, number: int) -> tuple[str | None, str, int]:
    # the scheduler compares add-on coordinates by address: two equal ones both count
    return (given.type, given.built_in, -1 if given.add_on is None else number)
