"""A self-test ends with the server that asked for it, whenever that one was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.e2e.serve.models import endless

ORDER = {"folder": "/nowhere", "format": "onnx", "inputs": [], "outputs": [], "threads": 1, "memory": 4 * 1024**3}


def run(order: dict[str, object], seconds: float = 60) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "i4q_ai.serve.selftest"]
    return subprocess.run(command, input=json.dumps(order).encode(), capture_output=True, timeout=seconds, check=False)


def test_it_says_nothing_to_a_parent_that_is_gone() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    ended = run({**ORDER, "parent": gone.pid, "seconds": 30})
    assert ended.stdout == b""


def test_it_answers_the_one_who_asks() -> None:
    ended = run({**ORDER, "parent": os.getpid(), "seconds": 30})
    assert json.loads(ended.stdout)["ok"] is False


def test_it_ends_by_itself_when_its_time_is_long_over(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(endless())
    order = {**ORDER, "folder": str(tmp_path), "parent": os.getpid(), "seconds": 0.1}
    assert run(order).returncode == -signal.SIGALRM
