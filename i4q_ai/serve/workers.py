"""Threads for what would hold up the event loop. They end with the process, whatever they are stuck in."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from i4q_ai.errors import ServingError

T = TypeVar("T")
_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]


class Workers:
    """Some threads and a bounded line before them.

    Args:
        threads: how many; started when first needed.
        waiting: how many jobs may wait; more are refused.
    """

    def __init__(self, threads: int, waiting: int) -> None:
        self._limit = threads + waiting
        self._threads = threads
        self._started = 0
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self.busy = 0

    def submit(self, job: Callable[[], T]) -> asyncio.Future[T]:
        """Run a job on one of the threads; call it on the event loop.

        Raises:
            ServingError: status 503; too many jobs wait already.
        """
        if self.busy >= self._limit:
            raise ServingError(f"{self.busy} requests are waiting already", status=503, hint="try again in a moment")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self.busy += 1
        future.add_done_callback(self._one_less)
        self._jobs.put((loop, future, job))
        if self._started < min(self._threads, self.busy):
            self._started += 1
            threading.Thread(target=self._work, name=f"i4q-infer-{self._started}", daemon=True).start()
        return future

    def _one_less(self, _: object) -> None:
        self.busy -= 1

    def _work(self) -> None:
        while True:
            _run(*self._jobs.get())


def in_thread(job: Callable[[], T]) -> asyncio.Future[T]:
    """Run one long job on a thread of its own."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    threading.Thread(target=_run, args=(loop, future, job), name="i4q-load", daemon=True).start()
    return future


def _run(loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], job: Callable[[], Any]) -> None:
    try:
        result, error = job(), None
    except BaseException as caught:  # whatever it is, the one who waits must hear of it
        result, error = None, caught
    if not loop.is_closed():
        loop.call_soon_threadsafe(_settle, future, result, error)


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
