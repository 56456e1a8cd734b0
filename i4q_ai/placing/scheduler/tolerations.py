"""Step 3: every taint of a cluster must be tolerated."""

from __future__ import annotations

from datetime import datetime, timedelta

from i4q_ai.placing.scheduler import bitsets
from i4q_ai.placing.scheduler.index import Taint, taints_of
from i4q_ai.placing.scheduler.reading import Toleration
from i4q_ai.placing.scheduler.steps import Misconfigured
from i4q_ai.placing.scheduler.times import parse
from i4q_ai.placing.scheduler.world import World

STEP = "TaintToleration"


def select(world: World, tolerations: tuple[Toleration, ...], candidates: int, *, current: int, now: datetime) -> int:
    """Who has no taint in the way.

    Args:
        world: the clusters.
        tolerations: of the placement.
        candidates: who is asked.
        current: who is in the placement's present decisions.
        now: the time that `tolerationSeconds` are counted to.

    Raises:
        Misconfigured: a toleration is contradictory; with nobody to ask, none is read.
    """
    if not candidates:
        return candidates
    for toleration in tolerations:
        wrong = fault(toleration)
        if wrong:
            raise Misconfigured(STEP, wrong)
    for taint, tainted in world.index.taints.items():
        if tainted & candidates and not _harmless(taint, tolerations, now):
            candidates &= ~(tainted & ~current if taint.effect == "NoSelectIfNew" else tainted)
    return candidates


def fault(toleration: Toleration) -> str:
    """Why the scheduler refuses a toleration; empty if it does not."""
    if not toleration.key and toleration.operator != "Exists":
        return "If the key is empty, operator must be Exists."
    if toleration.operator == "Exists" and toleration.value:
        return "If the operator is Exists, the value should be empty."
    return ""


def hindrance(
    world: World, tolerations: tuple[Toleration, ...], position: int, *, current: int, now: datetime
) -> Taint | None:
    """The first taint of a cluster that is in the way."""
    is_there = bitsets.has(current, position, world.index.size)
    for taint in taints_of(world.index.objects[position]):
        spared = is_there and taint.effect == "NoSelectIfNew"
        if not spared and not _harmless(taint, tolerations, now):
            return taint
    return None


def asked_again(world: World, tolerations: tuple[Toleration, ...], *, current: int, now: datetime) -> timedelta | None:
    """When a toleration of the present decisions runs out: then the placement is decided anew."""
    index = world.index
    if all(toleration.seconds is None for toleration in tolerations):
        return None
    ends: list[datetime] = []
    for position in bitsets.Members(current, index.size).positions:
        if hindrance(world, tolerations, position, current=current, now=now) is None:
            ends += _ends(taints_of(index.objects[position]), tolerations, now)
    return min(ends) - now if ends else None


def _harmless(taint: Taint, tolerations: tuple[Toleration, ...], now: datetime) -> bool:
    return taint.effect == "PreferNoSelect" or _tolerating(taint, tolerations, now) is not None


def _tolerating(taint: Taint, tolerations: tuple[Toleration, ...], now: datetime) -> Toleration | None:
    return next((each for each in tolerations if _tolerates(each, taint, now)), None)


def _tolerates(toleration: Toleration, taint: Taint, now: datetime) -> bool:
    if toleration.effect not in ("", taint.effect) or toleration.key not in ("", taint.key):
        return False
    meant = toleration.operator == "Exists" or (toleration.operator == "Equal" and toleration.value == taint.value)
    return meant and (toleration.seconds is None or now - parse(taint.added) < _span(toleration.seconds))


def _ends(taints: list[Taint], tolerations: tuple[Toleration, ...], now: datetime) -> list[datetime]:
    """When tolerations of these taints run out; taints that hinder nobody who is there have none."""
    ends = []
    for taint in taints:
        if taint.effect in ("PreferNoSelect", "NoSelectIfNew"):
            continue
        found = _tolerating(taint, tolerations, now)
        if found is not None and found.seconds is not None:
            ends.append(parse(taint.added) + _span(found.seconds))
    return ends


def _span(seconds: int) -> timedelta:
    # the scheduler's spans are 64-bit nanoseconds, and wrap around after 292 years
    nanoseconds = (seconds * 10**9 + 2**63) % 2**64 - 2**63
    return timedelta(microseconds=nanoseconds // 1000)
