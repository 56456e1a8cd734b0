"""Scores of all clusters, dictionary-encoded: a small whole number a cluster, and a table of what it stands for."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Mapping, Sequence
from functools import lru_cache
from itertools import compress
from typing import NamedTuple

from i4q_ai.placing.scheduler.bitsets import Members


class Column(NamedTuple):
    """One prioritizer's scores, by position.

    Args:
        codes: one for every cluster.
        runs: what the codes 0, 1, … stand for, as (score, for how many codes in a row).
        patches: position → the score it has instead.
        origin: columns of equal origin have equal codes and runs; None if nobody keeps track.
    """

    codes: Sequence[int]
    runs: Sequence[tuple[int, int]]
    patches: Mapping[int, int]
    origin: Hashable | None = None

    def table(self, factor: int = 1) -> list[int]:
        """Code → score × factor."""
        table: list[int] = []
        for score, length in self.runs:
            table += [score * factor] * length
        return table

    def scores(self, members: Members) -> list[int]:
        """The scores of some clusters, in the order of positions."""
        scores = list(map(self.table().__getitem__, self.codes))
        for position, score in self.patches.items():
            scores[position] = score
        return list(compress(scores, members.flags))


class Amounts:
    """How much each cluster has of one resource; code -1 is a cluster that does not say.

    Args:
        amounts: by position, None where a cluster does not say.
    """

    def __init__(self, amounts: Sequence[float | None]) -> None:
        self.levels = sorted({amount for amount in amounts if amount is not None})
        code = {level: number for number, level in enumerate(self.levels)}
        self.codes = [-1 if amount is None else code[amount] for amount in amounts]
        self.silent = frozenset(position for position, amount in enumerate(amounts) if amount is None)
        self._ascending = sorted(set(range(len(amounts))) - self.silent, key=self.codes.__getitem__)
        self._runs_between = lru_cache(maxsize=128)(self._runs)

    def column(self, members: Members) -> Column:
        """Scores from -100, for the least that a member has, to 100, for the most."""
        flags = members.flags
        least = next((position for position in self._ascending if flags[position]), None)
        if least is None:
            return Column(self.codes, [(0, len(self.levels) + 1)], {})
        most = next(position for position in reversed(self._ascending) if flags[position])
        return Column(self.codes, self._runs_between(self.codes[least], self.codes[most]), {})

    def _runs(self, least: int, most: int) -> list[tuple[int, int]]:
        """Scores by code, when these codes are the least and the most asked for.

        The score never falls as the amount grows, so each score is one stretch of levels, found by bisection.
        """
        levels = self.levels
        bottom, span = levels[least], levels[most] - levels[least]

        def score(amount: float) -> int:
            return int(((amount - bottom) / span - 0.5) * 2.0 * 100.0) if span else 100

        runs, here = [(0, least)], least
        while here <= most:
            value = score(levels[here])
            after = bisect_right(levels, value, here, most + 1, key=score)
            runs.append((value, after - here))
            here = after
        return [*runs, (0, len(levels) - here + 1)]  # the very last is for code -1
