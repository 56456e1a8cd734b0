"""One run of the test bed: a folder for all that its parts write; what a crashed run leaves the next one removes."""

from __future__ import annotations

import fcntl
import itertools
import logging
import os
import secrets
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.testbed import cgroups
from tests.testbed.caching import cache

_log = logging.getLogger(__name__)

_KEPT_LOGS = 10
_GONE_TIMEOUT = 30


class Run:
    """Holds a locked folder while it is open; the kernel gives the lock back however this process ends.

    Attributes:
        name: unique on this machine, short enough for paths of sockets.
        keep_logs: whether the log files outlive the run, for someone to read after a failure.
    """

    def __init__(self) -> None:
        self.name = secrets.token_hex(3)
        self.keep_logs = False
        self._folder = _runs() / self.name

    def __enter__(self) -> Self:
        sweep()
        # Hidden from the sweep of others until it is locked.
        staged = self._folder.with_name(f".{self.name}")
        staged.mkdir(mode=0o700)
        self._lock = _take(staged)
        staged.rename(self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        if self.keep_logs:
            _keep_logs(self._folder)
        _remove(self._folder)
        assert self._lock is not None
        os.close(self._lock)

    def folder(self, *parts: str) -> Path:
        """A folder of this run; it exists afterwards."""
        path = self._folder.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def fresh_folder(self, name: str) -> Path:
        """A new folder of this run, named so or, when that is taken, almost so."""
        for number in itertools.count(1):
            path = self._folder / (name if number == 1 else f"{name}.{number}")
            with suppress(FileExistsError):
                path.mkdir(parents=True)
                return path
        raise AssertionError("numbers do not end")

    def note(self, pid: int) -> None:
        """Remember a process group, for the next run to end it should this one crash."""
        (self.folder("processes") / str(pid)).write_text(started(pid))

    def forget(self, pid: int) -> None:
        """The process group has ended."""
        (self.folder("processes") / str(pid)).unlink(missing_ok=True)


def logs() -> Path:
    """Where the logs of failed runs are kept."""
    folder = cache() / "logs"
    folder.mkdir(exist_ok=True)
    return folder


def sweep() -> None:
    """Remove what runs left whose process has died."""
    for folder in _runs().glob("[!.]*"):
        lock = _take(folder)
        if lock is None:
            continue
        _log.warning("removing what a crashed run of the test bed left in %s", folder)
        for note in (folder / "processes").glob("*"):
            _end(int(note.name), note.read_text())
        _keep_logs(folder)
        _remove(folder)
        os.close(lock)


def started(pid: int) -> str:
    """When a process started, in ticks since boot: with its pid that names it for ever. Empty when it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _runs() -> Path:
    folder = cache() / "runs"
    folder.mkdir(exist_ok=True)
    return folder


def _take(folder: Path) -> int | None:
    """The lock of a run, or None while its process lives."""
    with suppress(FileNotFoundError):  # swept by another process just now
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if folder.exists():
                return lock
        os.close(lock)
    return None


def _end(pid: int, since: str) -> None:
    if since and started(pid) == since:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _keep_logs(folder: Path) -> None:
    found = [path for path in sorted(folder.rglob("*.log")) if path.is_file() and not path.is_symlink()]
    if not found:
        return
    kept = logs() / folder.name
    for path in found:
        target = kept / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    for older in sorted(logs().iterdir(), key=lambda one: one.stat().st_mtime)[:-_KEPT_LOGS]:
        shutil.rmtree(older)


def _remove(folder: Path) -> None:
    cgroups.remove(folder.name)
    patience = time.monotonic() + _GONE_TIMEOUT
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError:  # what was killed may still be writing; it is not our child, so that nobody tells when it ends
            if time.monotonic() > patience:
                raise
            time.sleep(0.1)
