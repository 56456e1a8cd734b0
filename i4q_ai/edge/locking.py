"""One agent a folder: a lock that the kernel drops when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

from i4q_ai.errors import ConflictError

_TRIES, _PAUSE = 10, 0.05


def take(path: Path) -> int:
    """Lock a file for this process; returns its descriptor, which holds the lock.

    Raises:
        ConflictError: another process has it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)  # somebody who only looks whether an agent is there holds it for an instant
        else:
            return descriptor
    os.close(descriptor)
    raise ConflictError(f"another agent runs in {path.parent}")


def tell(descriptor: int, about: dict[str, object]) -> None:
    """Write into the locked file who holds it."""
    text = json.dumps(about).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text, 0)


def taken(path: Path) -> bool:
    """Some process holds the lock."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
