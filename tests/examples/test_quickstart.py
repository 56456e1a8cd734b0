"""The quickstart, as `make demo` runs it: against the folder registry, against a real one, and ended half-way."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import environment
from tests.testbed.registry import Registry

ROOT = Path(__file__).parents[2]
QUICKSTART = [sys.executable, str(ROOT / "examples" / "quickstart.py")]


def processes_of(home: Path) -> list[str]:
    """Command lines that name this home."""
    lines = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while we look
            lines.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in lines if str(home) in line]


def test_it_tells_the_whole_story_and_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        QUICKSTART, env=environment(tmp_path), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 failed, " in done.stdout
    assert processes_of(tmp_path / "home") == []


def test_artifacts_can_go_to_a_real_registry(tmp_path: Path, registry: Registry) -> None:
    done = subprocess.run(
        QUICKSTART,
        env={**environment(tmp_path), "REGISTRY": registry.host},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"at {registry.host}/models/tool-wear, sha256:" in done.stdout
    assert registry.requests("PUT", "/apps/watcher/") != []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ended_half_way_it_stops_what_it_has_started(tmp_path: Path, how: signal.Signals) -> None:
    running = subprocess.Popen(
        QUICKSTART, env={**environment(tmp_path), "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True
    )
    try:
        assert running.stdout is not None
        for line in running.stdout:
            if "runs on edge-1 and edge-2" in line:
                break
        assert processes_of(tmp_path / "home") != []
        os.kill(running.pid, how)
        running.communicate(timeout=120)
    finally:
        running.kill()
        running.wait()
    assert running.returncode not in (0, None)
    assert processes_of(tmp_path / "home") == []
