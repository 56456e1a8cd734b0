"""Control groups for the pods of the test bed: one tree per run, so that what a run leaves can be found and ended."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_OURS = "i4q-testbed"
_GONE_TIMEOUT = 30


def make(run: str, name: str) -> str:
    """Make a group in every hierarchy; gives its name, as kubelet wants it."""
    parts = (_OURS, run, name)
    for hierarchy in _hierarchies():
        group = hierarchy
        for part in parts:
            _hand_down(group)
            group = group / part
            group.mkdir(exist_ok=True)
        _hand_down(group)
    return "/" + "/".join(parts)


def remove(run: str) -> None:
    """Remove the groups of a run, and kill what is still in them."""
    patience = time.monotonic() + _GONE_TIMEOUT
    for top in (hierarchy / _OURS / run for hierarchy in _hierarchies()):
        if not top.is_dir():
            continue
        for group in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
            _remove(group, patience)
        _remove(top, patience)
        with suppress(OSError):  # another run is there
            top.parent.rmdir()


def _hierarchies() -> list[Path]:
    """The one of version 2, or one per controller of version 1."""
    if (_ROOT / "cgroup.controllers").is_file():
        return [_ROOT]
    return [path for path in sorted(_ROOT.glob("*")) if (path / "cgroup.procs").is_file() and not path.is_symlink()]


def _hand_down(group: Path) -> None:
    """Version 2 gives a group's children only the controllers that it is told to."""
    controllers = group / "cgroup.controllers"
    if controllers.is_file() and _hierarchies() == [_ROOT]:
        wanted = " ".join(f"+{controller}" for controller in controllers.read_text().split())
        (group / "cgroup.subtree_control").write_text(wanted)


def _remove(group: Path, patience: float) -> None:
    while pids := (group / "cgroup.procs").read_text().split():
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        if time.monotonic() > patience:
            raise TimeoutError(f"processes {pids} of {group} do not end")
        time.sleep(0.05)  # the kernel tells nobody when a group of version 1 is empty
    group.rmdir()
