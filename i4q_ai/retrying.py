"""Retries: what is worth another try, and when."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError

T = TypeVar("T")

TRIES = 5
FIRST_WAIT = 0.2
LONGEST_WAIT = 3.0
_JITTER = 0.1


class TransientError(Exception):
    """An error that may be gone at the next try.

    Args:
        error: what to raise when there is no next try.
        after: seconds that the other side asked us to wait.
        progressed: the try got further than the one before; the count of tries starts anew.
    """

    def __init__(self, error: I4qError, *, after: float | None = None, progressed: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.after = after
        self.progressed = progressed


def call(attempt: Callable[[], T], *, deadline: Deadline, tries: int = TRIES) -> T:
    """Run `attempt` until it returns, raises something else than TransientError, or was tried often enough.

    Waits 0.2 s, then twice as long each time up to 3 s, with 10 % jitter; or as long as the other side asked.

    Args:
        attempt: what to run.
        deadline: of the whole job.
        tries: that may fail in a row without getting any further.

    Raises:
        DeadlineError: the next wait would end too late.
        I4qError: what the last TransientError carried.
    """
    import tenacity

    failures = 0

    def _counted() -> T:
        nonlocal failures
        try:
            return attempt()
        except TransientError as error:
            failures = 1 if error.progressed else failures + 1
            raise

    def _wait(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        after = getattr(error, "after", None)
        return float(after) if after is not None else backoff(failures)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TransientError),
        stop=lambda _: failures >= tries,
        wait=_wait,
        sleep=deadline.pause,
        reraise=True,
    )
    try:
        return retrying(_counted)
    except TransientError as transient:
        raise transient.error from transient.error.__cause__


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row (1 or more), with jitter.

    Example:
        >>> 0.18 <= backoff(1) <= 0.22
        True
    """
    wait: float = min(FIRST_WAIT * 2 ** min(failures - 1, 16), LONGEST_WAIT)
    return wait * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - spreads load, keeps no secret
