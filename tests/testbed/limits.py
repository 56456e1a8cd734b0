"""Room for the watches of several clusters: each takes about 25 inotify instances, and a user often has 128."""

from __future__ import annotations

from pathlib import Path

from tests.testbed.caching import cache

_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
_ENOUGH = 4096


def widen() -> None:
    """Raise the limit, and remember what it was."""
    before = int(_LIMIT.read_text())
    if before < _ENOUGH:
        _remembered().write_text(str(before))
        _LIMIT.write_text(str(_ENOUGH))


def restore() -> None:
    """Set the limit to what it was."""
    if _remembered().is_file():
        _LIMIT.write_text(_remembered().read_text())
        _remembered().unlink()


def _remembered() -> Path:
    return cache() / "inotify-before"
