"""Files that are blobs as they are; a large one whose digest nobody knows is hashed while it is sent."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

from i4q_ai.errors import ConflictError
from i4q_ai.oci.uploads.bodies import PIECE, Span, chunks_of
from i4q_ai.oci.uploads.chunking import Chunked
from i4q_ai.oci.uploads.uploading import Content, Terms, Uploads
from i4q_ai.oci.wire import quirks
from i4q_ai.packing import digests
from i4q_ai.packing.digests import Stamp, reading, stamp_of

_SMALL = 1024 * 1024
"""Bytes up to which a file is hashed before anything is sent, in no time."""


class FileBlob:
    """A file as a blob.

    Args:
        path: of the file.
        digest: `sha256:…` that it must have; found when it is first asked for if not given.
        stamp: of the file when it had that digest; as it is now if not given.
    """

    def __init__(self, path: Path, digest: str | None = None, *, stamp: Stamp | None = None) -> None:
        self.path = path
        self.stamp = stamp or stamp_of(path)
        self._digest = digest

    @property
    def is_hashed(self) -> bool:
        """Whether its digest is known."""
        return self._digest is not None

    @property
    def digest(self) -> str:
        """`sha256:…`; reads the file, unless it is known."""
        if self._digest is None:
            self.stamp, found = digests.of_files([self.path])[self.path]
            self._digest = f"sha256:{found}"
        return self._digest

    @property
    def size(self) -> int:
        """In bytes."""
        return self.stamp.size

    def chunks(self) -> Iterator[bytes]:
        """The bytes.

        Raises:
            ConflictError: they have changed; raised before the last piece.
        """
        held = b""
        for chunk in chunks_of(Span(self.path, 0, self.size)):
            yield held
            held = chunk
        self.verify()
        yield held

    def spans(self) -> Iterator[Span]:
        """The file."""
        yield Span(self.path, 0, self.size)

    def verify(self) -> None:
        """Make sure that the file has not changed.

        Raises:
            ConflictError: it has.
        """
        if not self.path.exists() or stamp_of(self.path) != self.stamp:
            raise _changed(self.path)

    def doubt(self) -> None:
        """Forget what is known of it, and make sure by reading.

        Raises:
            ConflictError: it is not what its digest says.
        """
        digests.known().forget([self.stamp.key])
        algorithm, _, expected = self.digest.partition(":")
        found = hashlib.new(algorithm)
        for chunk in chunks_of(Span(self.path, 0, self.size)):
            found.update(chunk)
        if found.hexdigest() != expected:
            raise _changed(self.path)


def blobs_of(paths: Iterable[Path]) -> list[FileBlob]:
    """Files as blobs; the digests of small ones and of those that were hashed before are known then.

    Raises:
        NotFoundError, StorageError: one cannot be read.
    """
    blobs = [FileBlob(path) for path in paths]
    small = digests.of_files(blob.path for blob in blobs if blob.size <= _SMALL)
    seen = digests.known().look_up(blob.stamp.key for blob in blobs if blob.size > _SMALL)
    known = {blob.path: (blob.stamp, seen[blob.stamp.key]) for blob in blobs if blob.stamp.key in seen} | small
    return [
        FileBlob(blob.path, f"sha256:{known[blob.path][1]}", stamp=known[blob.path][0]) if blob.path in known else blob
        for blob in blobs
    ]


def send_file(uploads: Uploads, blob: FileBlob, terms: Terms) -> FileBlob:
    """Send a file; returns it as a blob whose digest is known.

    Raises:
        ConflictError: it changed meanwhile.
    """
    if blob.size <= quirks.CHUNK or blob.is_hashed or not uploads.takes_chunks:
        uploads.send(blob, terms)
        return blob
    terms.progress.start(blob.stamp.key, blob.size)
    try:
        with _Hasher(blob) as hasher:
            content = Content(blob.stamp.key, tuple(blob.spans()), blob.size, hasher.digest, blob.verify, lambda: None)
            sent = Chunked(uploads, content, terms).run()
            hashed = FileBlob(blob.path, hasher.digest(), stamp=blob.stamp)
    finally:
        terms.progress.done(blob.stamp.key)
    blob.verify()
    if not sent:
        uploads.send(hashed, terms)
    if blob.stamp.settled(hasher.begun):
        digests.known().remember({blob.stamp.key: hashed.digest.removeprefix("sha256:")})
    return hashed


class _Hasher:
    """Hashes a file in a thread, while another one sends it.

    Args:
        blob: the file.
    """

    def __init__(self, blob: FileBlob) -> None:
        self._blob = blob
        self._hash = hashlib.sha256()
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="oci-hash", daemon=True)
        self.begun = time.time_ns()

    def digest(self) -> str:
        """`sha256:…`; waits for it."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return f"sha256:{self._hash.hexdigest()}"

    def _work(self) -> None:
        try:
            with reading(self._blob.path), self._blob.path.open("rb", buffering=0) as file:
                view = memoryview(bytearray(PIECE))
                size = 0
                while not self._stop.is_set() and (count := file.readinto(view)):
                    self._hash.update(view[:count])
                    size += count
            if size != self._blob.size and not self._stop.is_set():
                raise _changed(self._blob.path)
        except Exception as error:
            self._failure = error  # raised to whoever asks for the digest

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def _changed(path: Path) -> ConflictError:
    return ConflictError(f"{path} has changed since it was hashed or while it was sent", hint="push it again")
