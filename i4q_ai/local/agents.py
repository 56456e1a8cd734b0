"""The edge agents of all clusters: started when they are needed, ended with all their children."""

from __future__ import annotations

import logging
import shutil
import subprocess
import time
from pathlib import Path

from i4q_ai.backends.away import Away
from i4q_ai.deadline import Deadline
from i4q_ai.edge.children import Children
from i4q_ai.edge.control import Control
from i4q_ai.errors import DeadlineError, I4qError, StorageError

log = logging.getLogger(__name__)

_START_TIMEOUT = 30.0
_TRY_AGAIN = 5.0
"""Seconds until an agent that did not start is tried again."""


class Agents:
    """The agents, by the name of their cluster.

    Args:
        folder: holds a folder per cluster.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._failed: dict[str, tuple[float, Away]] = {}

    def control(self, name: str) -> Control:
        """The door to one agent; it need not run."""
        return Control(self._folder / name)

    def folder(self, name: str) -> Path:
        """The folder of one cluster."""
        return self._folder / name

    def ensure(self, name: str, *, retry: bool = False, deadline: Deadline) -> Away | None:
        """Start the agent unless it runs; replace one that an earlier build of the package started.

        Args:
            name: of the cluster.
            retry: try also if it failed a moment ago.
            deadline: when to give up.

        Returns:
            Why it cannot be started; None when it runs.
        """
        control = self.control(name)
        try:
            if control.alive() and not control.outdated():
                self._failed.pop(name, None)
                return None
            failure = None if retry else self._recent_failure(name)
            return failure or self._start(control, name, deadline)
        except OSError as error:
            return Away("AgentUnreachable", f"its agent cannot be reached: {error.strerror}")

    def stop(self, name: str, *, deadline: Deadline) -> None:
        """End the agent and its children, also those that an agent left behind; nothing if there are none.

        Raises:
            DeadlineError: it takes longer.
            UnreachableError: it runs, and does not answer.
        """
        control = self.control(name)
        control.stop(_patience(deadline))
        if _has_orphans(control):
            log.info("cluster %s: an agent is started to end what one left behind", name)
            control.start(timeout=_patience(deadline))
            control.stop(_patience(deadline))

    def remove(self, name: str, *, deadline: Deadline) -> None:
        """End the agent and its children, and delete the folder.

        Raises:
            StorageError: it cannot be deleted.
        """
        folder = self.folder(name)
        if not folder.exists():
            return
        self.stop(name, deadline=deadline)
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise StorageError(
                f"cannot delete {folder}: {error.strerror}", hint="mend the rights, then remove again"
            ) from error

    def _recent_failure(self, name: str) -> Away | None:
        until, away = self._failed.get(name, (0.0, None))
        return away if time.monotonic() < until else None

    def _start(self, control: Control, name: str, deadline: Deadline) -> Away | None:
        try:
            if control.outdated():
                log.info("cluster %s: its agent is of an earlier build and is replaced", name)
                control.leave(_patience(deadline))
            control.start(timeout=_patience(deadline))
        except DeadlineError as error:
            return Away("AgentStarting", str(error))
        except (I4qError, subprocess.SubprocessError) as error:
            away = Away("AgentFailed", f"its agent cannot be started: {error}")
            log.warning("cluster %s: %s", name, away.message)
            self._failed[name] = (time.monotonic() + _TRY_AGAIN, away)
            return away
        return None


def _patience(deadline: Deadline) -> float:
    return max(0.1, min(deadline.left(), _START_TIMEOUT * 2))


def _has_orphans(control: Control) -> bool:
    children = Children(control.paths)
    return any(children.held(key) for key in children.found())
