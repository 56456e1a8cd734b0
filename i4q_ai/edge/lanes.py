"""Jobs under way: each item has a lane for fetching and one for everything else, and threads that work them off."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from i4q_ai.desired import Desired
from i4q_ai.edge import reconcile
from i4q_ai.edge.jobs import Jobs, Outcome
from i4q_ai.edge.reconcile import Local, Step
from i4q_ai.edge.state import ItemState, Key, Trouble

log = logging.getLogger(__name__)

_WORKERS = 8
_PENALTY = 5.0
"""Seconds for which an item is left alone after a job ended with an error that nobody foresaw."""


@dataclass
class Lanes:
    """Jobs under way.

    Args:
        jobs: does the steps.
        ring: called, from any thread, when a job has ended.
    """

    jobs: Jobs
    ring: Callable[[], None]
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_WORKERS, thread_name_prefix="job"))
    _busy: dict[Key, Step] = field(default_factory=dict)
    _cancels: dict[Key, threading.Event] = field(default_factory=dict)
    _ended: deque[tuple[Step, Future[Outcome]]] = field(default_factory=deque)
    _not_before: dict[Key, float] = field(default_factory=dict)
    _cleaning: Future[int] | None = None

    def busy(self, key: Key) -> Step | None:
        """The step, other than fetching, that is under way for an item."""
        return self._busy.get(key)

    def begin(self, step: Step, local: Local, desired: Desired) -> ItemState:
        """Let a thread do a step.

        Returns:
            The state of its item from now on.
        """
        key, state = step.key, local[step.key]
        if time.monotonic() < self._not_before.get(key, 0.0):
            return state
        if isinstance(step, reconcile.Cancel):
            self._cancels[key].set()
            return state
        if isinstance(step, reconcile.Fetch):
            if self._cleaning is not None:
                return state  # what is being deleted might be just what this version needs
            cancel = self._cancels[key] = threading.Event()
            self._follow(step, self._pool.submit(self.jobs.fetch, step, cancel))
            return replace(state, fetching=step.item.digest)
        self._busy[key] = step
        self._follow(step, self._submit(step, local, desired))
        return replace(state, busy=True)

    def ended(self) -> Iterator[tuple[Step, Outcome]]:
        """The jobs that have ended since the last call."""
        while self._ended:
            step, job = self._ended.popleft()
            lane: dict[Key, Step] | dict[Key, threading.Event]
            lane = self._cancels if isinstance(step, reconcile.Fetch) else self._busy
            mark = lane.pop(step.key, None)
            outcome = self._outcome(step, job)
            # It was cancelled as it failed: what is wanted instead does not pay for that.
            late = isinstance(mark, threading.Event) and mark.is_set()
            yield step, _at_once(outcome) if late else outcome

    def clean(self, kept: set[str]) -> bool:
        """Delete bytes that no kept version needs; False while something is being fetched."""
        if self._cancels or self._cleaning is not None:
            return False
        self._cleaning = self._pool.submit(self.jobs.clean, kept)
        self._cleaning.add_done_callback(lambda _: self._cleaned())
        return True

    def close(self) -> None:
        """Cancel what can be cancelled and wait for the rest."""
        self.cancel_fetches()
        self._pool.shutdown(cancel_futures=True)

    def cancel_fetches(self) -> None:
        """Stop fetching, soon."""
        for cancel in list(self._cancels.values()):
            cancel.set()

    def _cleaned(self) -> None:
        self._cleaning = None
        self.ring()

    def _follow(self, step: Step, job: Future[Outcome]) -> None:
        def done(_: Future[Outcome]) -> None:
            self._ended.append((step, job))
            self.ring()

        job.add_done_callback(done)

    def _outcome(self, step: Step, job: Future[Outcome]) -> Outcome:
        if job.cancelled():
            return lambda state: state.fetch_ended() if isinstance(step, reconcile.Fetch) else state
        error = job.exception()
        if error is None:
            return job.result()
        log.error("%s/%s: %s failed in a way nobody foresaw", *step.key, type(step).__name__, exc_info=error)
        now = time.monotonic()
        self._not_before[step.key] = now + _PENALTY
        trouble = Trouble("InternalError", f"{type(error).__name__}: {error}")
        if isinstance(step, reconcile.Fetch):
            return lambda state: state.not_fetched(trouble, now)
        return lambda state: replace(state, trouble=trouble)

    def _submit(self, step: Step, local: Local, desired: Desired) -> Future[Outcome]:
        jobs, submit, state = self.jobs, self._pool.submit, local[step.key]
        process = state.process
        wanted = next((item for item in desired.items if (item.namespace, item.name) == step.key), None)
        match step:
            case reconcile.Expose():
                return submit(jobs.expose, step, wanted)
            case reconcile.Start():
                ports = _ports(step.key[0], local)
                return submit(jobs.start, step, wanted, port=state.port, ports=ports, again=state.failures > 0)
            case reconcile.Stop() if process:
                return submit(jobs.stop, step, process)
            case reconcile.Load() if process and state.port is not None:
                return submit(jobs.load, step, wanted, process, state.port, desired.policy.probe_timeout)
            case reconcile.Probe() if process:
                return submit(jobs.probe, step, process, state.port)
            case reconcile.Prune():
                return submit(jobs.prune, step, state.kind)
            case reconcile.Remove():
                return submit(jobs.remove, step, state.kind)
        raise AssertionError(f"{step} does not fit {state}")


def _at_once(outcome: Outcome) -> Outcome:
    def changed(state: ItemState) -> ItemState | None:
        after = outcome(state)
        return after and after.at_once()

    return changed


def _ports(namespace: str, local: Local) -> dict[str, int]:
    return {name: state.port for (space, name), state in local.items() if space == namespace and state.port is not None}
