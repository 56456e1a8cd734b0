"""An OCI layout folder: what a registry is, without a server."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError, NotFoundError, StorageError
from i4q_ai.oci import contents, disk, media, tagging
from i4q_ai.oci.artifact import Artifact, Blob, Bytes
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.rates import Rate
from i4q_ai.oci.reference import is_digest
from i4q_ai.oci.tagging import IfMatch
from i4q_ai.oci.tarring import CHUNK
from i4q_ai.oci.transfers.indexed import Indexed, parse_index
from i4q_ai.progress import Progress

if TYPE_CHECKING:
    from i4q_ai.oci.downloads.ingesting import Means
    from i4q_ai.oci.source import Source

_MARKER = "oci-layout"
_INDEX = "index.json"
_LOCK = ".lock"


class Layout(Indexed):
    """An OCI layout folder. Readers need no lock: every file appears whole; writers take turns.

    Args:
        folder: made by the first push.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"oci:{folder}"
        self._turn = threading.RLock()
        self._writers = 0

    def manifest(self, digest: str, deadline: Deadline) -> bytes:
        """The bytes of a manifest or index, which hash to the digest."""
        deadline.check()
        path = self._path(digest)
        try:
            with path.open("rb") as file:
                raw = file.read(media.LARGEST_MANIFEST + 1)
        except FileNotFoundError as error:
            raise NotFoundError(f"{self.name} holds no {digest}") from error
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from error
        if len(raw) > media.LARGEST_MANIFEST:
            raise IntegrityError(f"{self.name}: manifest {digest} is larger than {media.LARGEST_MANIFEST} bytes")
        if not media.matches(raw, digest):
            raise IntegrityError(f"{self.name}: the bytes under {digest} are others")
        return raw

    def local(self, blob: Descriptor) -> Path | None:
        """The file of a blob."""
        path = self._path(blob.digest)
        return path if path.is_file() else None

    @contextlib.contextmanager
    def read(self, blob: Descriptor, offset: int, deadline: Deadline) -> Iterator[tuple[int, Iterator[bytes]]]:
        """The bytes of a blob from an offset on."""
        path = self._path(blob.digest)
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError as error:
            raise NotFoundError(f"{self.name} holds no {blob.digest}") from error
        except OSError as error:
            raise StorageError(f"{path} cannot be read: {error.strerror}") from error
        with file:
            file.seek(offset)
            yield offset, iter(lambda: self._chunk(file, deadline), b"")

    @contextlib.contextmanager
    def range(self, blob: Descriptor, begin: int, end: int, deadline: Deadline) -> Iterator[Iterator[bytes]]:
        """Some bytes of a blob."""
        with self.read(blob, begin, deadline) as (_, chunks):
            yield _up_to(chunks, end - begin)

    @staticmethod
    def _chunk(file: Any, deadline: Deadline) -> bytes:
        deadline.check()
        chunk: bytes = file.read(CHUNK)
        return chunk

    @contextlib.contextmanager
    def writing(self, deadline: Deadline) -> Iterator[None]:
        """Hold the folder against other processes; threads of this one may write meanwhile."""
        with contextlib.ExitStack() as stack:
            with self._turn:
                if not self._writers:
                    with disk.storage_errors(str(self.folder)):
                        (self.folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
                    held = contextlib.ExitStack()
                    held.enter_context(disk.locked(self.folder / _LOCK, deadline))
                    self._held = held
                    self._sweep()
                self._writers += 1
            stack.callback(self._leave)
            yield

    def _leave(self) -> None:
        with self._turn:
            self._writers -= 1
            if not self._writers:
                self._held.close()

    def push(
        self,
        artifact: Artifact,
        tag: str,
        deadline: Deadline,
        progress: Progress,
        *,
        if_match: IfMatch = ...,
        rate: Rate | None = None,  # noqa: ARG002 - a disk is not slowed down
        mounts: Sequence[str] = (),  # noqa: ARG002 - and has no neighbours
    ) -> None:
        """Write all of an artifact, the tag last.

        Raises:
            VersionExistsError, ConflictError: the tag stands for something else.
            StorageError: no room or no right to write; the tag is as it was.
        """
        with self.writing(deadline):
            found = self.tags().get(tag)
            if tagging.is_set(self.name, tag, found=found, wanted=artifact.digest, if_match=if_match):
                return
            manifests = [raw for _, raw in (*artifact.manifests, artifact.index)]
            for blob in (*artifact.blobs, *(Bytes(raw) for raw in manifests)):
                self.upload(blob, deadline, progress)
            self._list(artifact.index[0], tag)

    def has(self, digest: str, deadline: Deadline) -> bool:
        """Whether a blob is there."""
        deadline.check()
        return self._path(digest).is_file()

    def upload(self, blob: Blob, deadline: Deadline, progress: Progress) -> bool:
        """Write a blob, if it is not there yet; returns whether it was written."""
        path = self._path(blob.digest)
        if path.is_file() and path.stat().st_size == blob.size:
            return False
        progress.start(blob.digest, blob.size)
        try:
            with self.writing(deadline):
                disk.need_room(self.folder, blob.size, f"blob {blob.digest}")
                with disk.storage_errors(str(path.parent)):
                    path.parent.mkdir(exist_ok=True)
                disk.write(path, _followed(blob, deadline, progress))
        finally:
            progress.done(blob.digest)
        return True

    def fetch(self, blob: Descriptor, source: Source, means: Means) -> bool:
        """Take a blob from a source, verified before it is here; one that was begun is carried on.

        Returns:
            Whether it was not here yet.
        """
        from i4q_ai.oci.downloads import cache

        path = self._path(blob.digest)
        if path.is_file() and path.stat().st_size == blob.size:
            return False
        with self.writing(means.deadline):
            with disk.storage_errors(str(path.parent)):
                path.parent.mkdir(exist_ok=True)
            cache.download(blob, source, path, means)
        return True

    def put_manifest(
        self, name: str, descriptor: Descriptor, raw: bytes, deadline: Deadline, *, root: bool = False
    ) -> str | None:
        """Write a manifest or index; index.json lists what has a tag, a subject, or nobody else that lists it."""
        subject = contents.subject_of(contents.parse(raw, where=f"{self.name}@{descriptor.digest}"))
        path = self._path(descriptor.digest)
        with self.writing(deadline):
            with disk.storage_errors(str(path.parent)):
                path.parent.mkdir(exist_ok=True)
            disk.write(path, [raw])
            if not is_digest(name):
                self._list(descriptor, name)
            elif root or subject:
                self._list(descriptor, None)
        return subject

    def _list(self, descriptor: Descriptor, tag: str | None) -> None:
        """Let index.json list something; a tag that stood for something else is taken from it."""
        with self._turn:
            index = self.index()
            entries = [item for item in index["manifests"] if tag is None or _tag(item) != tag]
            if tag is None and any(item.get("digest") == descriptor.digest for item in entries):
                return
            about = {**descriptor.annotations, media.REF_NAME: tag} if tag else dict(descriptor.annotations)
            entry = {**descriptor.dump(), "annotations": about} if about else descriptor.dump()
            index["manifests"] = sorted([*entries, entry], key=lambda item: str(item.get("annotations")))
            if not (self.folder / _MARKER).is_file():
                disk.write(self.folder / _MARKER, [media.canonical({"imageLayoutVersion": "1.0.0"})])
            disk.write(self.folder / _INDEX, [media.canonical(index)])

    def _sweep(self) -> None:
        """Drop what a writer that was killed has left; no other writes while we hold the lock."""
        with disk.storage_errors(str(self.folder)):
            for stray in (*self.folder.glob(f".{_INDEX}.*"), *(self.folder / "blobs").glob("*/.*")):
                if stray.suffix != ".part":  # begun by `fetch`, which carries on
                    stray.unlink()

    def index(self) -> dict[str, Any]:
        """The object in index.json; an empty one if it is not there."""
        try:
            raw = (self.folder / _INDEX).read_bytes()
        except FileNotFoundError:
            return {"schemaVersion": 2, "mediaType": media.INDEX, "manifests": []}
        except OSError as error:
            raise StorageError(f"{self.folder / _INDEX} cannot be read: {error.strerror}") from error
        return parse_index(raw, str(self.folder / _INDEX))

    def _path(self, digest: str) -> Path:
        algorithm, _, hexes = digest.partition(":")
        return self.folder / "blobs" / algorithm / hexes


def _tag(item: Any) -> str | None:
    return media.texts(item.get("annotations")).get(media.REF_NAME) if isinstance(item, dict) else None


def _followed(blob: Blob, deadline: Deadline, progress: Progress) -> Iterator[bytes]:
    for chunk in blob.chunks():
        deadline.check()
        yield chunk
        progress.advance(blob.digest, len(chunk))


def _up_to(chunks: Iterator[bytes], count: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[:count]
        count -= len(chunk)
        if count <= 0:
            return
