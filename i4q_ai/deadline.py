"""A point in time after which nobody waits any more; passed down through every call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from i4q_ai.errors import DeadlineError, I4qError, InvalidError

LONGEST = 2_000_000.0
"""Seconds, about 23 days; beyond 2^31 milliseconds, what waits in the operating system or in SQLite overflows."""


@dataclass(frozen=True)
class Deadline:
    """When to give up.

    Args:
        at: in seconds of the clock.
        what: is being done, for the error; for instance "pushing tool-wear 1".
        cancel: set by another thread to stop it early.
        clock: monotonic; another one in tests.
    """

    at: float
    what: str = "the call"
    cancel: threading.Event | None = field(default=None, repr=False)
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    @classmethod
    def after(cls, seconds: float, what: str = "the call", *, cancel: threading.Event | None = None) -> Deadline:
        """That many seconds from now; `inf`, or more than 23 days, counts as 23 days.

        Raises:
            InvalidError: seconds are not more than 0.
        """
        if not seconds > 0:
            raise InvalidError(f"{what}: a timeout is more than 0 seconds, not {seconds!r}")
        return cls(time.monotonic() + min(seconds, LONGEST), what, cancel)

    def left(self, at_most: float = float("inf")) -> float:
        """Seconds left, never more than `at_most`; 0 when it has passed."""
        return max(0.0, min(self.at - self.clock(), at_most))

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return self.left() == 0.0

    def check(self) -> None:
        """Raise when it has passed, or when somebody has cancelled.

        Raises:
            DeadlineError: it has passed.
            I4qError: it was cancelled.
        """
        if self.cancel is not None and self.cancel.is_set():
            raise I4qError(f"{self.what} was cancelled")
        if self.passed:
            raise self._late()

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than the deadline or a cancel allows.

        Raises:
            DeadlineError: the wait would end too late; raised at once.
            I4qError: it was cancelled.
        """
        self.check()
        if seconds >= self.left():
            raise self._late()
        (self.cancel or threading.Event()).wait(seconds)
        self.check()

    def _late(self) -> DeadlineError:
        return DeadlineError(f"{self.what} took longer than it was given", hint="give it a longer timeout")
