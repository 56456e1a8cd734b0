"""Steps 8 and 9: the chosen clusters in decision groups."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from i4q_ai.placing.scheduler import selectors
from i4q_ai.placing.scheduler.bitsets import Members
from i4q_ai.placing.scheduler.index import Index
from i4q_ai.placing.scheduler.reading import DecisionGroup, Spec
from i4q_ai.placing.scheduler.steps import Misconfigured

SLICE = 100
"""How many clusters a PlacementDecision holds at most."""


class Group(NamedTuple):
    """One decision group.

    Args:
        name: empty for the rest.
        members: those of this name; the group is a stretch of them, in the order of names.
        start: the first of the stretch.
        stop: the one after its last.
    """

    name: str
    members: Members
    start: int
    stop: int

    @property
    def length(self) -> int:
        """How many clusters it has."""
        return self.stop - self.start

    @property
    def positions(self) -> list[int]:
        """Its clusters."""
        return self.members.positions[self.start : self.stop]


def divide(index: Index, spec: Spec, chosen: int) -> tuple[tuple[Group, ...], Misconfigured | None]:
    """The groups, and what is wrong with them: then those made before it stand.

    Args:
        index: the clusters.
        spec: the placement.
        chosen: who was selected.
    """
    groups: list[Group] = []
    try:
        length = length_of(spec.group_size, chosen.bit_count())
        for named in spec.groups:
            members = _members(index, named) & chosen
            chosen &= ~members
            groups += _cut(named.name, members, index.size, length)
    except Misconfigured as wrong:
        return tuple(groups), wrong
    groups += _cut("", chosen, index.size, length)
    return tuple(groups) or (Group("", Members(0, index.size), 0, 0),), None


def length_of(size: int | str, total: int) -> int:
    """How many clusters a group holds.

    Args:
        size: a number, or a percentage of the total.
        total: how many clusters were selected.

    Raises:
        Misconfigured: it is neither.
    """
    length = math.ceil(_percentage(size) / 100 * total) if isinstance(size, str) else size
    return length if 0 < length <= total else total


def slices(group: Group) -> Iterator[list[int]]:
    """The clusters of each PlacementDecision of a group; one that is empty for an empty group."""
    for start in range(0, max(group.length, 1), SLICE):
        yield group.positions[start : start + SLICE]


def _members(index: Index, named: DecisionGroup) -> int:
    wrong = selectors.faults(named.labels) + selectors.faults(named.claims)
    if wrong:
        raise Misconfigured("", "; ".join(wrong))
    labelled = selectors.select(named.labels, index.labels, index.everyone)
    return labelled & selectors.select(named.claims, index.claims, index.everyone)


def _cut(name: str, bits: int, size: int, length: int) -> list[Group]:
    members = Members(bits, size)
    total = len(members)
    return [Group(name, members, start, min(start + length, total)) for start in range(0, total, length or 1)]


def _percentage(size: str) -> float:
    try:
        if not size.endswith("%"):
            raise ValueError
        share = float(size[:-1])
        if not math.isfinite(share):
            raise ValueError
    except ValueError:
        raise Misconfigured("", f"{size} invalid type: string is not a percentage") from None
    return share
