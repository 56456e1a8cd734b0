"""Kubernetes' CEL functions over lists."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any


def is_sorted(values: list[Any]) -> bool:
    """Whether none is greater than the one after it."""
    return all(left <= right for left, right in pairwise(values))


def total(values: list[Any]) -> Any:
    """The sum; 0 of an empty list."""
    if values and isinstance(values[0], timedelta):
        return sum(values, timedelta())
    return sum(values)


def least(values: list[Any]) -> Any:
    """The least; an error if there is none."""
    return min(values)


def greatest(values: list[Any]) -> Any:
    """The greatest; an error if there is none."""
    return max(values)
