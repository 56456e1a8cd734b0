"""One blob into one staging file: received, written and hashed at once, carried on after cuts, from any mirror."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError, IntegrityError, NotFoundError, RegistryError
from i4q_ai.oci.downloads import hashing
from i4q_ai.oci.downloads.hashing import Hasher, Hashes, Ring
from i4q_ai.oci.downloads.mirrors import Mirrors
from i4q_ai.oci.downloads.staging import Staging
from i4q_ai.oci.rates import Rate
from i4q_ai.oci.wire import receiving
from i4q_ai.progress import Progress
from i4q_ai.retrying import TRIES, TransientError, call

if TYPE_CHECKING:
    from i4q_ai.oci.source import Source

_log = logging.getLogger(__name__)

_FEW_TRIES = 2
_SOON = 0.25
"""Seconds after which a buffer is written though it is not full, so that a killed process loses little."""

Assemble = Callable[[Staging, Mirrors], int | None]
"""Fills a staging file in another way than from the blob's first byte to its last, for instance from an older file and
by ranges. All goes through the staging, whose positions are of the blob. The file is empty, or as large as it will be:
then an earlier call was killed, or there is nothing left to do. Returns how many bytes did not have to travel if it is
full now, and worth a check; if it returns None, or if the whole turns out to be wrong, the file is emptied and the blob
is fetched as ever. A refusal counts as None; if no registry can be reached, the next call goes on with the same file. A
deadline and a full disk are raised."""


class OtherFileError(Exception):
    """A blob is what its digest says, and does not hold the file that it should."""


@dataclass(frozen=True)
class Means:
    """What all blobs of one fetch share.

    Args:
        deadline: of all of it.
        progress: told of bytes received.
        rate: of the bytes of all.
        buffer: the largest; there are four for each blob that is under way.
        saved: told of bytes that did not have to travel.
    """

    deadline: Deadline
    progress: Progress
    rate: Rate = field(default_factory=lambda: Rate(None))
    buffer: int = hashing.LARGEST_BUFFER
    saved: Callable[[int], None] = lambda _: None


class Ingest:
    """Fills a staging file and verifies it.

    Args:
        staging: what it holds already is kept if it is a beginning of the blob.
        mirrors: to fetch from.
        means: of the whole fetch.
        inner: the digest of what the file itself should hold, if the blob has more; verified in the same pass.
        assemble: tried first, if nothing has begun.
    """

    def __init__(
        self,
        staging: Staging,
        mirrors: Mirrors,
        means: Means,
        *,
        inner: str | None = None,
        assemble: Assemble | None = None,
    ) -> None:
        self._staging, self._mirrors, self._means = staging, mirrors, means
        self._blob = staging.blob
        self._inner, self._assemble = inner, assemble
        self._hashes: Hashes | None = None
        self._told = 0
        self._ring = Ring(hashing.buffer_size(self._blob.size, means.buffer))

    def run(self) -> None:
        """Fill the file with the verified blob.

        Raises:
            IntegrityError: all that were asked gave other bytes.
            RegistryError, UnreachableError, NotFoundError: none could give it.
            OtherFrameError: it cannot be staged as this frame says.
            OtherFileError: the blob is right, the file in it is another one.
        """
        try:
            if self._assembled():
                return
            self._mirrors.ask(self._from, self._blob.digest)
        finally:
            self._stop()

    def _assembled(self) -> bool:
        size = self._blob.size
        if self._assemble is None or self._staging.begun() not in (0, size):
            return False
        try:
            saved = self._assemble(self._staging, self._mirrors)
        except (RegistryError, NotFoundError) as error:
            _log.info("%s is fetched whole: %s", self._blob.digest, error.what)
            saved = None
        if saved is not None and self._staging.begun() == size:
            self._begin(size)
            if self._is_right():
                self._told = size  # whoever assembled it has told
                self._means.saved(saved)
                return True
            self._told = size
            self._tell(0)
        self._staging.cut(0)
        return False

    def _from(self, source: Source, patient: bool) -> None:
        tries = TRIES if patient else _FEW_TRIES
        for again in (True, False):
            theirs = self._staging.begun() == 0
            call(lambda: self._attempt(source), deadline=self._means.deadline, tries=tries)
            if self._is_right():
                return
            self._staging.cut(0)
            self._tell(0)
            if not again or (theirs and not patient):  # another mirror is worth more than a second try of this one
                raise IntegrityError(
                    f"{source.name} gave other bytes than {self._blob.digest}{'' if again else ', twice'}"
                )

    def _attempt(self, source: Source) -> None:
        have = self._staging.begun()
        if have == self._blob.size:
            self._begin(have)
            self._tell(have)
            return
        with source.read(self._blob, have, self._means.deadline) as (start, chunks):
            self._begin(start)
            self._staging.cut(start)
            self._tell(start)
            try:
                self._copy(source, start, receiving.stream(chunks))
            except TransientError as error:
                error.progressed = self._staging.begun() > have
                raise

    def _copy(self, source: Source, at: int, stream: receiving.Stream) -> None:
        while at < self._blob.size:
            buffer = self._ring.take()
            count, failure = self._fill(stream, memoryview(buffer)[: self._blob.size - at])
            self._staging.write(at, memoryview(buffer)[:count])
            assert self._hashes is not None, "begun"
            self._hashes.give(self._ring, buffer, count)
            at += count
            self._tell(at)
            if failure is not None:
                raise failure
            if not count:
                short = f"{source.name} gave {at} of the {self._blob.size} bytes of {self._blob.digest}"
                raise TransientError(IntegrityError(short))
        if stream.fill(memoryview(bytearray(1))):
            raise IntegrityError(f"{source.name} gave more than the {self._blob.size} bytes of {self._blob.digest}")

    def _fill(self, stream: receiving.Stream, view: memoryview) -> tuple[int, Exception | None]:
        """As many bytes as come soon; what came before a cut, or before time was up, counts."""
        rate, deadline = self._means.rate, self._means.deadline
        until = time.monotonic() + _SOON
        count = 0
        try:
            while count < len(view) and time.monotonic() < until:
                got = stream.fill(view[count : count + rate.piece(len(view))])
                if not got:
                    break
                count += got
                rate.take(got, deadline)
        except (TransientError, I4qError) as error:
            return count, error
        return count, None

    def _begin(self, at: int) -> None:
        """Hash from a position on; what was hashed already is not hashed again."""
        if self._hashes is not None and self._hashes.at == at:
            return
        self._stop()
        staging, threaded = self._staging, self._blob.size > hashing.SMALLEST_BUFFER
        stretches = [(Hasher(self._blob.digest, staging.read(0, at), threaded=threaded), 0, self._blob.size)]
        if self._inner is not None:
            begin, end = staging.begin, staging.end
            inner = Hasher(self._inner, staging.read(begin, min(at, end)), threaded=threaded)
            stretches.append((inner, begin, end))
        self._hashes = Hashes(stretches, at)

    def _is_right(self) -> bool:
        """Whether the bytes are the blob.

        Raises:
            OtherFileError: they are, and the file in it is another one than was announced.
        """
        assert self._hashes is not None, "begun"
        whole, *inner = self._hashes.digests()
        self._hashes = None
        if whole != self._blob.digest:
            return False
        if inner and inner != [self._inner]:
            self._staging.cut(0)
            raise OtherFileError
        return True

    def _stop(self) -> None:
        if self._hashes is not None:
            self._hashes.close()
            self._hashes = None

    def _tell(self, at: int) -> None:
        if at != self._told:
            self._means.progress.advance(self._blob.digest, at - self._told)
            self._told = at
