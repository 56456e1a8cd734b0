"""A hook for tests: ends the agent as `kill -9` would, at a named point."""

from __future__ import annotations

import os
import signal

VARIABLE = "I4Q_EDGE_CRASH_AT"

POINTS = (
    "desired-read",
    "before-fetch",
    "after-fetch",
    "before-link",
    "between-links",
    "after-link",
    "before-spawn",
    "after-spawn",
    "before-load",
    "after-load",
    "before-state",
    "after-state",
    "before-status",
    "before-stop",
    "after-stop",
    "before-prune",
    "within-prune",
    "before-remove",
    "within-remove",
)


def point(name: str) -> None:
    """End here if the environment asks for it."""
    if os.environ.get(VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
