"""Step 7: the order of the candidates, and the first of them."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from operator import add

from i4q_ai.placing.scheduler import bitsets
from i4q_ai.placing.scheduler.columns import Encoded

_FEW = 20
"""Below one in so many, picking the best is quicker than sorting all."""


def ranked(candidates: int, size: int, columns: Sequence[tuple[int, Encoded]], count: int | None = None) -> list[int]:
    """Positions by score, descending, then by name; as many as `count` says.

    Args:
        candidates: who is ranked.
        size: how many clusters there are.
        columns: weight and scores of each prioritizer.
        count: how many are wanted; None for all.
    """
    # one number a cluster holds score and position, so that plain numbers are compared, without a key function
    keys = list(bitsets.positions(candidates, size))
    for weight, column in columns:
        if not column.is_flat():
            shifted = [-weight * size * score for score in column.table]
            keys = list(map(add, keys, map(shifted.__getitem__, column.codes)))
    if count is not None and count * _FEW < len(keys):
        return [key % size for key in heapq.nsmallest(count, keys)]
    keys.sort()
    return [key % size for key in keys[:count]]


def totals(count: int, columns: Sequence[tuple[int, Encoded]]) -> list[int]:
    """Σ weight × score of each candidate, in the order of positions.

    Args:
        count: how many candidates there are.
        columns: weight and scores of each prioritizer.
    """
    sums = [0] * count
    for weight, column in columns:
        heavy = [weight * score for score in column.table]
        sums = list(map(add, sums, map(heavy.__getitem__, column.codes)))
    return sums
