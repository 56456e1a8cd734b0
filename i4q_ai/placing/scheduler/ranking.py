"""Step 7: the order of the candidates, and the first of them.

A cluster's rank is one whole number, -score × size + position: smaller is better, equal scores go by name, and the
position can be read back from it. So plain numbers are added and compared, without an object or a key function each.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, MutableMapping, Sequence
from itertools import compress
from operator import add
from typing import NamedTuple

from i4q_ai.placing.scheduler.bitsets import Members
from i4q_ai.placing.scheduler.columns import Column

Kept = MutableMapping[Hashable, list[int]]

_FEW = 20
"""Below one in so many, picking the best is quicker than sorting all."""
_KEPT_AT_MOST = 16


class Weighted(NamedTuple):
    """A column, and how much it counts."""

    weight: int
    column: Column


def ranked(candidates: Members, columns: Sequence[Weighted], kept: Kept, count: int | None = None) -> list[int]:
    """Positions by score, descending, then by name.

    Args:
        candidates: who is ranked.
        columns: scores, and how much they count.
        kept: ranks by the columns that many placements share, kept from one call to the next.
        count: how many are wanted; None for all.
    """
    size = candidates.size
    shared = [each for each in columns if each.column.origin is not None]
    ranks = list(compress(_patched(_shared(shared, size, kept), shared, size), candidates.flags))
    for weight, column in columns:
        if column.origin is None:
            heavy = column.table(-weight * size)
            ranks = list(map(add, ranks, map(heavy.__getitem__, compress(column.codes, candidates.flags))))
    if count is not None and count * _FEW < len(ranks):
        return [rank % size for rank in heapq.nsmallest(count, ranks)]
    ranks.sort()
    return [rank % size for rank in ranks[:count]]


def totals(candidates: Members, columns: Sequence[Weighted]) -> list[int]:
    """Σ weight × score of each candidate, in the order of positions."""
    sums = [0] * len(candidates)
    for weight, column in columns:
        sums = [total + weight * score for total, score in zip(sums, column.scores(candidates), strict=True)]
    return sums


def _shared(columns: Sequence[Weighted], size: int, kept: Kept) -> list[int]:
    origin = tuple((each.weight, each.column.origin) for each in columns)
    if origin not in kept:
        ranks = list(range(size))
        for weight, column in columns:
            heavy = column.table(-weight * size)
            ranks = list(map(add, ranks, map(heavy.__getitem__, column.codes)))
        while len(kept) >= _KEPT_AT_MOST:
            del kept[next(iter(kept))]
        kept[origin] = ranks
    return kept[origin]


def _patched(ranks: list[int], columns: Sequence[Weighted], size: int) -> list[int]:
    patched = ranks.copy()
    for weight, column in columns:
        table = column.table() if column.patches else []
        for position, score in column.patches.items():
            patched[position] -= weight * size * (score - table[column.codes[position]])
    return patched
