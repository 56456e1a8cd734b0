"""Values of all clusters, dictionary-encoded: a small whole number a cluster, and a table of what it stands for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from i4q_ai.placing.scheduler import bitsets


class Encoded(NamedTuple):
    """Scores of some clusters.

    Args:
        codes: one a cluster.
        table: code → score.
    """

    codes: Sequence[int]
    table: Sequence[int]

    def scores(self) -> list[int]:
        """The scores themselves."""
        return list(map(self.table.__getitem__, self.codes))

    def is_flat(self) -> bool:
        """Whether everybody has the same, which changes no order."""
        return len(set(self.table)) <= 1


class Amounts:
    """How much each cluster has of one resource; code -1 is a cluster that does not say.

    Args:
        amounts: by position, None where a cluster does not say.
    """

    def __init__(self, amounts: Sequence[float | None]) -> None:
        self.levels = sorted({amount for amount in amounts if amount is not None})
        code = {level: number for number, level in enumerate(self.levels)}
        self.codes = [-1 if amount is None else code[amount] for amount in amounts]
        self.having = bitsets.of((p for p, amount in enumerate(amounts) if amount is not None), len(amounts))
        self.scores_between = lru_cache(maxsize=128)(self._scores_between)

    def _scores_between(self, least: int, most: int) -> list[int]:
        """Code → score from -100 to 100, when these codes are the least and the most of those asked.

        The score never falls as the amount grows, so each score is one stretch of levels, found by bisection.
        """
        levels = self.levels
        bottom, span = levels[least], levels[most] - levels[least]

        def score(amount: float) -> int:
            return int(((amount - bottom) / span - 0.5) * 2.0 * 100.0) if span else 100

        table = [0] * least
        while len(table) <= most:
            here = len(table)
            value = score(levels[here])
            after = bisect_right(levels, value, here, most + 1, key=score)
            table += [value] * (after - here)
        table += [0] * (len(levels) - len(table) + 1)  # the last one is for code -1
        return table
