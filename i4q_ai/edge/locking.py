"""One agent a folder: a lock that the kernel drops when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
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
            os.ftruncate(descriptor, 0)  # what the last holder told is not true of this one
            return descriptor
    os.close(descriptor)
    raise ConflictError(f"another agent runs in {path.parent}")


def tell(descriptor: int, about: dict[str, object]) -> None:
    """Write into the locked file who holds it."""
    text = json.dumps(about).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text, 0)


def told(path: Path) -> dict[str, object]:
    """What the last holder told about itself; nothing when it has not yet, or never did."""
    try:
        about = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return about if isinstance(about, dict) else {}


def kill(path: Path, pid: int) -> bool:
    """End the process that holds a lock by force; False if another one holds it, or none.

    Args:
        path: of the lock.
        pid: of the process.
    """
    with _Handle(pid) as process:
        if not (taken(path) and told(path).get("pid") == pid and _has_open(pid, path)):
            return False
        return process.kill()


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


class _Handle:
    """A process that is not mistaken for a later one with its id, where the system can tell them apart."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._descriptor: int | None = None

    def __enter__(self) -> _Handle:
        if hasattr(os, "pidfd_open"):
            with contextlib.suppress(ProcessLookupError):  # it is gone, which is what killing it says
                self._descriptor = os.pidfd_open(self._pid)
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def kill(self) -> bool:
        """End it by force; False if it is gone."""
        try:
            if self._descriptor is not None:
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)
            elif not hasattr(os, "pidfd_open"):
                os.kill(self._pid, signal.SIGKILL)
            else:
                return False
        except ProcessLookupError:
            return False
        return True


def _has_open(pid: int, path: Path) -> bool:
    """Whether a process has a file open; where nobody can tell, what the lock file says must do."""
    folder = Path(f"/proc/{pid}/fd")
    if not Path("/proc/self/fd").exists():
        return True
    try:
        return any(_same(one, path) for one in folder.iterdir())
    except OSError:
        return False


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # closed meanwhile
        return False
