"""Where bytes ask to be cut: places that depend on the bytes just before them and on nothing else.

A place is a candidate if a hash of the eight bytes before it is small; bytes that are inserted or taken out move the
candidates after them along. The hash of all places of a block is found at once, by numpy; without numpy there are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

Candidate = tuple[int, int]
"""How many bytes stand before the cut, and its hash: the smaller, the rarer."""

WINDOW = 8
BLOCK = 256 * 1024
_FACTOR = 0x9E3779B97F4A7C15
_SALT = 0xD6E8FEB86659FD93
"""Lest zeros, of which many files have many, hash to zero."""


class Readable(Protocol):
    """Bytes in order."""

    def read(self, size: int) -> bytes:
        """The next bytes; fewer only at the end."""


def available() -> bool:
    """Whether places can be found on this machine."""
    import importlib.util

    return importlib.util.find_spec("numpy") is not None


def places(stream: Readable, length: int, one_in: int) -> Iterator[tuple[int, list[Candidate]]]:
    """Candidates in the next bytes of a stream, block by block.

    Args:
        stream: read from where it stands.
        length: how many bytes.
        one_in: one byte in how many is a candidate, on average.

    Yields:
        How many bytes have been read, and the candidates in the last block, in order.
    """
    at, before = 0, b""
    while at < length and (read := stream.read(min(BLOCK, length - at))):
        block, start = before + read, at - len(before)
        at += len(read)
        yield at, [(start + end, found) for end, found in _found(block, (1 << 64) // one_in)]
        before = block[1 - WINDOW :]


def _found(block: bytes, limit: int) -> list[Candidate]:
    import numpy

    kept: list[Candidate] = []
    for shift in range(min(WINDOW, max(len(block) - WINDOW + 1, 0))):
        words: Any = numpy.frombuffer(block, dtype="<u8", count=(len(block) - shift) // WINDOW, offset=shift)
        hashes = (words ^ numpy.uint64(_SALT)) * numpy.uint64(_FACTOR)
        where = numpy.flatnonzero(hashes < numpy.uint64(limit))
        ends = where * WINDOW + (shift + WINDOW)
        kept += zip(ends.tolist(), hashes[where].tolist(), strict=True)
    return sorted(kept)
