"""What is sent: bytes and stretches of files, any part of them, as the body of a request.

A stretch of a file goes from the disk's cache to the socket without passing through this process where the
connection allows, and in large pieces through one buffer where it does not (TLS).
"""

from __future__ import annotations

import itertools
import os
import select
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError
from i4q_ai.oci.rates import Rate
from i4q_ai.packing.digests import reading

if TYPE_CHECKING:
    import socket

PIECE = 1024 * 1024
_SMALL = 64 * 1024
_STALLED = 60.0


@dataclass(frozen=True)
class Span:
    """A stretch of a file.

    Args:
        path: of the file.
        start, size: in bytes.
    """

    path: Path
    start: int
    size: int


Part = bytes | Span


def length(part: Part) -> int:
    """Of a part, in bytes."""
    return part.size if isinstance(part, Span) else len(part)


def cut(parts: Iterable[Part], start: int, stop: int) -> list[Part]:
    """The bytes from `start` to `stop` of all parts in a row.

    Example:
        >>> cut([b"abc", Span(Path("f"), 0, 10), b"xyz"], 2, 5)
        [b'c', Span(path=PosixPath('f'), start=0, size=2)]
    """
    found: list[Part] = []
    at = 0
    for part in parts:
        begin, end = max(start - at, 0), min(stop - at, length(part))
        if begin < end and isinstance(part, Span):
            found.append(Span(part.path, part.start + begin, end - begin))
        elif begin < end and isinstance(part, bytes):
            found.append(part[begin:end])
        at += length(part)
    return found


class Flow:
    """How the bytes of one blob pass: not too fast, not too long, and told to somebody.

    Args:
        deadline: of the whole job.
        rate: shared by all blobs of the job.
        told: called with the position in the blob after every piece.
        check: called before every piece; raises to stop.
    """

    def __init__(
        self,
        deadline: Deadline,
        *,
        rate: Rate | None = None,
        told: Callable[[int], None] = lambda _: None,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.deadline, self._rate, self._told, self._check = deadline, rate or Rate(None), told, check
        self.at = 0

    def move(self, position: int) -> None:
        """The next byte is the one at this position."""
        self.at = position
        self._told(position)

    def piece(self, left: int) -> int:
        """How many bytes to move next, of those that are left; waits until they may."""
        self.deadline.check()
        self._check()
        return self._rate.piece(min(left, PIECE))

    def take(self, count: int) -> None:
        """Wait until so many bytes may pass."""
        self._rate.take(count, self.deadline)

    def passed(self, count: int) -> None:
        """They have passed."""
        self.move(self.at + count)


class Sends(Protocol):
    """Sends itself; a connection that does not know it iterates over it instead."""

    def __len__(self) -> int:
        """Bytes."""

    def __iter__(self) -> Iterator[memoryview]:
        """The bytes, in pieces that are only valid until the next."""

    def send_to(self, connection: socket.socket) -> None:
        """The bytes, straight from the disk's cache."""


class Stretch:
    """A stretch of an open file on its way.

    Args:
        handle: of the file; stays open meanwhile.
        span: what of it.
        flow: how.
    """

    def __init__(self, handle: int, span: Span, flow: Flow) -> None:
        self._handle, self._span, self._flow = handle, span, flow

    def __len__(self) -> int:
        return self._span.size

    def __iter__(self) -> Iterator[memoryview]:
        """The bytes, in pieces that are only valid until the next."""
        view = memoryview(bytearray(min(PIECE, self._span.size)))
        at, left = self._span.start, self._span.size
        while left:
            count = os.preadv(self._handle, [view[: self._flow.piece(left)]], at)
            self._need(count)
            self._flow.take(count)
            yield view[:count]
            self._flow.passed(count)
            at, left = at + count, left - count

    def send_to(self, connection: socket.socket) -> None:
        """The bytes, straight from the disk's cache to a socket without TLS."""
        ready = select.poll()
        ready.register(connection, select.POLLOUT)
        at, left, paid = self._span.start, self._span.size, 0
        while left:
            piece = self._flow.piece(left)
            if paid < piece:
                self._flow.take(piece - paid)
                paid = piece
            try:
                count = os.sendfile(connection.fileno(), self._handle, at, piece)
            except BlockingIOError:
                if not ready.poll((connection.gettimeout() or _STALLED) * 1000):
                    raise TimeoutError("the other side takes nothing more") from None
                continue
            self._need(count)
            self._flow.passed(count)
            at, left, paid = at + count, left - count, paid - count

    def _need(self, count: int) -> None:
        if not count:
            raise ConflictError(f"{self._span.path} became shorter while it was sent", hint="pack it again, then push")


class Body:
    """Parts as the body of a request, of known length; begins anew whenever it is iterated.

    Args:
        parts: in a row.
        flow: how they pass.
        start: where in the blob the first byte stands.
        last: called before the last bytes are sent; raises if they must not be.
    """

    def __init__(
        self, parts: Sequence[Part], flow: Flow, *, start: int = 0, last: Callable[[], None] = lambda: None
    ) -> None:
        self._parts, self._flow, self._start, self._last = parts, flow, start, last
        self._size = sum(length(part) for part in parts)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes | Sends]:
        self._flow.move(self._start)
        held = min(_SMALL, self._size)
        for part in cut(self._parts, 0, self._size - held):
            yield from self._pieces(part)
        tail = b"".join(_bytes(part) for part in cut(self._parts, self._size - held, self._size))
        self._last()
        yield from self._pieces(tail)

    def _pieces(self, part: Part) -> Iterator[bytes | Sends]:
        if isinstance(part, bytes):
            yield from self._slices(part)
            return
        with reading(part.path):
            handle = os.open(part.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            yield Stretch(handle, part, self._flow)
        finally:
            os.close(handle)

    def _slices(self, data: bytes) -> Iterator[bytes]:
        at = 0
        while at < len(data):
            count = self._flow.piece(len(data) - at)
            self._flow.take(count)
            yield data if count == len(data) else data[at : at + count]
            self._flow.passed(count)
            at += count


class ChunkBody:
    """A blob that only gives its bytes in a row, as the body of a request.

    Args:
        size: of the blob.
        chunks: gives its bytes anew each time.
        flow: how they pass.
    """

    def __init__(self, size: int, chunks: Callable[[], Iterator[bytes]], flow: Flow) -> None:
        self._size, self._chunks, self._flow = size, chunks, flow

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        self._flow.move(0)
        for chunk in self._chunks():
            self._flow.piece(len(chunk))
            self._flow.take(len(chunk))
            yield chunk
            self._flow.passed(len(chunk))


def _bytes(part: Part) -> bytes:
    if isinstance(part, bytes):
        return part
    return b"".join(chunks_of(part))


def chunks_of(part: Part, size: int = PIECE) -> Iterator[bytes]:
    """The bytes of a part.

    Raises:
        NotFoundError, StorageError: the file cannot be read.
        ConflictError: it is shorter than it was.
    """
    if isinstance(part, bytes):
        yield from (part[at : at + size] for at in itertools.takewhile(len(part).__gt__, itertools.count(0, size)))
        return
    with reading(part.path), part.path.open("rb", buffering=0) as file:
        file.seek(part.start)
        left = part.size
        while left:
            chunk = file.read(min(size, left))
            if not chunk:
                raise ConflictError(f"{part.path} became shorter while it was read", hint="pack it again, then push")
            yield chunk
            left -= len(chunk)
