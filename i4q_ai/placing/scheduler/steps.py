"""What the steps of a schedule hand on to each other."""

from __future__ import annotations

from typing import NamedTuple


class Misconfigured(Exception):
    """A placement that the scheduler refuses: it then chooses nobody.

    Args:
        step: who refuses it: `Predicate`, `TaintToleration`, or nothing.
        message: why.
    """

    def __init__(self, step: str, message: str) -> None:
        super().__init__(message)
        self.step = step
        self.message = message


class Filtered(NamedTuple):
    """Who is left after a filter."""

    name: str
    bits: int
