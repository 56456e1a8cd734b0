"""Archives as sources: a tar that holds an OCI layout, or what `docker save` writes. Nothing of it is unpacked."""

from __future__ import annotations

import contextlib
import hashlib
import os
import posixpath
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import FormatError, IntegrityError, NotFoundError, StorageError, UnsupportedError
from i4q_ai.oci import contents, media
from i4q_ai.oci.media import Descriptor, canonical
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.tarring import CHUNK
from i4q_ai.oci.transfers.indexed import Indexed, parse_index

_MEMBERS = 100_000
_GZIP = b"\x1f\x8b"
_LINKS = (tarfile.SYMTYPE, tarfile.LNKTYPE)
_DOCKER_LAYERS = 1000


@dataclass(frozen=True)
class Stretch:
    """Where a member's bytes lie in the archive."""

    start: int
    size: int


class Archive(Indexed):
    """A tar that is read in place.

    Args:
        path: of the file.
        deadline: for reading the list of its members; of an archive of Docker, also for hashing its layers.

    Raises:
        NotFoundError, StorageError: it cannot be read.
        UnsupportedError: it is compressed.
        FormatError: it is no archive of images or artifacts.
    """

    def __init__(self, path: Path, deadline: Deadline) -> None:
        self.path, self.name = path, str(path)
        self._members = _members(path)
        self._made: dict[str, bytes] = {}
        self._blobs: dict[str, Stretch] = {}
        if "index.json" in self._members:
            self._index = parse_index(self._small("index.json"), f"index.json in {path}")
        elif "manifest.json" in self._members:
            self._index = {"manifests": self._convert(deadline)}
        else:
            raise FormatError(f"{path} holds neither an index.json nor a manifest.json, as archives of images do")

    def index(self) -> dict[str, Any]:
        """The object in index.json."""
        return self._index

    def manifest(self, digest: str, deadline: Deadline) -> bytes:
        """The bytes of a manifest or index, which hash to the digest."""
        deadline.check()
        if digest in self._made:
            return self._made[digest]
        raw = self._small(self._place(digest))
        if not media.matches(raw, digest):
            raise IntegrityError(f"{self.name}: the bytes under {digest} are others")
        return raw

    def local(self, blob: Descriptor) -> Path | None:  # noqa: ARG002 - as Source wants it
        """None: no blob is a file of its own."""
        return None

    @contextlib.contextmanager
    def read(self, blob: Descriptor, offset: int, deadline: Deadline) -> Iterator[tuple[int, Iterator[bytes]]]:
        """The bytes of a blob from an offset on."""
        stretch = self._place(blob.digest)
        with self._opened() as handle:
            yield offset, _pieces(handle, stretch.start + offset, stretch.start + stretch.size, deadline)

    @contextlib.contextmanager
    def range(self, blob: Descriptor, begin: int, end: int, deadline: Deadline) -> Iterator[Iterator[bytes]]:
        """The bytes of a blob from `begin` up to `end`."""
        stretch = self._place(blob.digest)
        with self._opened() as handle:
            yield _pieces(handle, stretch.start + begin, stretch.start + min(end, stretch.size), deadline)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageError(f"{self.path} cannot be read: {error.strerror}") from error
        try:
            yield handle
        finally:
            os.close(handle)

    def _place(self, digest: str) -> Stretch:
        found = self._blobs.get(digest) or self._members.get(f"blobs/{digest.replace(':', '/')}")
        if not isinstance(found, Stretch):
            raise NotFoundError(f"{self.name} holds no {digest}")
        return found

    def _small(self, what: str | Stretch) -> bytes:
        stretch = self._member(what) if isinstance(what, str) else what
        if stretch.size > media.LARGEST_MANIFEST:
            raise IntegrityError(f"{self.name}: a manifest is larger than {media.LARGEST_MANIFEST} bytes")
        with self._opened() as handle:
            return os.pread(handle, stretch.size, stretch.start)

    def _member(self, name: str) -> Stretch:
        """A member, or what it is a link to; a link leads to another member, never anywhere else."""
        found = self._members.get(posixpath.normpath(name))
        if isinstance(found, str):
            found = self._members.get(found)
        if not isinstance(found, Stretch):
            raise FormatError(f"{self.path} lists {name!r}, and does not hold it")
        return found

    def _convert(self, deadline: Deadline) -> list[dict[str, Any]]:
        """What `docker save` has written, as images of OCI: the same layers and configs, under manifests of ours."""
        where = f"manifest.json in {self.path}"
        listed = contents.listed(
            contents.parse(b'{"images":' + self._small("manifest.json") + b"}", where=where), "images", where=where
        )
        entries = []
        for image in listed:
            try:
                config, layers, names = str(image["Config"]), list(image["Layers"]), list(image.get("RepoTags") or [])
            except (TypeError, KeyError, AttributeError) as error:
                raise FormatError(f"{where} lists something that is no image") from error
            descriptor = self._image(config, [str(layer) for layer in layers], deadline)
            entries += [{**descriptor.dump(), "annotations": _named(str(name))} for name in names] or [
                descriptor.dump()
            ]
        return entries

    def _image(self, config: str, layers: list[str], deadline: Deadline) -> Descriptor:
        if len(layers) > _DOCKER_LAYERS:
            raise FormatError(f"{self.path} holds an image of more than {_DOCKER_LAYERS} layers")
        about = self._hashed(self._member(config), media.IMAGE_CONFIG, deadline)
        manifest = {
            "schemaVersion": 2,
            "mediaType": media.MANIFEST,
            "config": about.dump(),
            "layers": [self._layer(self._member(layer), deadline).dump() for layer in layers],
        }
        raw = canonical(manifest)
        descriptor = Descriptor.of(media.MANIFEST, raw)
        self._made[descriptor.digest] = raw
        return descriptor

    def _layer(self, stretch: Stretch, deadline: Deadline) -> Descriptor:
        with self._opened() as handle:
            packed = os.pread(handle, 2, stretch.start) == _GZIP
        return self._hashed(stretch, f"{media.IMAGE_LAYER}{'+gzip' if packed else ''}", deadline)

    def _hashed(self, stretch: Stretch, kind: str, deadline: Deadline) -> Descriptor:
        known = hashlib.sha256()
        with self._opened() as handle:
            for piece in _pieces(handle, stretch.start, stretch.start + stretch.size, deadline):
                known.update(piece)
        digest = f"sha256:{known.hexdigest()}"
        self._blobs[digest] = stretch
        return Descriptor(kind, digest, stretch.size)


