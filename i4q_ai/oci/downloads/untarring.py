"""Untrusted tars whose content nobody has announced: plain files and folders, inside one folder, not too much."""

from __future__ import annotations

import contextlib
import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError
from i4q_ai.oci.disk import storage_errors
from i4q_ai.oci.downloads import naming
from i4q_ai.oci.downloads.extracting import created
from i4q_ai.oci.tarring import CHUNK

MEMBERS = 100_000
RATIO = 100
"""Unpacked bytes for each packed one, beyond which it is taken for a bomb."""
SMALL = 64 * 1024 * 1024
"""Bytes that any layer may unpack to."""


def unpack(layer: Path, into: Path, *, below: str, packed: bool, where: str, deadline: Deadline) -> list[str]:
    """Write the files of a tar; each is new, and at or below one path.

    Args:
        layer: the tar.
        into: an existing folder that nobody else writes to.
        below: path inside, as `models`; "" for any.
        packed: by gzip.
        where: the reference, for errors.
        deadline: for all of it.

    Returns:
        The names of the files.

    Raises:
        IntegrityError: it is broken, holds something else than files and folders, leads elsewhere, or is too large.
        StorageError: no room or no right to write.
    """
    limit = max(SMALL, layer.stat().st_size * RATIO)
    names: list[str] = []
    root = os.open(into, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with _opened(layer, packed, limit, where) as tar:
            for count, member in enumerate(tar):
                deadline.check()
                if count >= MEMBERS:
                    raise IntegrityError(f"{where}: a tar has more than {MEMBERS} members")
                name = _name(member, below, where)
                if member.isreg():
                    naming.need_names([name], where=where)
                    _write(tar, member, root, name, where, deadline)
                    names.append(name)
        naming.need_names(names, where=where)  # together, too
    finally:
        os.close(root)
    return names


def _name(member: tarfile.TarInfo, below: str, where: str) -> str:
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise IntegrityError(f"{where}: {member.name!r} in a tar is neither a file nor a folder")
    name = member.name.removeprefix("./").rstrip("/")
    inside = not below or name == below or name.startswith(f"{below}/")
    above = member.isdir() and (name in ("", ".") or below.startswith(f"{name}/"))
    if not (inside or above) or (name not in ("", ".") and not naming.is_name(name)):
        raise IntegrityError(f"{where}: {member.name!r} in a tar is not below {below or 'the folder'!r}")
    return name


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, root: int, name: str, where: str, deadline: Deadline) -> None:
    content = tar.extractfile(member)
    assert content is not None  # a regular file
    with storage_errors(name), created(root, name, 0o755 if member.mode & 0o111 else 0o644, where) as out:
        left = member.size
        while left and (chunk := content.read(min(CHUNK, left))):
            deadline.check()
            out.write(chunk)
            left -= len(chunk)
        os.fsync(out.fileno())
    if left:
        raise IntegrityError(f"{where}: a tar ends in the middle of {name!r}")


@contextlib.contextmanager
def _opened(layer: Path, packed: bool, limit: int, where: str) -> Iterator[tarfile.TarFile]:
    try:
        with contextlib.ExitStack() as stack:
            stream: IO[bytes] | gzip.GzipFile = stack.enter_context(layer.open("rb"))
            if packed:
                stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
            bounded = _Bounded(stream, limit, where)
            yield stack.enter_context(tarfile.open(fileobj=bounded, mode="r|", errorlevel=2))  # type: ignore[call-overload]
    except (tarfile.TarError, EOFError, UnicodeError, OverflowError, zlib.error, gzip.BadGzipFile) as error:
        raise IntegrityError(f"{where}: a broken tar: {error}") from error


class _Bounded:
    """A stream that is read only so far."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, limit: int, where: str) -> None:
        self._stream, self._limit, self._where = stream, limit, where
        self._read = 0

    def read(self, size: int) -> bytes:
        """The next bytes."""
        data = self._stream.read(size)
        self._read += len(data)
        if self._read > self._limit:
            raise IntegrityError(f"{self._where}: a tar unpacks to more than {self._limit} bytes")
        return data
