"""Documents on disk: written whole or not at all, read with the version they had."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from i4q_ai.errors import StorageError

Stamp = tuple[int, int, int] | None
"""Inode, size and time of change of a file; None when it is not there."""


def write(path: Path, text: str, *, durable: bool = False) -> None:
    """Replace a file in one step.

    Args:
        path: its folder must exist.
        text: the whole content.
        durable: wait until it would survive a power cut.

    Raises:
        StorageError: no room or no right; the old content stands.
    """
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with staged.open("w", encoding="utf-8") as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        staged.replace(path)
    except OSError as error:
        staged.unlink(missing_ok=True)
        raise StorageError(f"cannot write {path}: {os.strerror(error.errno or errno.EIO)}") from error


def stamp(path: Path) -> Stamp:
    """What changes when the file does; cheap."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_ino, about.st_size, about.st_mtime_ns
