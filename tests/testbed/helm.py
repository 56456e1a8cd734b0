"""helm, with homes of its own: nothing of the user's settings, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.testbed.building import built

_TIMEOUT = 300

Helm = Callable[..., str]


@pytest.fixture
def helm(tmp_path: Path) -> Helm:
    """`helm("lint", path)` → what it prints; a failure is an error with its words."""
    folder = tmp_path / "helm"
    homes = {f"HELM_{kind}_HOME": str(folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    program = built("tools") / "helm"

    def _run(*arguments: str | Path) -> str:
        command = [program, *arguments]
        env = {**os.environ, **homes}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return _run
