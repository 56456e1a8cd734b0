"""An OCI layout folder: what a registry is, without a server."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError, NotFoundError, StorageError, VersionExistsError
from i4q_ai.oci import disk, media
from i4q_ai.oci.artifact import Artifact, Blob, Bytes
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.tarring import CHUNK
from i4q_ai.progress import Progress

_MARKER = "oci-layout"
_INDEX = "index.json"
_LOCK = ".lock"


class Layout:
    """An OCI layout folder. Readers need no lock: every file appears whole; writers take turns.

    Args:
        folder: made by the first push.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"oci:{folder}"

    def resolve(self, tag: str, deadline: Deadline) -> str | None:
        """The digest behind a tag; None if there is no such tag."""
        deadline.check()
        return self.tags().get(tag)

    def tags(self) -> dict[str, str]:
        """Tag → digest."""
        found = {}
        for item in self._index()["manifests"]:
            descriptor = Descriptor.parse(item, where=self.name)
            if media.REF_NAME in descriptor.annotations:
                found[descriptor.annotations[media.REF_NAME]] = descriptor.digest
        return found

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
        if media.digest_of(raw) != digest:
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

    @staticmethod
    def _chunk(file: Any, deadline: Deadline) -> bytes:
        deadline.check()
        chunk: bytes = file.read(CHUNK)
        return chunk

    def push(self, artifact: Artifact, tag: str, deadline: Deadline, progress: Progress) -> None:
        """Write all of an artifact, the tag last.

        Raises:
            VersionExistsError: the tag stands for something else.
            StorageError: no room or no right to write; the tag is as it was.
        """
        with disk.storage_errors(str(self.folder)):
            (self.folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        with disk.locked(self.folder / _LOCK, deadline):
            self._sweep()
            known = self.tags().get(tag)
            if known == artifact.digest:
                return
            if known is not None:
                raise taken(self.name, tag, known)
            manifests = [raw for _, raw in (*artifact.manifests, artifact.index)]
            for blob in (*artifact.blobs, *(Bytes(raw) for raw in manifests)):
                self._put(blob, deadline, progress)
            self._tag(artifact.index[0], tag)

    def _put(self, blob: Blob, deadline: Deadline, progress: Progress) -> None:
        path = self._path(blob.digest)
        if path.is_file() and path.stat().st_size == blob.size:
            return
        progress.start(blob.digest, blob.size)
        try:
            disk.need_room(self.folder, blob.size, f"blob {blob.digest}")
            disk.write(path, _followed(blob, deadline, progress))
        finally:
            progress.done(blob.digest)

    def _tag(self, descriptor: Descriptor, tag: str) -> None:
        index = self._index()
        entry = {**descriptor.dump(), "annotations": {media.REF_NAME: tag}}
        index["manifests"] = sorted([*index["manifests"], entry], key=lambda item: str(item.get("annotations")))
        if not (self.folder / _MARKER).is_file():
            disk.write(self.folder / _MARKER, [media.canonical({"imageLayoutVersion": "1.0.0"})])
        disk.write(self.folder / _INDEX, [media.canonical(index)])

    def _sweep(self) -> None:
        """Drop what a writer that was killed has left; no other writes while we hold the lock."""
        with disk.storage_errors(str(self.folder)):
            for stray in (*self.folder.glob(f".{_INDEX}.*"), *(self.folder / "blobs" / "sha256").glob(".*")):
                stray.unlink()

    def _index(self) -> dict[str, Any]:
        try:
            raw = (self.folder / _INDEX).read_bytes()
        except FileNotFoundError:
            return {"schemaVersion": 2, "mediaType": media.INDEX, "manifests": []}
        except OSError as error:
            raise StorageError(f"{self.folder / _INDEX} cannot be read: {error.strerror}") from error
        try:
            index = json.loads(raw)
            if isinstance(index["manifests"], list):
                return dict(index)
        except (ValueError, TypeError, KeyError):
            pass
        raise IntegrityError(f"{self.folder / _INDEX} is no index of an OCI layout")

    def _path(self, digest: str) -> Path:
        algorithm, _, hexes = digest.partition(":")
        return self.folder / "blobs" / algorithm / hexes


def taken(where: str, tag: str, digest: str) -> VersionExistsError:
    """The error for a tag that stands for something else."""
    return VersionExistsError(
        f"{where}:{tag} exists with other content ({digest})",
        hint="give what you push a new version; versions do not change",
    )


def _followed(blob: Blob, deadline: Deadline, progress: Progress) -> Iterator[bytes]:
    for chunk in blob.chunks():
        deadline.check()
        yield chunk
        progress.advance(blob.digest, len(chunk))
