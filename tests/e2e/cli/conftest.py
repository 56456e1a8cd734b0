from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from i4q_ai.testing.onnx_bytes import multiplier

LIMIT = 120.0
PROGRAM = [sys.executable, "-c", "from i4q_ai.cli import main; main()"]


Background = Callable[[subprocess.Popen[str]], subprocess.Popen[str]]


@dataclass
class Shell:
    """Runs the program in processes of its own, in one home."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("I4Q_")}
        return {**kept, "I4Q_HOME": str(self.home), "I4Q_CACHE": str(self.home / "cache")}

    def __call__(self, *arguments: str, code: int = 0, given: str | None = None) -> str:
        """Stdout of a call that ends with a code."""
        done = self.run(*arguments, given=given)
        assert done.returncode == code, done.stderr
        return done.stdout

    def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments], env=self.environment, input=given, capture_output=True, text=True, timeout=LIMIT
        )

    def data(self, *arguments: str) -> Any:
        """What a call prints as JSON."""
        return json.loads(self(*arguments, "-o", "json"))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A call that goes on."""
        return subprocess.Popen(
            [*PROGRAM, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=_interruptible,
        )  # fmt: skip


def _interruptible() -> None:
    """As on a terminal; what a shell has begun in the background ignores Ctrl-C, and so would what that begins."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def i4q(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path / "home")
    yield shell
    for row in shell.data("cluster", "list"):
        shell("cluster", "remove", row["name"], "--no-refresh")


@pytest.fixture
def background() -> Iterator[Background]:
    """Ends processes with the test."""
    running: list[subprocess.Popen[str]] = []

    def remember(process: subprocess.Popen[str]) -> subprocess.Popen[str]:
        running.append(process)
        return process

    yield remember
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=LIMIT)


@pytest.fixture
def pushed(i4q: Shell, tmp_path: Path) -> Callable[[int], str]:
    """Pack and push a version of a model that multiplies by its number; gives its reference."""

    def push(factor: int) -> str:
        onnx, packed = tmp_path / "wear.onnx", tmp_path / f"wear-{factor}.yaml"
        onnx.write_bytes(multiplier(factor))
        packed.write_text(i4q("model", "pack", str(onnx), "--name", "wear", "--version", str(factor)))
        return i4q("model", "push", str(packed)).strip()

    return push


def eventually(what: Callable[[], object]) -> None:
    """Wait until something is so; the processes that make it so tell nobody."""
    end = time.monotonic() + LIMIT
    while not what():
        assert time.monotonic() < end, "it did not become so"
        time.sleep(0.1)
