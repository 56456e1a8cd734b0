"""Holding a workload until its models are there: what is missing, when it is over, and the last words."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from i4q_ai.edge import termination
from i4q_ai.status import Phase, Report


class Hold:
    """How an init container that waits for models is getting on; safe in several threads. Once it is over it stays so.

    Args:
        words: the file of the last words, which say what is waited for.
    """

    def __init__(self, words: Path) -> None:
        self._words = words
        self._guard = threading.Lock()
        self._over = False
        self._waits = ""
        self.failure: str | None = "it was told to stop before its models were there"

    def look(self, report: Report, *, complete: bool, revision: int) -> bool:
        """Look at a report; True when it is over.

        Args:
            report: of the agent.
            complete: every ConfigMap has said what it wants.
            revision: of what they have said.
        """
        with self._guard:
            if self._over:
                return True
            waits, failed = outstanding(report, complete=complete, revision=revision)
            if waits and waits != self._waits:
                sys.stderr.write(f"{waits}\n")
                termination.say(waits, self._words)
            self._waits = waits
            self._over = failed or not waits
            if self._over:
                self.failure = waits or None
            return self._over

    def give_up(self, timeout: float) -> None:
        """Time is up, after so many seconds."""
        with self._guard:
            if not self._over:
                self.failure = f"{self._waits or 'nobody has answered'}; gives up after {timeout:g} s"
                self._over = True


def outstanding(report: Report, *, complete: bool, revision: int) -> tuple[str, bool]:
    """What a workload must still wait for, in words; and whether waiting will not help.

    Args:
        report: of the agent.
        complete: every ConfigMap has said what it wants.
        revision: of what they have said.
    """
    missing = [item for item in report.items if item.phase is not Phase.READY]
    if complete and report.revision == revision and not missing:
        return "", False
    told = [f"model '{item.name}': {item.message}" for item in missing if item.message]
    told += [report.message] if report.message else []
    # What lies there from before may name a model that nobody wants any more: only what was asked for counts.
    failed = complete and report.revision == revision and any(item.phase is Phase.FAILED for item in missing)
    return "; ".join(told) or "waits for its models", failed
