"""Blobs on this disk by digest: verified before they are visible, fetched once, carried on after a cut."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError
from i4q_ai.oci import disk, media, together
from i4q_ai.oci.downloads import framing
from i4q_ai.oci.downloads.ingesting import Assemble, Ingest, Means, OtherFileError
from i4q_ai.oci.downloads.mirrors import Mirrors
from i4q_ai.oci.downloads.staging import Frame, OtherFrameError, Staging
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.source import Source

if TYPE_CHECKING:
    from i4q_ai.model import File

BUFFER_OF_MANY = 1024 * 1024
"""Bytes; where several blobs are under way at once, each has smaller buffers."""


class BlobCache:
    """A folder of verified blobs. Safe with several threads and processes.

    It has `sha256/<hex>` (whole blobs), `files/<hex>` (of a tar of one large file only the file; named after the tar),
    `ingest/<hex>` and `ingest/<hex>.file` (begun), and `.lock`, held by all who fetch and by who deletes.

    Args:
        folder: made when it is first written to.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Where a blob is, or would be."""
        algorithm, _, name = digest.partition(":")
        return self.folder / algorithm / name

    def file_path(self, digest: str) -> Path:
        """Where the file is, or would be, that a tar of this digest consists of."""
        return self.folder / "files" / digest.partition(":")[2]

    def ingest_path(self, digest: str, *, file: bool = False) -> Path:
        """Where a begun blob is, or the file in it."""
        return self.folder / "ingest" / f"{digest.partition(':')[2]}{'.file' if file else ''}"

    @contextlib.contextmanager
    def using(self, deadline: Deadline) -> Iterator[None]:
        """Around all that relies on what is here: nobody deletes it meanwhile."""
        with contextlib.suppress(OSError):  # whoever needs to write is told so
            self.folder.mkdir(parents=True, exist_ok=True)
        with disk.shared(self.folder / ".lock", deadline):
            yield

    def manifest(self, digest: str, source: Source | Mirrors, deadline: Deadline) -> bytes:
        """A manifest or index; kept, so that it is there when the source is not."""
        path = self.path(digest)
        with contextlib.suppress(OSError):
            raw = path.read_bytes()
            if media.matches(raw, digest):
                with contextlib.suppress(OSError):
                    os.utime(path)  # says when it was of use last
                return raw
        raw = Mirrors.of(source).ask(lambda one, _: one.manifest(digest, deadline), digest)
        self._make_folders(path)
        disk.write(path, [raw])
        return raw

    def blob(
        self, blob: Descriptor, source: Source | Mirrors, means: Means, *, assemble: Assemble | None = None
    ) -> Path:
        """A blob's file, fetched if it is not there yet.

        Args:
            blob: which.
            source: one, or several with the same.
            means: deadline, progress and rate.
            assemble: another way to fill the file; see there.

        Raises:
            IntegrityError: every source gave other bytes.
            StorageError: no room or no right to write.
        """
        path = self.path(blob.digest)
        if self.has(blob):
            return path
        self._make_folders(path)
        ingest, mirrors = self.ingest_path(blob.digest), Mirrors.of(source)
        with disk.locked(ingest, means.deadline) as handle:
            if not self.has(blob):  # another process may have been faster
                with _told(blob, means):
                    if not self._linked(blob, mirrors):
                        disk.need_room(self.folder, blob.size - os.fstat(handle).st_size, f"blob {blob.digest}")
                        Ingest(Staging(handle, blob), mirrors, means, assemble=assemble).run()
                        _expose(handle, ingest, path)
            ingest.unlink(missing_ok=True)
        return path

    def file(
        self,
        blob: Descriptor,
        frame: Frame,
        file: File,
        source: Source | Mirrors,
        means: Means,
        *,
        mode: int,
        assemble: Assemble | None = None,
    ) -> Path | None:
        """The only file in a tar, fetched if it is not there yet; what is here is hashed again.

        Args:
            blob: the tar.
            frame: what stands around the file in it.
            file: what the file must be.
            source: one, or several with the same.
            means: deadline, progress and rate.
            mode: of the file.
            assemble: another way to fill it; see there.

        Returns:
            None if the frame is another one: it is to be fetched as a blob, then.

        Raises:
            IntegrityError: every source gave other bytes; or the file in the blob is another one.
            StorageError: no room or no right to write.
        """
        path = self.file_path(blob.digest)
        self._make_folders(path)
        ingest = self.ingest_path(blob.digest, file=True)
        with disk.locked(ingest, means.deadline) as handle:
            if not holds(path, file):  # damaged, it stays until then: what of it is whole need not travel
                disk.need_room(self.folder, file.size - os.fstat(handle).st_size, f"file {file.path}")
                with _told(blob, means):
                    staging, inner = Staging(handle, blob, frame), f"sha256:{file.sha256}"
                    try:
                        Ingest(staging, Mirrors.of(source), means, inner=inner, assemble=assemble).run()
                    except OtherFrameError:
                        ingest.unlink(missing_ok=True)
                        return None
                    except OtherFileError as error:
                        ingest.unlink(missing_ok=True)
                        what = f"{file.path} is not what its sha256 says, in the layer {blob.digest}"
                        raise IntegrityError(what) from error
                    os.fchmod(handle, mode)
                    _expose(handle, ingest, path)
            ingest.unlink(missing_ok=True)
        return path

    @contextlib.contextmanager
    def opened(self, blob: Descriptor) -> Iterator[Staging | None]:
        """A blob that is here, for reading any stretch of it; None if it is not. It is not verified.

        Args:
            blob: as its manifest lists it, with annotations.
        """
        for path, whole in ((self.path(blob.digest), True), (self.file_path(blob.digest), False)):
            try:
                handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                told = os.fstat(handle)
                frame = Frame() if whole else framing.kept_frame(blob, told.st_size, told.st_mode)
                if frame is not None and len(frame.head) + told.st_size + len(frame.tail) == blob.size:
                    yield Staging(handle, blob, frame)
                    return
            finally:
                os.close(handle)
        yield None

    def has(self, blob: Descriptor) -> bool:
        """Whether the whole blob is there."""
        return _size(self.path(blob.digest)) == blob.size

    def missing(self, blob: Descriptor) -> int:
        """Bytes that a blob still needs on this disk."""
        return 0 if self.has(blob) else max(blob.size - max(_size(self.ingest_path(blob.digest)), 0), 0)

    def missing_file(self, blob: Descriptor, file: File) -> int:
        """Bytes that the file in a tar still needs on this disk."""
        if _size(self.file_path(blob.digest)) == file.size:
            return 0
        return max(file.size - max(_size(self.ingest_path(blob.digest, file=True)), 0), 0)

    def is_right(self, blob: Descriptor) -> bool:
        """Whether the blob that is there still hashes to its digest."""
        return self.has(blob) and digest_of_file(self.path(blob.digest), blob.digest) == blob.digest

    def drop(self, blob: Descriptor) -> None:
        """Forget a blob that turned out to be rotten."""
        self.path(blob.digest).unlink(missing_ok=True)

    def _linked(self, blob: Descriptor, mirrors: Mirrors) -> bool:
        """Whether a second name for a file on the same disk was enough."""
        return any(self._linked_to(blob, local) for local in mirrors.local(blob))

    def _linked_to(self, blob: Descriptor, local: Path) -> bool:
        path = self.path(blob.digest)
        link = path.with_name(f".{path.name}")
        link.unlink(missing_ok=True)
        try:
            os.link(local, link)
        except OSError:  # another disk, or one without links: it is copied then
            return False
        try:
            if digest_of_file(link, blob.digest) != blob.digest:
                return False  # reading it as any other source will tell what is wrong
            link.replace(path)
        finally:
            link.unlink(missing_ok=True)
        return True

    def _make_folders(self, path: Path) -> None:
        with disk.storage_errors(str(self.folder)):
            path.parent.mkdir(parents=True, exist_ok=True)
            (self.folder / "ingest").mkdir(parents=True, exist_ok=True)


def download(blob: Descriptor, source: Source | Mirrors, to: Path, means: Means) -> None:
    """Fetch a blob into a file of its own, which appears whole and verified or not at all.

    What a failed call has got is kept beside it, hidden, and carried on by the next.

    Args:
        blob: which.
        source: one, or several with the same.
        to: the file; its folder is there.
        means: deadline, progress and rate.

    Raises:
        IntegrityError: every source gave other bytes.
        StorageError: no room or no right to write.
    """
    ingest = to.with_name(f".{to.name}.{blob.digest[-16:]}.part")
    with disk.locked(ingest, means.deadline) as handle, _told(blob, means):
        disk.need_room(to.parent, blob.size - os.fstat(handle).st_size, f"{to.name}")
        Ingest(Staging(handle, blob), Mirrors.of(source), means).run()
        _expose(handle, ingest, to)
        with disk.storage_errors(str(to)):
            disk.sync(to.parent)


def download_all(blobs: Mapping[Path, Descriptor], source: Source | Mirrors, means: Means) -> None:
    """Fetch many blobs, several at once, each as `download` does.

    Args:
        blobs: file → what goes there; the folders are there.
        source: one, or several with the same.
        means: deadline, progress and rate.
    """
    mirrors = Mirrors.of(source)
    several = means if len(blobs) == 1 else dataclasses.replace(means, buffer=BUFFER_OF_MANY)

    def _one(item: tuple[Path, Descriptor], deadline: Deadline) -> None:
        to, blob = item
        download(blob, mirrors, to, dataclasses.replace(several, deadline=deadline))

    together.each(blobs.items(), _one, means.deadline)


def holds(path: Path, file: File) -> bool:
    """Whether a file is just that file, byte for byte."""
    if path.is_symlink() or _size(path) != file.size:
        return False
    return digest_of_file(path, "sha256:") == f"sha256:{file.sha256}"


def digest_of_file(path: Path, like: str) -> str:
    """The digest of a file.

    Args:
        path: of it.
        like: a digest by the same algorithm.
    """
    algorithm = like.partition(":")[0]
    with disk.storage_errors(str(path)), path.open("rb", buffering=0) as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


@contextlib.contextmanager
def _told(blob: Descriptor, means: Means) -> Iterator[None]:
    means.progress.start(blob.digest, blob.size)
    try:
        yield
    finally:
        means.progress.done(blob.digest)


def _expose(handle: int, ingest: Path, path: Path) -> None:
    with disk.storage_errors(str(path)):
        os.fsync(handle)
        ingest.rename(path)


def _size(path: Path) -> int:
    """Of a file; -1 if it is not there."""
    try:
        return path.stat().st_size
    except OSError:
        return -1
