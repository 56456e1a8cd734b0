"""A new blob put together: chunks of older blobs here, the rest in ranges from wherever it can be had."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from i4q_ai.errors import IntegrityError, RegistryError
from i4q_ai.oci import disk
from i4q_ai.oci.delta.maps import Chunk, ChunkMap
from i4q_ai.oci.delta.planning import Older, Place, Range, places, ranges
from i4q_ai.oci.downloads.ingesting import Means
from i4q_ai.oci.downloads.mirrors import Mirrors
from i4q_ai.oci.downloads.staging import Staging
from i4q_ai.oci.source import Source
from i4q_ai.retrying import TRIES, TransientError, call

CONNECTIONS = 4
WORTH = 0.1
"""The share of a blob that must be here already; below it a plain fetch does better."""
_FEW_TRIES = 2


@dataclass(frozen=True)
class Job:
    """What is assembled, and by what means.

    Args:
        chunks: the map of the blob.
        staging: its file.
        mirrors: who have what is missing.
        means: of the whole fetch.
    """

    chunks: ChunkMap
    staging: Staging
    mirrors: Mirrors
    means: Means

    def tell(self, count: int) -> None:
        """More bytes are there, or fewer."""
        self.means.progress.advance(self.staging.blob.digest, count)


def assemble(job: Job, older: Sequence[tuple[Staging, ChunkMap | None]]) -> int | None:
    """Fill a staging file; whether it is right then is for the caller to find out, for the map may have lied.

    What a call that failed has got is in the file, and the next one goes on from there.

    Args:
        job: what.
        older: blobs here that may share bytes, the likeliest first, and their maps.

    Returns:
        How many bytes did not have to travel; None if so few that a plain fetch does better.

    Raises:
        IntegrityError, RegistryError, NotFoundError: the map lied, or no source gives these ranges.
        UnreachableError, DeadlineError: the next call may go on.
        StorageError: no room or no right to write.
    """
    staging = job.staging
    begun = os.fstat(staging.handle).st_size > 0
    if not begun:
        with disk.storage_errors(f"blob {staging.blob.digest}"):
            os.ftruncate(staging.handle, staging.end - staging.begin)
    size = staging.blob.size
    wanted = ranges(job.chunks, _gather(job, older, begun=begun))
    travels = sum(one.length for one in wanted)
    job.tell(size - travels)
    told = size - travels
    if travels > (1 - WORTH) * size:
        job.tell(-told)
        return None
    fetching = _Fetching(job)
    try:
        fetching.run(wanted)
    except BaseException:
        job.tell(-told - fetching.got)
        raise
    return size - travels


def _gather(job: Job, older: Sequence[tuple[Staging, ChunkMap | None]], *, begun: bool) -> list[int]:
    """Copy what is here; the numbers of the chunks that are not."""
    known = [Older(blob.blob.size, chunks) for blob, chunks in older]
    missing = []
    for number, (chunk, place) in enumerate(zip(job.chunks, places(job.chunks, known), strict=True)):
        job.means.deadline.check()
        if begun and _holds(job.staging, Place(0, chunk.offset), chunk):
            continue
        if place is not None and _holds(older[place.file][0], place, chunk):
            _copy(older[place.file][0], place, job.staging, chunk)
        else:
            missing.append(number)
    return missing


def _holds(blob: Staging, place: Place, chunk: Chunk) -> bool:
    """Whether a chunk lies there: older files rot, and maps lie."""
    digest = hashlib.sha256()
    try:
        for piece in blob.read(place.offset, place.offset + chunk.length):
            digest.update(piece)
    except EOFError:
        return False
    return digest.digest() == chunk.sha256


def _copy(source: Staging, place: Place, staging: Staging, chunk: Chunk) -> None:
    at = chunk.offset
    with contextlib.suppress(EOFError):  # cut off since it was looked at; the whole is verified in the end
        for piece in source.read(place.offset, place.offset + chunk.length):
            staging.write(at, memoryview(piece))
            at += len(piece)


class _Fetching:
    """All missing ranges on their way, some at once; the first error ends the others.

    Args:
        job: that they belong to.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.got = 0

    def run(self, wanted: Sequence[Range]) -> None:
        """Fetch them."""
        from concurrent.futures import ThreadPoolExecutor, wait

        with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="ranges") as pool:
            running = [pool.submit(self._one, part) for part in wanted]
            try:
                wait(running)
            except BaseException:  # somebody interrupts: those on their way end soon, the others do not begin
                self._over.set()
                raise
        for one in running:
            error = one.exception()
            if error is not None and not isinstance(error, _OverError):
                raise error

    def _one(self, wanted: Range) -> None:
        part = _Part(self._job, wanted, self)
        try:
            self._job.mirrors.ask(part.fetch, f"{wanted.length} bytes of {self._job.staging.blob.digest}")
        except BaseException:
            self._over.set()
            raise

    def check(self) -> None:
        """Give up when another range has failed, or when time is up."""
        if self._over.is_set():
            raise _OverError
        self._job.means.deadline.check()

    def tell(self, count: int) -> None:
        """More bytes are there, or fewer."""
        with self._lock:
            self.got += count
        self._job.tell(count)


class _OverError(Exception):
    """Another range has failed."""


class _Part:
    """One range; a try that follows goes on where the last one was cut.

    Args:
        job: that it belongs to.
        part: the range.
        fetching: of all ranges.
    """

    def __init__(self, job: Job, part: Range, fetching: _Fetching) -> None:
        self._job, self._part, self._fetching = job, part, fetching
        self._at = part.begin
        self._left = list(reversed(part.chunks))
        self._digest = hashlib.sha256()

    def fetch(self, source: Source, patient: bool) -> None:
        """Fetch it from one source."""
        tries = TRIES if patient else _FEW_TRIES
        call(lambda: self._attempt(source), deadline=self._job.means.deadline, tries=tries)

    def _attempt(self, source: Source) -> None:
        begun, end, means = self._at, self._part.end, self._job.means
        self._fetching.check()
        try:
            with source.range(self._job.staging.blob, begun, end, means.deadline) as pieces:
                for piece in pieces:
                    self._fetching.check()
                    means.rate.take(len(piece), means.deadline)
                    self._take(source, piece)
            if self._at < end:
                raise TransientError(RegistryError(f"{source.name} cuts a range off at byte {self._at} of {end}"))
        except TransientError as error:
            error.progressed = self._at > begun
            raise

    def _take(self, source: Source, piece: bytes) -> None:
        blob = self._job.staging.blob
        if self._at + len(piece) > self._part.end:
            raise IntegrityError(f"{source.name} gave more of {blob.digest} than it was asked for")
        self._job.staging.write(self._at, memoryview(piece))
        self._fetching.tell(len(piece))
        while piece:
            chunk = self._left[-1]
            mine, piece = piece[: chunk.end - self._at], piece[chunk.end - self._at :]
            self._digest.update(mine)
            self._at += len(mine)
            if self._at == chunk.end:
                self._close(source)

    def _close(self, source: Source) -> None:
        """A chunk is whole; if it is wrong, another source may have it right."""
        chunk, digest = self._left[-1], self._digest
        self._digest = hashlib.sha256()
        if digest.digest() != chunk.sha256:
            self._fetching.tell(chunk.offset - self._at)
            self._at = chunk.offset
            raise IntegrityError(f"{source.name}: a chunk of {self._job.staging.blob.digest} is not what its map says")
        self._left.pop()
