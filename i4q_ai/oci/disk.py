"""Files that are whole or not there: staging, fsync, rename, locks, and errors of the disk in our words."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError, NoSpaceError, StorageError

_LOCK_POLL = 0.05
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_COPY = frozenset({errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})
_AT_ONCE = 64 * 1024 * 1024
_PIECE = 1024 * 1024
_HINT = "make room on that disk"


@contextlib.contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """OSErrors inside become StorageError.

    Args:
        where: what was being written, for the error.

    Raises:
        NoSpaceError: there is no room.
        StorageError: anything else that the disk says.
    """
    try:
        yield
    except I4qError:  # a deadline that has passed is an OSError too, and none of the disk
        raise
    except OSError as error:
        what = f"{where}: {error.strerror or error}"
        if error.errno in _NO_ROOM:
            raise NoSpaceError(what, hint=_HINT) from error
        raise StorageError(what) from error


def need_room(folder: Path, size: int, what: str) -> None:
    """Refuse at once what will not fit.

    Args:
        folder: existing, on the disk in question.
        size: in bytes.
        what: for the error.

    Raises:
        NoSpaceError: fewer bytes are free.
        StorageError: nobody can say how many are.
    """
    with storage_errors(str(folder)):
        free = shutil.disk_usage(folder).free
    if free < size:
        raise NoSpaceError(f"{what} needs {size} bytes in {folder}, {free} are free", hint=_HINT)


def write(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file that appears whole or not at all, and stays after a power cut.

    Raises:
        StorageError: no room or no right to write; nothing is left.
    """
    staged = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with storage_errors(str(path)):
            handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(handle, "wb", buffering=0) as file:
            for chunk in chunks:
                with storage_errors(str(path)):
                    write_all(file.fileno(), chunk)
            with storage_errors(str(path)):
                os.fsync(file.fileno())
        with storage_errors(str(path)):
            staged.rename(path)
            sync(path.parent)
    finally:
        staged.unlink(missing_ok=True)


def write_all(handle: int, chunk: bytes) -> None:
    """Write all of it; a disk that fills up takes a part first."""
    view = memoryview(chunk)
    while view:
        view = view[os.write(handle, view) :]


def copy(source: int, start: int, size: int, out: int) -> None:
    """Copy a stretch of a file to where another one stands; the system does it, sharing blocks where it can.

    Args:
        source: open for reading.
        start, size: of the stretch.
        out: open for writing.

    Raises:
        OSError: as the disk says, or the source is too short.
    """
    end = start + size
    while start < end:
        try:
            count = os.copy_file_range(source, out, min(end - start, _AT_ONCE), start)
        except OSError as error:
            if error.errno not in _NO_COPY:
                raise
            break
        if not count:
            raise OSError(errno.EIO, "the file ends too soon")
        start += count
    while start < end:  # what copies nothing by itself: some disks, and from one to another on old systems
        piece = os.pread(source, min(end - start, _PIECE), start)
        if not piece:
            raise OSError(errno.EIO, "the file ends too soon")
        write_all(out, piece)
        start += len(piece)


def sync(folder: Path) -> None:
    """Make the names in a folder stay after a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked(path: Path, deadline: Deadline) -> Iterator[int]:
    """Hold a file's lock, shared with nobody; it goes when the process does. The holder may rename or delete the file.

    Args:
        path: made if it is not there.
        deadline: for getting it.

    Yields:
        The handle of the open file.
    """
    handle = _open(path)
    try:
        while not (_try_lock(handle, fcntl.LOCK_EX) and _is(handle, path)):
            deadline.check()
            time.sleep(_LOCK_POLL)  # flock with a deadline: the system has no event for it
            if not _is(handle, path):  # the last holder has moved it away
                os.close(handle)
                handle = -1
                handle = _open(path)
        yield handle
    finally:
        if handle >= 0:
            os.close(handle)


@contextlib.contextmanager
def shared(path: Path, deadline: Deadline) -> Iterator[None]:
    """Hold a file's lock together with others who do, so that nobody has it by `locked` meanwhile.

    Where nothing can be written there is nothing to guard, and no lock is held.

    Args:
        path: made if it is not there; it stays.
        deadline: for getting it.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:
        yield
        return
    try:
        while not _try_lock(handle, fcntl.LOCK_SH):
            deadline.check()
            time.sleep(_LOCK_POLL)
        yield
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    with storage_errors(str(path)):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _is(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _try_lock(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
