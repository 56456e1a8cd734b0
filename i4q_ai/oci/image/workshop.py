"""A folder to build in, below the cache; it goes away with the build, or with the next one if this is killed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from i4q_ai import config
from i4q_ai.oci.disk import storage_errors


@contextlib.contextmanager
def workshop() -> Iterator[Path]:
    """A new folder, of some hundred megabytes soon; sweeps away those of builds that were killed.

    Raises:
        StorageError: no room or no right to write.
    """
    above = config.cache() / "building"
    own = above / uuid.uuid4().hex
    with storage_errors(str(above)):
        above.mkdir(parents=True, exist_ok=True)
        for other in above.iterdir():
            _sweep(other)
        handle = _made(own)
    try:
        yield own
    finally:
        shutil.rmtree(own, ignore_errors=True)
        os.close(handle)


def _made(folder: Path) -> int:
    """Made aside and locked first, so that nobody finds it without its lock."""
    aside = folder.with_name(f".{folder.name}")
    aside.mkdir()
    handle = os.open(aside, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    fcntl.flock(handle, fcntl.LOCK_EX)
    aside.rename(folder)
    return handle


def _sweep(folder: Path) -> None:
    if folder.name.startswith("."):
        return  # somebody is just making it; empty, if it was left behind
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return  # its build has ended meanwhile
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return  # its build goes on
    finally:
        os.close(handle)
