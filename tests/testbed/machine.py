"""What edges change on this machine while they run; the last one to go gives it back."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from tests.testbed.caching import cache

_WATCHES = Path("/proc/sys/fs/inotify/max_user_instances")
_ENOUGH = 4096


def widen_watches() -> None:
    """Raise the limit of inotify instances: a cluster takes about 25, and a user often has 128."""
    before = int(_WATCHES.read_text())
    if before < _ENOUGH:
        _watches_before().write_text(str(before))
        _WATCHES.write_text(str(_ENOUGH))


def mount_point(path: Path) -> None:
    """Have a folder that a node can mount its own over."""
    missing = [one for one in (path, *path.parents) if not one.exists()]
    if missing:
        path.mkdir(parents=True, exist_ok=True)
        with _made().open("a") as made:
            made.writelines(f"{one}\n" for one in missing)


def give_back() -> None:
    """Undo both. Only for the last: removing a mount point takes it away from every node."""
    if _watches_before().is_file():
        _WATCHES.write_text(_watches_before().read_text())
        _watches_before().unlink()
    if _made().is_file():
        for path in _made().read_text().splitlines():
            with suppress(OSError):  # somebody has put something there
                Path(path).rmdir()
        _made().unlink()


def _watches_before() -> Path:
    return cache() / "watches-before"


def _made() -> Path:
    return cache() / "mount-points"
