"""The init container that holds a workload until its models answer, with a real model server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from i4q_ai.status import Phase
from tests.e2e.edge.plant import DEADLINE, Plant, eventually


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "termination-log"
    path.touch()
    return path


@pytest.fixture
def waiting(words: Path) -> Iterator[Waiting]:
    found = Waiting(words)
    yield found
    found.end()


class Waiting:
    """Init containers."""

    def __init__(self, words: Path) -> None:
        self._words = words
        self._started: list[subprocess.Popen[bytes]] = []

    def __call__(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        program = [sys.executable, "-m", "i4q_ai.edge.wait", *arguments, "--termination-log", str(self._words)]
        self._started.append(subprocess.Popen(program, env={**os.environ, **variables}))
        return self._started[-1]

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.wait(DEADLINE)


def test_it_ends_once_the_model_answers(plant: Plant, waiting: Waiting, words: Path) -> None:
    plant.want(plant.model("1"))
    plant.run()
    address = plant.until("wear", Phase.READY).address
    assert address
    held = waiting(f"wear={address}", f"chatter={address.replace('wear', 'chatter')}")
    eventually(lambda: "model 'chatter'" in words.read_text() and "404" in words.read_text())
    assert "'wear'" not in words.read_text()
    assert held.poll() is None
    held.kill()
    # No proxy stands between a pod and a Service, whatever the environment says for everything else.
    assert waiting(f"wear={address}", http_proxy="http://127.0.0.1:1").wait(DEADLINE) == 0
    assert words.read_text() == ""


def test_it_waits_for_a_server_that_is_not_there_yet(plant: Plant, waiting: Waiting, words: Path) -> None:
    plant.want(plant.model("1"))
    plant.run()
    address = plant.until("wear", Phase.READY).address
    assert address
    plant.control.stop(DEADLINE)
    held = waiting(f"wear={address}")
    eventually(lambda: "cannot be reached" in words.read_text())
    plant.run()
    assert held.wait(DEADLINE) == 0


def test_it_gives_up_when_it_is_told_to(waiting: Waiting, words: Path) -> None:
    assert waiting("wear=http://127.0.0.1:1/v2/models/wear", "--timeout", "0.5").wait(DEADLINE) == 1
    assert "model 'wear' (http://127.0.0.1:1/v2/models/wear cannot be reached)" in words.read_text()
    assert "gives up after 0.5 s" in words.read_text()


def test_it_ends_when_it_is_told_to_and_leaves_what_it_waited_for(waiting: Waiting, words: Path) -> None:
    held = waiting("wear=http://127.0.0.1:1/v2/models/wear")
    eventually(lambda: "waits for model 'wear'" in words.read_text())
    held.terminate()
    assert held.wait(DEADLINE) == 128 + signal.SIGTERM
    assert "waits for model 'wear'" in words.read_text()


def test_what_is_no_model_is_told(waiting: Waiting, words: Path) -> None:
    assert waiting("wear").wait(DEADLINE) == 1
    assert "NAME=http" in words.read_text()