def _members(path: Path) -> dict[str, Stretch | str]:
    """Name → where it lies; or, of a link, the name that it leads to."""
    found: dict[str, Stretch | str] = {}
    try:
        with path.open("rb") as file:
            if file.read(2) == _GZIP:
                raise UnsupportedError(f"{path} is compressed as a whole", hint=f"gunzip {path}")
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:") as tar:
                for member in tar:
                    name = posixpath.normpath(member.name)
                    if name in found and not member.isdir():
                        raise IntegrityError(f"{path}: {name!r} stands twice")
                    if member.isreg() and not member.issparse():
                        found[name] = Stretch(member.offset_data, member.size)
                    elif member.type in _LINKS:
                        base = posixpath.dirname(name) if member.type == tarfile.SYMTYPE else ""
                        found[name] = posixpath.normpath(posixpath.join(base, member.linkname))
                    if len(found) > _MEMBERS:
                        raise IntegrityError(f"{path} has more than {_MEMBERS} members")
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file '{path}'") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    except (tarfile.TarError, EOFError, UnicodeError, OverflowError) as error:
        raise FormatError(f"{path} is no whole tar: {error}") from error
    return found


def _named(name: str) -> dict[str, str]:
    """The annotations for one of an image's names, as `docker save` writes them."""
    reference = Reference.parse(name)
    return {media.REF_NAME: reference.tag or "latest", media.CONTAINERD_NAME: str(reference)}


def _pieces(handle: int, at: int, end: int, deadline: Deadline) -> Iterator[bytes]:
    while at < end:
        deadline.check()
        piece = os.pread(handle, min(CHUNK, end - at), at)
        if not piece:
            raise IntegrityError("an archive ends too soon")
        yield piece
        at += len(piece)
