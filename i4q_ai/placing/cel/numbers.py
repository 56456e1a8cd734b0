"""Kubernetes' CEL functions over quantities and semantic versions."""

from __future__ import annotations

from fractions import Fraction

from i4q_ai.placing.cel import carried
from i4q_ai.placing.cel.carried import Carried


def quantity(text: str) -> Carried:
    """`quantity('500m')`."""
    return carried.carry("quantity", carried.parse_quantity(text))


def is_quantity(text: str) -> bool:
    """`isQuantity('500m')`."""
    return carried.accepts(carried.parse_quantity, text)


def sign(value: Carried) -> int:
    """-1, 0 or 1."""
    return _sign(carried.quantity(value))


def as_float(value: Carried) -> float:
    """The nearest double."""
    return float(carried.quantity(value))


def as_integer(value: Carried) -> int:
    """The whole number it is; an error if it is none."""
    return carried.integer(carried.quantity(value))


def is_integer(value: Carried) -> bool:
    """Whether `as_integer` gives a number."""
    return carried.accepts(as_integer, value)


def add(value: Carried, other: Carried | int) -> Carried:
    """The sum, with a quantity or a whole number."""
    return carried.carry("quantity", carried.quantity(value) + _operand(other))


def subtract(value: Carried, other: Carried | int) -> Carried:
    """The difference, with a quantity or a whole number."""
    return carried.carry("quantity", carried.quantity(value) - _operand(other))


def semver(text: str) -> Carried:
    """`semver('1.2.3')`; OCM has no `semver('v1.2', true)`, which Kubernetes has."""
    return carried.carry("semver", carried.parse_semver(text).text)


def is_semver(text: str) -> bool:
    """Whether `semver` takes it."""
    return carried.accepts(carried.parse_semver, text)


def major(value: Carried) -> int:
    """The first number of a version."""
    return carried.semver(value).major


def minor(value: Carried) -> int:
    """The second number of a version."""
    return carried.semver(value).minor


def patch(value: Carried) -> int:
    """The third number of a version."""
    return carried.semver(value).patch


def compare(value: Carried, other: Carried) -> int:
    """-1, 0 or 1, for two quantities or two versions."""
    if carried.kind_of(value) == "quantity":
        amount, limit = carried.quantity(value), carried.quantity(other)
        return (amount > limit) - (amount < limit)
    left, right = carried.semver(value), carried.semver(other)
    return (left > right) - (left < right)


def is_greater(value: Carried, other: Carried) -> bool:
    """Whether the first is greater."""
    return compare(value, other) > 0


def is_less(value: Carried, other: Carried) -> bool:
    """Whether the first is less."""
    return compare(value, other) < 0


def _operand(other: Carried | int) -> Fraction:
    return Fraction(other) if isinstance(other, int) else carried.quantity(other)


def _sign(number: Fraction) -> int:
    return (number > 0) - (number < 0)
