"""The same work on many things at once: the first failure stops all of it."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from i4q_ai.deadline import Deadline

T = TypeVar("T")
R = TypeVar("R")
THREADS = 5
_LOOK = 0.1


class Halt(threading.Event):
    """Set by itself, or by setting another one.

    Args:
        other: is never set by this one.
    """

    def __init__(self, other: threading.Event | None = None) -> None:
        super().__init__()
        self._other = other

    def is_set(self) -> bool:
        """Whether either is set."""
        return super().is_set() or (self._other is not None and self._other.is_set())

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for either."""
        if self._other is None:
            return super().wait(timeout)
        until = time.monotonic() + (timeout if timeout is not None else threading.TIMEOUT_MAX)
        while not self.is_set() and (left := until - time.monotonic()) > 0:
            super().wait(min(left, _LOOK))
        return self.is_set()


def each(
    items: Iterable[T], work: Callable[[T, Deadline], R], deadline: Deadline, *, threads: int = THREADS
) -> list[R]:
    """Do the work on each item; returns what came out, in the order in which it ended.

    Args:
        items: begun in this order.
        work: is given the item, and a deadline that is cancelled when the work on another item fails.
        deadline: of all.
        threads: at most so many at once.

    Raises:
        Exception: the first that the work raised; nothing goes on then.
    """
    halt = Halt(deadline.cancel)
    halted = dataclasses.replace(deadline, cancel=halt)
    listed = list(items)
    if len(listed) <= 1:
        return [work(item, halted) for item in listed]
    with ThreadPoolExecutor(min(threads, len(listed)), thread_name_prefix="oci") as pool:
        try:
            jobs = [pool.submit(work, item, halted) for item in listed]
            return [job.result() for job in as_completed(jobs)]
        except BaseException:
            halt.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
