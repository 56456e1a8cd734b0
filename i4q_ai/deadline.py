"""A point in time after which nobody waits any more; passed down through every call."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from i4q_ai.errors import DeadlineError


@dataclass(frozen=True)
class Deadline:
    """When to give up.

    Args:
        at: in seconds of the clock.
        clock: monotonic; another one in tests.
    """

    at: float
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """That many seconds from now."""
        return cls(time.monotonic() + seconds)

    def left(self) -> float:
        """Seconds left; 0 when it has passed."""
        return max(0.0, self.at - self.clock())

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return self.left() == 0.0

    def check(self, what: str) -> None:
        """Raise when it has passed.

        Args:
            what: was being done, for the error.

        Raises:
            DeadlineError: it has passed.
        """
        if self.passed:
            raise DeadlineError(f"{what} took longer than it was given")
