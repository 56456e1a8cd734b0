"""Open Cluster Management's own scheduling controller, asked about worlds of plain objects; no server is needed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from tests.testbed.building import built

_END_TIMEOUT = 30
_BENCH_TIMEOUT = 3600


def program() -> Path:
    """The oracle's program; built if it is not in the cache."""
    return built("oracle") / "oracle"


class Oracle:
    """The running program: a case in, what OCM decides out. Ask one case after another.

    Args:
        process: with text pipes to both sides.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, objects: Sequence[Mapping[str, Any]], *, now: datetime) -> None:
        """Give it a case; `answer` waits for what it says.

        Args:
            objects: as `kubectl get -o json` prints them; the Placement `p` in the namespace `ai` is meant.
            now: what its clocks show.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"objects": objects, "now": now.isoformat()}) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """What it says of the case given last: filters, scores, decisions, conditions; or `refused` by the API."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the oracle ended with {self._process.wait(_END_TIMEOUT)}; its stderr says why")
        found: dict[str, Any] = json.loads(line)
        return found


@contextmanager
def oracle() -> Iterator[Oracle]:
    """Run the oracle."""
    with subprocess.Popen([program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Oracle(process)
        finally:
            process.terminate()


def measured(objects: Sequence[Mapping[str, Any]], *, now: datetime, rounds: int) -> dict[str, dict[str, Any]]:
    """How long OCM's scheduler takes for every Placement of a world.

    Args:
        objects: the world; all its clusters are given to every Placement.
        now: what its clocks show.
        rounds: how often each is timed.

    Returns:
        The Placement's name → `seconds` (a list), `chosen` (how many), `sha256` (of the names, joined by ",").
    """
    with TemporaryFile("w+") as world:
        json.dump({"objects": objects, "now": now.isoformat()}, world)
        world.seek(0)
        command: list[str | Path] = [program(), "-bench", str(rounds)]
        done = subprocess.run(command, stdin=world, capture_output=True, text=True, timeout=_BENCH_TIMEOUT, check=True)
    return {line["name"]: line for line in map(json.loads, done.stdout.splitlines())}
