"""Blobs from one repository to another: not at all if they are there, else by the shortest way that there is."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError
from i4q_ai.oci import media, together
from i4q_ai.oci.downloads.cache import BUFFER_OF_MANY
from i4q_ai.oci.downloads.ingesting import Means
from i4q_ai.oci.layout import Layout
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.rates import Rate
from i4q_ai.oci.remote import Remote
from i4q_ai.oci.source import Listed, Repository, Source
from i4q_ai.oci.uploads.rawblobs import FileBlob
from i4q_ai.oci.uploads.uploading import Terms
from i4q_ai.progress import Progress
from i4q_ai.retrying import TRIES, TransientError, backoff


class Mover:
    """Moves blobs, several at once.

    Args:
        source: that has them.
        target: that gets them.
        deadline: for all of them.
        progress: told of bytes.
        rate: bytes a second, of all together.
    """

    def __init__(
        self,
        source: Listed,
        target: Repository,
        deadline: Deadline,
        progress: Progress,
        rate: float | None = None,
    ) -> None:
        self.source, self.target, self.deadline = source, target, deadline
        self._progress, self._rate = progress, Rate(rate)
        self._mounts = _neighbours(source, target)
        self._lock = threading.Lock()
        self.sent = 0

    def move_all(self, blobs: Sequence[Descriptor]) -> None:
        """Move what is not there yet.

        Raises:
            IntegrityError: what the source gave is not what its digest says.
        """
        together.each(blobs, self._move, self.deadline)

    def _move(self, blob: Descriptor, deadline: Deadline) -> None:
        if isinstance(self.target, Layout):
            sent = self.target.fetch(blob, self.source, self._means(deadline))
        elif isinstance(self.target, Remote):
            terms = Terms(deadline, self._progress, self._rate, self._mounts)
            sent = self.target.uploads.send(self._as_blob(blob, deadline), terms)
        else:
            sent = self.target.upload(Stream(blob, self.source, deadline), deadline, self._progress)
        if sent:
            with self._lock:
                self.sent += blob.size

    def _means(self, deadline: Deadline) -> Means:
        return Means(deadline, self._progress, self._rate, BUFFER_OF_MANY)

    def _as_blob(self, blob: Descriptor, deadline: Deadline) -> FileBlob | Stream:
        local = self.source.local(blob)
        if local is not None and local.stat().st_size == blob.size:
            return FileBlob(local, blob.digest)
        return Stream(blob, self.source, deadline)


class Stream:
    """A blob that is read from a source while it is sent; a cut there is carried on, and seen by nobody.

    Args:
        descriptor: of the blob.
        source: that has it.
        deadline: for reading it.
    """

    def __init__(self, descriptor: Descriptor, source: Source, deadline: Deadline) -> None:
        self.digest, self.size = descriptor.digest, descriptor.size
        self._descriptor, self._source, self._deadline = descriptor, source, deadline

    def chunks(self) -> Iterator[bytes]:
        """The bytes.

        Raises:
            IntegrityError: they are not what the digest says; raised before the last piece.
        """
        found, at, held = media.hasher(self.digest), 0, b""
        for chunk in self._carried_on():
            at += len(chunk)
            if at > self.size:
                break
            found.update(chunk)
            yield held
            held = chunk
        if at != self.size or found.hexdigest() != self.digest.partition(":")[2]:
            raise IntegrityError(f"{self._source.name}: the bytes under {self.digest} are others")
        yield held

    def _carried_on(self) -> Iterator[bytes]:
        at, failures = 0, 0
        while True:
            try:
                with self._source.read(self._descriptor, at, self._deadline) as (start, chunks):
                    skip = at - start
                    for chunk in chunks:
                        rest = chunk[skip:]
                        skip -= len(chunk) - len(rest)
                        if rest:
                            at, failures = at + len(rest), 0
                            yield rest
                if at >= self.size:
                    return
                raise TransientError(
                    IntegrityError(f"{self._source.name} gave {at} of the {self.size} bytes of {self.digest}")
                )
            except TransientError as error:
                failures += 1
                if failures >= TRIES:
                    raise error.error from error
                self._deadline.pause(backoff(failures) if error.after is None else error.after)


def _neighbours(source: Source, target: Repository) -> tuple[str, ...]:
    """The repository of the source, if the target's registry has it too and can take blobs from it by itself."""
    if (
        isinstance(source, Remote)
        and isinstance(target, Remote)
        and source.uploads.http.base == target.uploads.http.base
    ):
        return (source.uploads.repository,)
    return ()
