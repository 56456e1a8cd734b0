"""What a run of the test bed has left on this machine: nothing, once it is over."""

from __future__ import annotations

from pathlib import Path

from tests.testbed.caching import cache


def left(run: str) -> list[str]:
    """Processes, mounts, control groups and folders of a run, in words.

    Args:
        run: its name.
    """
    return [*_processes(run), *_mounts(run), *_groups(run), *_folders(run)]


def _processes(run: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            groups = (process / "cgroup").read_text()
        except OSError:
            continue  # it has ended, or is somebody else's
        if f"/runs/{run}/" in command or f"/{run}/" in groups:
            found.append(f"process {process.name}: {command[:200]}")
    return found


def _mounts(run: str) -> list[str]:
    mounts = Path("/proc/self/mountinfo")
    lines = mounts.read_text().splitlines() if mounts.is_file() else []
    return [f"mount {line}" for line in lines if f"/runs/{run}/" in line]


def _groups(run: str) -> list[str]:
    root = Path("/sys/fs/cgroup")
    found = [*root.glob(f"i4q-testbed/{run}"), *root.glob(f"*/i4q-testbed/{run}")]
    return [f"control group {path}" for path in found]


def _folders(run: str) -> list[str]:
    folder = cache() / "runs" / run
    return [f"folder {folder}"] if folder.exists() else []
