"""Layers: a folder as a tar that comes out the same everywhere, in a file of its own."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, FormatError
from i4q_ai.oci import media
from i4q_ai.oci.disk import storage_errors
from i4q_ai.oci.tarring import BLOCK, CHUNK

GZIP_LAYER = f"{media.IMAGE_LAYER}+gzip"
_END = bytes(2 * BLOCK)
_LEVEL = 6


@dataclass(frozen=True)
class FileBlob:
    """A blob in a file here.

    Args:
        path: of the file.
        digest: `sha256:…`.
        size: in bytes.
    """

    path: Path
    digest: str
    size: int

    def chunks(self) -> Iterator[bytes]:
        """The bytes.

        Raises:
            ConflictError: the file has changed; raised before its last piece.
        """
        digest, held = hashlib.sha256(), b""
        with storage_errors(str(self.path)), self.path.open("rb", buffering=0) as file:
            while chunk := file.read(CHUNK):
                yield held
                digest.update(chunk)
                held = chunk
        if f"sha256:{digest.hexdigest()}" != self.digest:
            raise ConflictError(f"{self.path} has changed since the build began", hint="build again")
        yield held


@dataclass(frozen=True)
class Layer:
    """A layer of an image.

    Args:
        media_type: of the blob.
        blob: its bytes.
        diff_id: the digest of the uncompressed tar.
        comment: what it holds, for the image's history.
    """

    media_type: str
    blob: FileBlob
    diff_id: str
    comment: str

    @property
    def descriptor(self) -> media.Descriptor:
        """As the manifest lists it."""
        return media.Descriptor(self.media_type, self.blob.digest, self.blob.size)


def layer_of_folder(
    folder: Path, at: str, to: Path, comment: str, *, epoch: int, compress: bool, deadline: Deadline
) -> Layer:
    """The layer that puts all files of a folder into an image.

    Files have mode 0755 if they may be executed, else 0644; everything is owned by 0.

    Args:
        folder: regular files and folders only.
        at: the path of this folder in the image, without a leading `/`.
        to: the file to be made.
        comment: for the image's history.
        epoch: the time of all files, in seconds since 1970.
        compress: by gzip, whose bytes may differ with its version.
        deadline: for writing it.
    """
    return _written(_tar(folder, at, epoch), to, comment, compress=compress, check=deadline.check)


def layer_of_tar(path: Path, to: Path, comment: str, *, compress: bool, deadline: Deadline) -> Layer:
    """The layer that a tar is; it stays where it is unless it must be compressed first.

    Args:
        path: of the tar, maybe compressed by gzip.
        to: the file to be made if needed.
        comment: for the image's history.
        compress: by gzip.
        deadline: for reading it.

    Raises:
        FormatError: its compression is broken.
    """
    with storage_errors(str(path)), path.open("rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    if zipped:
        diff_id = _unzipped(path, deadline.check)
        blob = _blob(path, deadline.check)
        return Layer(GZIP_LAYER, blob, diff_id, comment)
    if compress:
        with storage_errors(str(path)), path.open("rb") as stream:
            return _written(_pieces(stream), to, comment, compress=True, check=deadline.check)
    blob = _blob(path, deadline.check)
    return Layer(media.IMAGE_LAYER, blob, blob.digest, comment)


def _tar(folder: Path, at: str, epoch: int) -> Iterator[bytes]:
    parts = at.split("/")
    for count in range(1, len(parts) + 1):
        yield _header("/".join(parts[:count]), tarfile.DIRTYPE, 0, 0o755, epoch)
    paths = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    for name, path in sorted(paths.items()):
        if path.is_dir():
            yield _header(f"{at}/{name}", tarfile.DIRTYPE, 0, 0o755, epoch)
            continue
        about = path.stat()
        mode = 0o755 if about.st_mode & 0o100 else 0o644
        yield _header(f"{at}/{name}", tarfile.REGTYPE, about.st_size, mode, epoch)
        with path.open("rb") as file:
            yield from _pieces(file)
        yield bytes(-about.st_size % BLOCK)
    yield _END


def _header(name: str, kind: bytes, size: int, mode: int, epoch: int) -> bytes:
    about = tarfile.TarInfo(name)
    about.type, about.size, about.mode, about.mtime = kind, size, mode, epoch
    return about.tobuf(tarfile.GNU_FORMAT)


def _pieces(stream: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while piece := stream.read(CHUNK):
        yield piece


def _hash(pieces: Iterable[bytes], check: Callable[[], None]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        check()
        digest.update(piece)
        size += len(piece)
    return f"sha256:{digest.hexdigest()}", size


def _unzipped(path: Path, check: Callable[[], None]) -> str:
    """The digest of what a compressed file holds."""
    try:
        with gzip.open(path) as stream:
            return _hash(_pieces(stream), check)[0]
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise FormatError(f"{path} is no whole gzip file: {error}") from error


def _blob(path: Path, check: Callable[[], None]) -> FileBlob:
    with storage_errors(str(path)), path.open("rb") as file:
        return FileBlob(path, *_hash(_pieces(file), check))


def _written(pieces: Iterable[bytes], to: Path, comment: str, *, compress: bool, check: Callable[[], None]) -> Layer:
    digest = hashlib.sha256()
    with storage_errors(str(to)), to.open("xb") as file:
        packed: IO[bytes] | gzip.GzipFile = file
        if compress:
            packed = gzip.GzipFile("", "wb", _LEVEL, file, mtime=0)
        for piece in pieces:
            check()
            digest.update(piece)
            packed.write(piece)
        if packed is not file:
            packed.close()
    kind = GZIP_LAYER if compress else media.IMAGE_LAYER
    return Layer(kind, _blob(to, check), f"sha256:{digest.hexdigest()}", comment)
