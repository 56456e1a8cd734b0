"""Sets of cluster positions as whole numbers: union, intersection and difference are one machine-speed operation.

Position 0 is the highest bit, so that the binary digits of a set read in the order of positions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import compress

_DIGITS_TO_FLAGS = bytes.maketrans(b"01", b"\x00\x01")


def of(positions: Iterable[int], size: int) -> int:
    """The set of these positions, out of `size`."""
    digits = bytearray(b"0") * size
    for position in positions:
        digits[position] = 49  # "1"
    return int(digits, 2) if size else 0


def everyone(size: int) -> int:
    """All positions."""
    return (1 << size) - 1


def flags(bits: int, size: int) -> bytes:
    """One byte a position: 1 if it is in the set, else 0."""
    return f"{bits:0{size}b}".encode().translate(_DIGITS_TO_FLAGS) if size else b""


def positions(bits: int, size: int) -> Iterator[int]:
    """The positions in the set, ascending."""
    return compress(range(size), flags(bits, size))


def has(bits: int, position: int, size: int) -> bool:
    """Whether a position is in the set."""
    return bool(bits >> (size - 1 - position) & 1)
