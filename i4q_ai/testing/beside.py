"""A second process on the same backend: `python -m i4q_ai.testing.beside`, a task in, its answer out, both JSON."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from i4q_ai.backends.base import Action, Outcome, Record
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.testing.connection import Connection

_LIMIT = 120.0
"""Seconds that any task may take; far more than it needs."""
KILLED = -signal.SIGKILL
"""Exit code of a process that was killed half-way."""


class Beside:
    """Starts processes on the backend under test.

    Args:
        connection: to the backend.
        namespace: of the test.
    """

    def __init__(self, connection: Connection, namespace: str) -> None:
        self._connection = connection
        self._namespace = namespace

    def ask(self, task: str, **about: Any) -> Any:
        """Let another process do a task, and wait for its answer."""
        process = self.start(task, **about)
        answer, _ = process.communicate(timeout=_LIMIT)
        assert process.returncode == 0, f"the process beside ended with {process.returncode}"
        return json.loads(answer)

    def start(self, task: str, **about: Any) -> subprocess.Popen[str]:
        """Let another process do a task; `deploy` with `kill` ends itself half-way, as `kill -9` would."""
        given = {
            "address": self._connection.address,
            "options": dict(self._connection.options),
            "namespace": self._namespace,
            "task": task,
            **about,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "i4q_ai.testing.beside"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(given))
        process.stdin.close()
        process.stdin = None
        return process

    def deploy(self, model: Model, to: Placement, *, kill: str = "") -> subprocess.Popen[str]:
        """Let another process deploy a model.

        Args:
            model: what.
            to: where.
            kill: "untold" ends it when the record is written and no cluster is told, "half-told" when one cluster is.
        """
        return self.start("deploy", model=model.to_yaml(), to=to.to_yaml(), kill=kill)


def finish(process: subprocess.Popen[str]) -> int:
    """Wait for a process; its exit code."""
    process.communicate(timeout=_LIMIT)
    return process.returncode


def _deploy(connection: Connection, given: Mapping[str, Any]) -> Any:
    with connection.hub(given["namespace"]) as hub:
        if given["kill"]:
            _die_half_way(hub.engine.fleet, given["kill"])
        deployment = hub.deploy(Model.from_yaml(given["model"]), to=Placement.from_yaml(given["to"]))
        return {"revision": deployment.history()[-1].revision}


def _die_half_way(fleet: Any, where: str) -> None:
    """Let the fleet of this process end it by SIGKILL when the first clusters are about to be told."""
    told = fleet.apply

    def apply(actions: Sequence[Action], *, force: bool = False, deadline: Deadline) -> list[Outcome]:
        if where == "half-told":
            told(actions[:1], force=force, deadline=deadline)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("nobody survives that")

    fleet.apply = apply


def _status(connection: Connection, given: Mapping[str, Any]) -> Any:
    with connection.hub(given["namespace"]) as hub:
        status = hub.get(given["name"]).status()
        return status.model_dump(mode="json")


def _count(connection: Connection, given: Mapping[str, Any]) -> Any:
    """Add to a number in a record, as often as asked, with others doing the same."""
    backend, deadline = connection.backend(), Deadline.after(_LIMIT)
    key = ("count", given["namespace"], "number")
    done = 0
    try:
        while done < given["times"]:
            found = backend.store.get(*key, deadline=deadline)
            record = found or Record(kind=key[0], namespace=key[1], name=key[2], data={"number": 0})
            more = record.replace(data={"number": record.data["number"] + 1})
            try:
                backend.store.put(more, expected=record.revision, deadline=deadline)
            except ConflictError:
                continue
            done += 1
    finally:
        backend.close()
    return done


_TASKS = {"deploy": _deploy, "status": _status, "count": _count}


def main() -> int:
    """Read a task, do it, write its answer."""
    given = json.loads(sys.stdin.read())
    connection = Connection(given["address"], given["options"])
    sys.stdout.write(json.dumps(_TASKS[given["task"]](connection, given)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
