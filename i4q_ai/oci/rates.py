"""A limit on bytes a second, shared by all the threads of one push or fetch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from i4q_ai import config
from i4q_ai.deadline import Deadline
from i4q_ai.errors import InvalidError

_BURST = 0.25
_SMALLEST_PIECE = 4096


class Rate:
    """A bucket that fills at some bytes a second; whoever moves bytes takes them from it and waits while it is empty.

    Args:
        per_second: bytes; None is no limit.
        clock: monotonic; another one in tests.

    Example:
        >>> Rate(1_000_000).piece(4 * 1024 * 1024), Rate(None).piece(4 * 1024 * 1024)
        (250000, 4194304)
    """

    def __init__(self, per_second: float | None, *, clock: Callable[[], float] = time.monotonic) -> None:
        if per_second is not None and not 0 < per_second < float("inf"):
            raise InvalidError(f"a rate is more than 0 bytes a second, not {per_second!r}", hint="None is no limit")
        self.per_second = per_second
        self._clock = clock
        self._lock = threading.Lock()
        self._spent = float("-inf")

    def take(self, count: int, deadline: Deadline) -> None:
        """Wait until `count` bytes may pass; of those who wait, the first to come is the first to go.

        Args:
            count: of bytes; best not more than `piece` says.
            deadline: of the whole job.

        Raises:
            DeadlineError: they could not pass in time; raised at once.
        """
        if self.per_second is None:
            return
        with self._lock:
            now = self._clock()
            self._spent = max(self._spent, now - _BURST) + count / self.per_second
            wait = self._spent - now
        if wait > 0:
            deadline.pause(wait)

    def piece(self, at_most: int) -> int:
        """Bytes to move at once, so that they flow evenly.

        Args:
            at_most: what is best without a limit.
        """
        if self.per_second is None:
            return at_most
        return max(min(at_most, int(self.per_second * _BURST)), min(at_most, _SMALLEST_PIECE))


def limit(per_second: float | None = None) -> Rate:
    """The limit of one push or fetch.

    Args:
        per_second: in bytes; None for what `I4Q_RATE` says, which is no limit if it is not given.

    Raises:
        InvalidError: it is not more than 0.
    """
    return Rate(config.rate() if per_second is None else per_second)
