"""Sets of cluster positions as whole numbers: union, intersection and difference are one machine-speed operation.

Position 0 is the highest bit, so that the binary digits of a set read in the order of positions.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import compress

_DIGITS_TO_FLAGS = bytes.maketrans(b"01", b"\x00\x01")


class Members:
    """A set, and the same set in the forms that loops want, each made when first asked for.

    Args:
        bits: the set.
        size: out of how many clusters.
    """

    def __init__(self, bits: int, size: int) -> None:
        self.bits = bits
        self.size = size

    def __len__(self) -> int:
        return self.bits.bit_count()

    @cached_property
    def flags(self) -> bytes:
        """One byte for every position: 1 if it is in the set, else 0."""
        return f"{self.bits:0{self.size}b}".encode().translate(_DIGITS_TO_FLAGS) if self.size else b""

    @cached_property
    def positions(self) -> list[int]:
        """The positions in the set, ascending."""
        return list(compress(range(self.size), self.flags))


def of(positions: Iterable[int], size: int) -> int:
    """The set of these positions, out of `size`."""
    digits = bytearray(b"0") * size
    for position in positions:
        digits[position] = 49  # "1"
    return int(digits, 2) if size else 0


def everyone(size: int) -> int:
    """All positions."""
    return (1 << size) - 1


def has(bits: int, position: int, size: int) -> bool:
    """Whether a position is in the set."""
    return bool(bits >> (size - 1 - position) & 1)
