"""Exit codes: one table, from which the program ends and its help is written."""

from __future__ import annotations

from i4q_ai.errors import ConflictError, DeadlineError, DeploymentFailed, I4qError, NotFoundError

OK = 0
REFUSED = 1
USAGE = 2
INTERRUPTED = 130

BY_ERROR: tuple[tuple[type[I4qError], int], ...] = (
    (DeploymentFailed, 6),
    (DeadlineError, 5),
    (ConflictError, 4),
    (NotFoundError, 3),
    (I4qError, REFUSED),
)
"""The first that fits counts."""

MEANINGS = {
    OK: "done; also when a plan has something to change",
    REFUSED: "refused or failed",
    USAGE: "the command line is wrong",
    3: "not found",
    4: "conflict: somebody else was faster, or owns it",
    5: "not done in the time given",
    6: "clusters said no",
    INTERRUPTED: "interrupted",
}


def code_for(error: I4qError) -> int:
    """The exit code of an error."""
    return next(code for kind, code in BY_ERROR if isinstance(error, kind))
