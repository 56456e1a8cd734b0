"""The chunk map of one blob: where it is cut and what each chunk hashes to. Pure; what is read is not trusted.

The format: one line of JSON, then the length of each chunk (4 bytes, big-endian), then the SHA-256 of each (32 bytes).
Offsets follow from the lengths, so that no chunk can overlap another or lie outside.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Self

from i4q_ai.errors import IntegrityError
from i4q_ai.oci.media import canonical
from i4q_ai.oci.reference import is_digest

ARTIFACT = "application/vnd.i4q-ai.chunk-maps.v1"
"""The artifactType of the referrer that carries the maps of one artifact."""
MAP = "application/vnd.i4q-ai.chunk-map.v1"
"""The media type of one map."""
OF = "ai.i4q.chunk-map.of"
"""The annotation of a map's descriptor: the digest of the blob that it maps."""

MOST_CHUNKS = 1 << 18
LARGEST_MAP = MOST_CHUNKS * 36 + 4096
"""Bytes; nobody may make us read more."""
_LARGEST_HEADER = 1024
_SUM = 32
_KEYS = {"blob", "chunks", "cut", "size"}


@dataclass(frozen=True)
class Chunk:
    """A piece of a blob.

    Args:
        offset, length: where it lies.
        sha256: of its bytes, 32 of them.
    """

    offset: int
    length: int
    sha256: bytes

    @property
    def end(self) -> int:
        """The offset after it."""
        return self.offset + self.length


@dataclass(frozen=True)
class ChunkMap:
    """The chunks of one blob; they lie end to end and fill it.

    Args:
        blob: its digest.
        size: of the blob, in bytes.
        cut: how it was cut; maps that were cut alike share what the blobs share.
        lengths: of the chunks, in order.
        sums: SHA-256 of each.

    Example:
        >>> data = b"abcdef"
        >>> made = ChunkMap.of("sha256:" + "0" * 64, [b"abc", b"def"], cut="even/3")
        >>> [chunk.offset for chunk in made]
        [0, 3]
        >>> ChunkMap.parse(made.dump(), where="a map") == made
        True
    """

    blob: str
    size: int
    cut: str
    lengths: tuple[int, ...]
    sums: tuple[bytes, ...]

    @classmethod
    def of(cls, blob: str, pieces: list[bytes], *, cut: str) -> Self:
        """The map of a blob that is here in pieces."""
        import hashlib

        lengths = tuple(len(piece) for piece in pieces)
        return cls(blob, sum(lengths), cut, lengths, tuple(hashlib.sha256(piece).digest() for piece in pieces))

    def __iter__(self) -> Iterator[Chunk]:
        yield from self._chunks

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def _chunks(self) -> tuple[Chunk, ...]:
        offsets = accumulate(self.lengths, initial=0)
        return tuple(map(Chunk, offsets, self.lengths, self.sums))

    def dump(self) -> bytes:
        """As it is pushed."""
        header = canonical({"blob": self.blob, "chunks": len(self), "cut": self.cut, "size": self.size})
        return b"".join((header, b"\n", struct.pack(f">{len(self)}I", *self.lengths), *self.sums))

    @classmethod
    def parse(cls, raw: bytes, *, where: str) -> Self:
        """Read what `dump` wrote.

        Raises:
            IntegrityError: it is no map, or one that cannot be.
        """
        header, line, body = raw[:_LARGEST_HEADER].partition(b"\n")
        body = raw[len(header) + len(line) :]
        count, size, blob, cut = _header(header, where)
        if not line or len(body) != count * (4 + _SUM):
            raise IntegrityError(f"{where} is no chunk map: it has not the length that it announces")
        lengths = struct.unpack(f">{count}I", body[: 4 * count])
        if 0 in lengths or sum(lengths) != size:
            raise IntegrityError(f"{where} is no chunk map: its chunks do not fill the blob")
        sums = body[4 * count :]
        return cls(blob, size, cut, lengths, tuple(sums[i : i + _SUM] for i in range(0, len(sums), _SUM)))


def _header(header: bytes, where: str) -> tuple[int, int, str, str]:
    """Number of chunks, size, blob, cut."""
    try:
        data = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{where} is no chunk map: its first line is no JSON") from error
    if not isinstance(data, dict) or set(data) != _KEYS:
        raise IntegrityError(f"{where} is no chunk map: its first line says something else")
    count, size, blob, cut = data["chunks"], data["size"], data["blob"], data["cut"]
    numbers = all(isinstance(number, int) and not isinstance(number, bool) for number in (count, size))
    if not numbers or not 0 < count <= MOST_CHUNKS or size < 0:
        raise IntegrityError(f"{where} is no chunk map: it counts up to {MOST_CHUNKS} chunks of at least a byte")
    if not isinstance(blob, str) or not is_digest(blob) or not isinstance(cut, str):
        raise IntegrityError(f"{where} is no chunk map: it does not say of what")
    return count, size, blob, cut
