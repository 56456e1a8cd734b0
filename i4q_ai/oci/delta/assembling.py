"""A new blob put together: chunks of older files here, the rest in ranges from its source, and the whole verified."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError, RegistryError
from i4q_ai.oci import disk
from i4q_ai.oci.delta.maps import Chunk, ChunkMap
from i4q_ai.oci.delta.planning import Older, Place, Range, places, ranges
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.rates import Rate
from i4q_ai.progress import Progress
from i4q_ai.retrying import TransientError, call

CONNECTIONS = 4
WORTH = 0.1
"""The share of a blob that must be here already; below it a plain fetch does better."""
_PIECE = 1024 * 1024


class Ranged(Protocol):
    """A source that gives any part of a blob."""

    name: str

    def range(
        self, blob: Descriptor, begin: int, end: int, deadline: Deadline
    ) -> AbstractContextManager[Iterator[bytes]]:
        """The bytes of a blob from `begin` up to `end`, not verified.

        Raises:
            RegistryError: it does not give just these.
            TransientError: also while the bytes are read; another try may help.
        """


@dataclass(frozen=True)
class Job:
    """What is assembled, and by what means.

    Args:
        blob: what its manifest says of it.
        chunks: its map.
        source: of what is missing.
        deadline: of the whole job.
        progress: told of bytes that are there.
        rate: at which bytes may travel.
    """

    blob: Descriptor
    chunks: ChunkMap
    source: Ranged
    deadline: Deadline
    progress: Progress
    rate: Rate


def assemble(job: Job, staged: Path, older: Sequence[tuple[Path, ChunkMap | None]]) -> int | None:
    """Make a blob's file; it is whole and verified, and durable, when this returns.

    What a call that failed has got is in the file, and the next one goes on from there. A damaged blob is repaired
    by calling it the staged file.

    Args:
        job: what.
        staged: the file; made if it is not there. Nobody else writes to it.
        older: files here that may share bytes, the likeliest first, and their maps.

    Returns:
        How many bytes had to travel; None if so little is here that a plain fetch does better.

    Raises:
        IntegrityError, RegistryError: the map or the source lied; the staged file is of no more use.
        UnreachableError, DeadlineError: the next call goes on.
        StorageError: no room or no right to write.
    """
    with contextlib.ExitStack() as stack:
        files = _opened(stack, older)
        with disk.storage_errors(str(staged)):
            handle = os.open(staged, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
            stack.callback(os.close, handle)
            begun = os.fstat(handle).st_size == job.blob.size
            if not begun:
                os.ftruncate(handle, 0)
                os.ftruncate(handle, job.blob.size)
        missing = _gather(job, handle, files, begun=begun)
        chunks = list(job.chunks)
        if sum(chunks[number].length for number in missing) > (1 - WORTH) * job.blob.size:
            return None
        wanted = ranges(job.chunks, missing)
        _fetch(job, handle, wanted)
        _verify(job, handle)
        return sum(one.length for one in wanted)


def _opened(
    stack: contextlib.ExitStack, older: Sequence[tuple[Path, ChunkMap | None]]
) -> list[tuple[int, ChunkMap | None]]:
    """Handles of those that are there: a cleaner may be at work."""
    files = []
    for path, chunks in older:
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, handle)
            files.append((handle, chunks))
    return files


def _gather(job: Job, handle: int, files: Sequence[tuple[int, ChunkMap | None]], *, begun: bool) -> list[int]:
    """Copy what is here; the numbers of the chunks that are not."""
    known = [Older(os.fstat(file).st_size, chunks) for file, chunks in files]
    missing = []
    for number, (chunk, place) in enumerate(zip(job.chunks, places(job.chunks, known), strict=True)):
        job.deadline.check()
        there = begun and _sum(handle, chunk.offset, chunk.length) == chunk.sha256
        if there or (place is not None and _copied(files[place.file][0], place, handle, chunk)):
            job.progress.advance(job.blob.digest, chunk.length)
        else:
            missing.append(number)
    return missing


def _copied(source: int, place: Place, handle: int, chunk: Chunk) -> bool:
    """Whether the chunk lay there; if not, what was copied is no part of anything."""
    digest = hashlib.sha256()
    done = 0
    with disk.storage_errors(f"{chunk.length} bytes"):
        while piece := os.pread(source, min(_PIECE, chunk.length - done), place.offset + done):
            digest.update(piece)
            _write(handle, piece, chunk.offset + done)
            done += len(piece)
    return digest.digest() == chunk.sha256


def _sum(handle: int, offset: int, length: int) -> bytes:
    digest = hashlib.sha256()
    with disk.storage_errors("a staged blob"):
        while length and (piece := os.pread(handle, min(_PIECE, length), offset)):
            digest.update(piece)
            offset += len(piece)
            length -= len(piece)
    return digest.digest()


def _write(handle: int, piece: bytes, offset: int) -> None:
    view = memoryview(piece)
    while view:
        count = os.pwrite(handle, view, offset)
        view, offset = view[count:], offset + count


def _fetch(job: Job, handle: int, wanted: Sequence[Range]) -> None:
    """All ranges, some at once; the first error ends the others."""
    over = threading.Event()

    def _one(part: Range) -> None:
        try:
            _Part(job, handle, part, over).run()
        except BaseException:
            over.set()
            raise

    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="ranges") as pool:
        running = [pool.submit(_one, part) for part in wanted]
    failures = [error for one in running if (error := one.exception())]
    for error in failures:
        if not isinstance(error, _Over):
            raise error


class _Over(Exception):
    """Another range has failed."""


class _Part:
    """One range on its way; a try that follows goes on where the last one was cut.

    Args:
        job: that it belongs to.
        handle: of the staged file.
        part: the range.
        over: set when it is of no more use.
    """

    def __init__(self, job: Job, handle: int, part: Range, over: threading.Event) -> None:
        self._job, self._handle, self._part, self._over = job, handle, part, over
        self._at = part.begin
        self._left = list(reversed(part.chunks))
        self._digest = hashlib.sha256()

    def run(self) -> None:
        """Fetch it."""
        call(self._attempt, deadline=self._job.deadline)

    def _attempt(self) -> None:
        begun = self._at
        job = self._job
        self._check()
        try:
            with job.source.range(job.blob, begun, self._part.end, job.deadline) as pieces:
                for piece in pieces:
                    self._check()
                    job.rate.take(len(piece), job.deadline)
                    self._take(piece)
            if self._at < self._part.end:
                cut = f"{job.source.name} gave {self._at - begun} of {self._part.end - begun} bytes of a range"
                raise TransientError(RegistryError(cut))
        except TransientError as error:
            error.progressed = self._at > begun
            raise

    def _check(self) -> None:
        if self._over.is_set():
            raise _Over
        self._job.deadline.check()

    def _take(self, piece: bytes) -> None:
        if self._at + len(piece) > self._part.end:
            raise IntegrityError(f"{self._job.source.name} gave more of {self._job.blob.digest} than it was asked for")
        with disk.storage_errors(f"blob {self._job.blob.digest}"):
            _write(self._handle, piece, self._at)
        self._job.progress.advance(self._job.blob.digest, len(piece))
        while piece:
            chunk = self._left[-1]
            mine, piece = piece[: chunk.end - self._at], piece[chunk.end - self._at :]
            self._digest.update(mine)
            self._at += len(mine)
            if self._at == chunk.end:
                self._close(self._left.pop())

    def _close(self, chunk: Chunk) -> None:
        if self._digest.digest() != chunk.sha256:
            raise IntegrityError(
                f"{self._job.source.name}: a chunk of {self._job.blob.digest} is not what its map says"
            )
        self._digest = hashlib.sha256()


def _verify(job: Job, handle: int) -> None:
    """The whole, whatever the map has said."""
    algorithm, _, wanted = job.blob.digest.partition(":")
    digest = hashlib.new(algorithm)
    offset = 0
    with disk.storage_errors(f"blob {job.blob.digest}"):
        while piece := os.pread(handle, _PIECE, offset):
            job.deadline.check()
            digest.update(piece)
            offset += len(piece)
        if digest.hexdigest() != wanted:
            raise IntegrityError(f"what was assembled is not {job.blob.digest}")
        os.fsync(handle)
