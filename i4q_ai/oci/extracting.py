"""Untrusted tar layers to files: only what `i4q.json` announces, nothing else, nowhere else."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from i4q_ai.errors import IntegrityError
from i4q_ai.model import File
from i4q_ai.oci.disk import storage_errors
from i4q_ai.oci.tarring import BLOCK, CHUNK

_LARGEST_ABOUT = 16 * 1024 * 1024
_ABOUT = ("models/i4q.json", "app/i4q.json")
_SLACK = 64 * BLOCK


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
                    _write(tar, member, root, expected[path], where)
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


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, root: int, file: File, where: str) -> None:
    content = tar.extractfile(member)
    assert content is not None  # regular, by _path
    digest = hashlib.sha256()
    with _created(root, file.path, 0o755 if member.mode & 0o111 else 0o644, where) as out:
        while chunk := content.read(CHUNK):
            digest.update(chunk)
            out.write(chunk)
        out.flush()
        os.fsync(out.fileno())
    if digest.hexdigest() != file.sha256:
        raise IntegrityError(f"{where}: {file.path} is not what its sha256 says")


@contextlib.contextmanager
def _created(root: int, path: str, mode: int, where: str) -> Iterator[IO[bytes]]:
    """A new file; every part of its path is opened from its parent and may not be a link."""
    *parents, name = path.split("/")
    folder = os.dup(root)
    try:
        for part in parents:
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o755, dir_fd=folder)
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = below
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
