"""Untrusted tar layers to files: only what `i4q.json` announces, nothing else, nowhere else."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from i4q_ai.errors import IntegrityError
from i4q_ai.oci import disk
from i4q_ai.oci.disk import storage_errors
from i4q_ai.oci.downloads.hashing import Hasher
from i4q_ai.oci.tarring import BLOCK, CHUNK

if TYPE_CHECKING:
    from i4q_ai.model import File

_LARGEST_ABOUT = 16 * 1024 * 1024
_ABOUT = ("models/i4q.json", "app/i4q.json")
_SLACK = 64 * BLOCK
_LARGE = 4 * CHUNK
_NO_LINKS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS, errno.EACCES})


def read_about(layer: IO[bytes], *, where: str) -> bytes:
    """The bytes of `i4q.json` in the layer that holds it.

    Args:
        layer: open for reading.
        where: the reference, for errors.

    Raises:
        IntegrityError: it is not there, or too large.
    """
    with _opened(layer, where) as tar:
        for member in tar:
            if member.name in _ABOUT and member.type == tarfile.REGTYPE and member.size <= _LARGEST_ABOUT:
                content = tar.extractfile(member)
                return content.read() if content else b""
    raise IntegrityError(f"{where}: the layer of i4q.json does not hold it")


def extract(layer: Path, into: Path, *, folder: str, expected: Mapping[str, File], where: str) -> list[str]:
    """Write the files of one layer; each is new, inside `into`, announced, of the announced size and content.

    Args:
        layer: the tar.
        into: an existing folder that nobody else writes to.
        folder: inside the tar, left out in `into`.
        expected: path → what the file must be.
        where: the reference, for errors.

    Returns:
        The paths that were written.

    Raises:
        IntegrityError: anything else is in the layer.
        StorageError: no room or no right to write.
    """
    written = []
    root = os.open(into, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with layer.open("rb") as stream, _opened(stream, where) as tar, storage_errors(f"{into}"):
            for member in tar:
                path = _path(member, folder, expected, where)
                if path is not None:
                    _write(tar, stream.fileno(), member, root, expected[path], where)
                    written.append(path)
            _only_zeros(stream, tar.offset, where)
    finally:
        os.close(root)
    return written


@contextlib.contextmanager
def _opened(stream: IO[bytes], where: str) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(fileobj=stream, mode="r:", errorlevel=2) as tar:
            yield tar
    except (tarfile.TarError, EOFError, UnicodeError, OverflowError) as error:
        raise IntegrityError(f"{where}: a layer is a broken tar: {error}") from error


def _path(member: tarfile.TarInfo, folder: str, expected: Mapping[str, File], where: str) -> str | None:
    """The path of an announced file; None for one of its folders."""
    path = member.name.removeprefix(f"{folder}/")
    if member.type == tarfile.DIRTYPE and (
        member.name == folder or any(one.startswith(f"{path}/") for one in expected)
    ):
        return None
    regular = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse() and not member.pax_headers
    if not regular or path == member.name or path not in expected:
        raise IntegrityError(f"{where}: a layer holds {member.name!r}, which was not announced")
    if member.size != expected[path].size:
        raise IntegrityError(f"{where}: {path} has {member.size} bytes, {expected[path].size} were announced")
    return path


def _write(tar: tarfile.TarFile, layer: int, member: tarfile.TarInfo, root: int, file: File, where: str) -> None:
    content = tar.extractfile(member)
    assert content is not None  # regular, by _path
    with created(root, file.path, 0o755 if member.mode & 0o111 else 0o644, where) as out:
        if member.size < _LARGE:
            digest = _copy_small(content, out)
        else:
            digest = _copy_large(layer, member.offset_data, member.size, out.fileno())
        os.fsync(out.fileno())
    if digest != f"sha256:{file.sha256}":
        raise IntegrityError(f"{where}: {file.path} is not what its sha256 says")


def _copy_small(content: IO[bytes], out: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while chunk := content.read(CHUNK):
        digest.update(chunk)
        out.write(chunk)
    return f"sha256:{digest.hexdigest()}"


def _copy_large(source: int, start: int, size: int, out: int) -> str:
    """Let the system copy, without the bytes passing through here, while a thread hashes them."""
    hasher = Hasher("sha256:", _stretch(source, start, start + size))
    try:
        disk.copy(source, start, size, out)
    finally:
        hasher.close()
    return hasher.digest()


def _stretch(handle: int, at: int, end: int) -> Iterator[bytes]:
    while at < end and (piece := os.pread(handle, min(CHUNK, end - at), at)):
        yield piece
        at += len(piece)


def link(source: Path, into: Path, file: File, *, mode: int, where: str) -> None:
    """Let a verified file appear under its path; where two names for one file cannot be, it is copied.

    Args:
        source: whose content is what the file must be.
        into: an existing folder that nobody else writes to.
        file: says where.
        mode: of a copy.
        where: the reference, for errors.

    Raises:
        IntegrityError: the path is there already; or the copy came out otherwise.
        StorageError: no room or no right to write.
    """
    root = os.open(into, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with storage_errors(f"{into}"):
            if not _linked(source, root, file.path, where):
                with source.open("rb") as content, created(root, file.path, mode, where) as out:
                    digest = _copy_large(content.fileno(), 0, file.size, out.fileno())
                    os.fsync(out.fileno())
                if digest != f"sha256:{file.sha256}":
                    raise IntegrityError(f"{where}: {file.path} is not what its sha256 says")
    finally:
        os.close(root)


def _linked(source: Path, root: int, path: str, where: str) -> bool:
    folder, name = _parent(root, path)
    try:
        os.link(source, name, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError as error:
        raise IntegrityError(f"{where}: {path} stands in two layers") from error
    except OSError as error:
        if error.errno in _NO_LINKS:
            return False
        raise
    finally:
        os.close(folder)
    return True


def _parent(root: int, path: str) -> tuple[int, str]:
    """The folder of a path, made if need be, and its name there; every part is opened from its parent, never a link."""
    *parents, name = path.split("/")
    folder = os.dup(root)
    try:
        for part in parents:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=folder)
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
    except BaseException:
        os.close(folder)
        raise
    return folder, name


@contextlib.contextmanager
def created(root: int, path: str, mode: int, where: str) -> Iterator[IO[bytes]]:
    """A new file.

    Args:
        root: handle of the folder that it is in.
        path: below that; every part is opened from its parent, never a link.
        mode: whatever the umask.
        where: the reference, for errors.

    Raises:
        IntegrityError: it is there already.
    """
    folder, name = _parent(root, path)
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(name, flags, mode, dir_fd=folder)
    except FileExistsError as error:
        raise IntegrityError(f"{where}: {path} stands in two layers") from error
    finally:
        os.close(folder)
    with os.fdopen(handle, "wb", buffering=0) as out:
        os.fchmod(out.fileno(), mode)  # whatever the umask
        yield out


def _only_zeros(stream: IO[bytes], end: int, where: str) -> None:
    stream.seek(end)
    rest = stream.read(_SLACK)
    if rest.strip(b"\0") or stream.read(1):
        raise IntegrityError(f"{where}: something stands after the end of a layer")
