"""Blobs on this disk by digest: verified before they are visible, fetched once, carried on after a cut."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError
from i4q_ai.oci import disk, media
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.source import Source
from i4q_ai.oci.tarring import CHUNK
from i4q_ai.progress import Progress
from i4q_ai.retrying import TransientError, call


class BlobCache:
    """A folder with `sha256/<hex>` (whole and verified) and `ingest/<hex>` (begun). Safe with several processes.

    Args:
        folder: made when it is first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Where a blob is, or would be."""
        return self.folder / "sha256" / digest.removeprefix("sha256:")

    def manifest(self, digest: str, source: Source, deadline: Deadline) -> bytes:
        """A manifest or index; kept, so that it is there when the source is not."""
        path = self.path(digest)
        with contextlib.suppress(FileNotFoundError):
            raw = path.read_bytes()
            if media.digest_of(raw) == digest:
                return raw
        raw = source.manifest(digest, deadline)
        self._make_folders()
        disk.write(path, [raw])
        return raw

    def blob(self, blob: Descriptor, source: Source, deadline: Deadline, progress: Progress) -> Path:
        """A blob's file, fetched if it is not there yet.

        Raises:
            IntegrityError: the source gave other bytes, twice.
            StorageError: no room or no right to write.
        """
        path = self.path(blob.digest)
        if self.has(blob):
            return path
        self._make_folders()
        ingest = self.folder / "ingest" / path.name
        with disk.locked(ingest, deadline) as handle:
            if not self.has(blob):  # another process may have been faster
                progress.start(blob.digest, blob.size)
                try:
                    if not self._linked(blob, source):
                        _Ingest(handle, blob, source, deadline, progress).run()
                        _expose(handle, ingest, path)
                finally:
                    progress.done(blob.digest)
            ingest.unlink(missing_ok=True)
        return path

    def has(self, blob: Descriptor) -> bool:
        """Whether the whole blob is there."""
        try:
            return self.path(blob.digest).stat().st_size == blob.size
        except FileNotFoundError:
            return False

    def drop(self, blob: Descriptor) -> None:
        """Forget a blob that turned out to be rotten."""
        self.path(blob.digest).unlink(missing_ok=True)

    def _linked(self, blob: Descriptor, source: Source) -> bool:
        """Whether a second name for a file on the same disk was enough."""
        local = source.local(blob)
        if local is None:
            return False
        path = self.path(blob.digest)
        link = path.with_name(f".{path.name}")
        link.unlink(missing_ok=True)
        try:
            os.link(local, link)
        except OSError:  # another disk, or one without links: it is copied then
            return False
        try:
            if _hash(link) != blob.digest:
                raise IntegrityError(f"{source.name}: the bytes under {blob.digest} are others")
            link.replace(path)
        finally:
            link.unlink(missing_ok=True)
        return True

    def _make_folders(self) -> None:
        with disk.storage_errors(str(self.folder)):
            (self.folder / "sha256").mkdir(parents=True, exist_ok=True)
            (self.folder / "ingest").mkdir(parents=True, exist_ok=True)


def download(blob: Descriptor, source: Source, to: Path, deadline: Deadline, progress: Progress) -> None:
    """Fetch a blob into a file of its own, which appears whole and verified or not at all.

    What a failed call has got is kept beside it, hidden, and carried on by the next.

    Raises:
        IntegrityError: the source gave other bytes, twice.
        StorageError: no room or no right to write.
    """
    ingest = to.with_name(f".{to.name}.{blob.digest[-16:]}.part")
    with disk.locked(ingest, deadline) as handle:
        progress.start(blob.digest, blob.size)
        try:
            _Ingest(handle, blob, source, deadline, progress).run()
            _expose(handle, ingest, to)
        finally:
            progress.done(blob.digest)


class _Ingest:
    """One blob into one open file, with as many tries as it takes.

    Args:
        handle: of the file; what it holds already is kept if it is a beginning of the blob.
        blob, source, deadline, progress: as for `BlobCache.blob`.
    """

    def __init__(self, handle: int, blob: Descriptor, source: Source, deadline: Deadline, progress: Progress) -> None:
        self._handle, self._blob, self._source = handle, blob, source
        self._deadline, self._progress = deadline, progress
        self._told = 0

    def run(self) -> None:
        """Fill the file; it is verified afterwards."""
        for last in (False, True):
            call(self._attempt, deadline=self._deadline)
            if self._verified():
                return
            with disk.storage_errors(self._blob.digest):
                os.ftruncate(self._handle, 0)
            if last:
                raise IntegrityError(f"{self._source.name} gave other bytes than {self._blob.digest}, twice")

    def _attempt(self) -> None:
        have = os.fstat(self._handle).st_size
        if have > self._blob.size:
            have = 0
        if have == self._blob.size:
            self._tell(have)
            return
        with self._source.read(self._blob, have, self._deadline) as (start, chunks):
            os.ftruncate(self._handle, start)
            os.lseek(self._handle, start, os.SEEK_SET)
            self._tell(start)
            try:
                self._copy(start, chunks)
            except TransientError as error:
                error.progressed = os.fstat(self._handle).st_size > have
                raise

    def _copy(self, at: int, chunks: Iterator[bytes]) -> None:
        for chunk in chunks:
            self._deadline.check()
            at += len(chunk)
            if at > self._blob.size:
                raise IntegrityError(
                    f"{self._source.name} gave more than the {self._blob.size} bytes of {self._blob.digest}"
                )
            with disk.storage_errors(f"blob {self._blob.digest}"):
                disk.write_all(self._handle, chunk)
            self._tell(at)
        if at < self._blob.size:
            short = f"{self._source.name} gave {at} of the {self._blob.size} bytes of {self._blob.digest}"
            raise TransientError(IntegrityError(short))

    def _tell(self, at: int) -> None:
        if at != self._told:
            self._progress.advance(self._blob.digest, at - self._told)
            self._told = at

    def _verified(self) -> bool:
        os.lseek(self._handle, 0, os.SEEK_SET)
        digest = hashlib.sha256()
        while chunk := os.read(self._handle, CHUNK):
            digest.update(chunk)
        return f"sha256:{digest.hexdigest()}" == self._blob.digest


def _expose(handle: int, ingest: Path, path: Path) -> None:
    with disk.storage_errors(str(path)):
        os.fsync(handle)
        ingest.rename(path)
        disk.sync(path.parent)


def _hash(path: Path) -> str:
    with path.open("rb", buffering=0) as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
