"""The chunk map of a layer, made from the files it is made of, in one reading."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Generator, Iterator
from typing import IO

from i4q_ai.errors import StorageError
from i4q_ai.oci.delta import cutting, tensors
from i4q_ai.oci.delta.maps import ChunkMap
from i4q_ai.oci.delta.tensors import Region
from i4q_ai.oci.tarring import CHUNK, Entry, Tar


def make(layer: Tar, check: Callable[[], None]) -> ChunkMap:
    """Cut a layer and hash its chunks.

    Args:
        layer: whose digest is known; that its files are what they were is not asked again, for a map is only a hint.
        check: called now and then; raises to give up.

    Raises:
        StorageError: a file cannot be read.
    """
    mean = cutting.average(layer.size)
    found = _tensors(layer, smallest=mean // 4)
    stream = _Stream(layer)
    lengths, sums = [], []
    with contextlib.closing(stream):
        for length in cutting.cuts(stream, layer.size, mean=mean, tensors=found, check=check):
            lengths.append(length)
            sums.append(stream.sum(length))
    cut = cutting.manner(mean, tensors=bool(found))
    return ChunkMap(layer.digest, layer.size, cut, tuple(lengths), tuple(sums))


def _tensors(layer: Tar, *, smallest: int) -> list[Region]:
    """Where the tensors lie in the layer."""
    found: list[Region] = []
    at = 0
    for part in layer.parts():
        if isinstance(part, Entry):
            with _opened(part) as file:
                inside = tensors.regions(part.path, file, part.size, smallest=smallest)
            found += [(at + begin, at + end) for begin, end in inside]
            at += part.size
        else:
            at += len(part)
    return found


@contextlib.contextmanager
def _opened(entry: Entry) -> Iterator[IO[bytes]]:
    if isinstance(entry.content, bytes):
        yield io.BytesIO(entry.content)
        return
    try:
        with entry.content.open("rb") as file:
            yield file
    except OSError as error:
        raise StorageError(f"{entry.content} cannot be read: {error.strerror}") from error


class _Stream:
    """A layer as a file that is read once: what was read stays until its sum was asked for."""

    def __init__(self, layer: Tar) -> None:
        self._pieces = _pieces(layer)
        self._ahead = b""
        self._unsummed = bytearray()

    def read(self, size: int) -> bytes:
        """The next bytes; fewer only at the end."""
        wanted = bytearray()
        while len(wanted) < size and (piece := self._next(size - len(wanted))):
            wanted += piece
        self._unsummed += wanted
        return bytes(wanted)

    def sum(self, length: int) -> bytes:
        """SHA-256 of the bytes after those that have a sum already."""
        digest = hashlib.sha256(memoryview(self._unsummed)[:length])
        left = length - min(len(self._unsummed), length)
        del self._unsummed[:length]
        while left and (piece := self._next(left)):
            digest.update(piece)
            left -= len(piece)
        return digest.digest()

    def close(self) -> None:
        """Close the file that is being read."""
        self._pieces.close()

    def _next(self, at_most: int) -> bytes:
        if not self._ahead:
            self._ahead = next(self._pieces, b"")
        piece, self._ahead = self._ahead[:at_most], self._ahead[at_most:]
        return piece


def _pieces(layer: Tar) -> Generator[bytes, None, None]:
    for part in layer.parts():
        if not isinstance(part, Entry):
            yield part
            continue
        with _opened(part) as file:
            while piece := file.read(CHUNK):
                yield piece
