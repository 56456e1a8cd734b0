"""The program `i4q`: the verbs of the Hub on the command line."""

from __future__ import annotations

import sys

from i4q_ai.errors import MissingDependencyError

__all__ = ["main"]

_EXTRA = ("click", "rich")


def main() -> None:
    """Run the program with the arguments of the process, and end it with its exit code."""
    try:
        from i4q_ai.cli.program import run
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        missing = MissingDependencyError("the command line", extra="cli")
        sys.stderr.write(f"error: {missing.what}\nhint: {missing.hint}\n")
        sys.exit(1)
    sys.exit(run(sys.argv[1:]))
