"""Killed with -9 at each step of a change: the next listener ends it, in one revision."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from i4q_ai import Hub
from i4q_ai.listening.listening import Listening
from tests.e2e.cli.conftest import LIMIT, eventually
from tests.e2e.listening.conftest import Plant

_SCRIPT = """
import os, signal, sys
from pathlib import Path
from i4q_ai import Hub
from i4q_ai.engine import Engine
from i4q_ai.listening.ledger import Ledger
from i4q_ai.listening.listening import Listening
from i4q_ai.listening.rules import Listener

home, rules, cache, point = sys.argv[1:]

def dying(kind, name, *, before):
    original = getattr(kind, name)
    def step(*arguments, **about):
        if before:
            os.kill(os.getpid(), signal.SIGKILL)
        original(*arguments, **about)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(kind, name, step)

{
    "claimed": lambda: dying(Ledger, "write", before=False),
    "planned": lambda: dying(Engine, "apply", before=True),
    "written": lambda: dying(Engine, "_write", before=False),
    "told": lambda: dying(Engine, "_tell", before=False),
    "applied": lambda: dying(Engine, "apply", before=False),
}[point]()
hub = Hub("embedded", namespace="i4q", owner="i4q", home=home)
Listening(hub, Listener.read(Path(rules)), lease=1, cache=Path(cache)).once()
"""


@pytest.mark.parametrize("point", ["claimed", "planned", "written", "told", "applied"])
def test_the_next_one_ends_it(point: str, plant: Plant, tmp_path: Path, opened: Callable[[Path], Hub]) -> None:
    home, rules, cache = tmp_path / "home", plant.rules(), tmp_path / "cache"
    hub = opened(home)
    hub.clusters.add("edge-1", labels={"line": "cnc"})
    plant.push(plant.release("1"))
    (tmp_path / "listen.yaml").write_text(rules.to_yaml())
    command = [sys.executable, "-c", _SCRIPT, str(home), str(tmp_path / "listen.yaml"), str(cache), point]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr

    listening = Listening(hub, rules, cache=cache)
    eventually(lambda: listening.once() == {"plant": "applied"})
    assert [each.revision for each in hub.get("wear").history()] == [1]
    assert [each.item.digest for each in hub.engine.fleet.assigned(name="wear", deadline=hub.engine.deadline())] == [
        hub.get("wear").spec.object.digest
    ]
    assert listening.once() == {"plant": None}
