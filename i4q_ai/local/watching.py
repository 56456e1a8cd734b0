"""Watching: what is observed, again at every change, without a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError
from i4q_ai.local.bells import Bells
from i4q_ai.local.database import Database
from i4q_ai.status import Observation

_LOOK_EVERY = 0.25
"""Seconds between looks at the database, which tells nobody when another process has changed it."""
_LOOK_AT_LEAST_EVERY = 5.0
"""Seconds between looks at agents that cannot be listened to."""


def watch(
    path: Path,
    *,
    folders: Callable[[], Iterable[Path]],
    observe: Callable[[], list[Observation]],
    deadline: Deadline,
) -> Iterator[list[Observation]]:
    """What is observed, at once and at every change; ends at the deadline.

    Args:
        path: of the database; a connection of its own sees the changes of all others.
        folders: of all clusters.
        observe: looks once.
        deadline: when to end.
    """
    try:
        yield from _looks(path, folders, observe, deadline)
    except DeadlineError:
        if not deadline.passed:
            raise


def _looks(
    path: Path,
    folders: Callable[[], Iterable[Path]],
    observe: Callable[[], list[Observation]],
    deadline: Deadline,
) -> Iterator[list[Observation]]:
    with closing(Database(path, deadline=deadline)) as database, closing(Bells()) as bells:
        version = database.version(deadline)
        seen = observe()
        looked = time.monotonic()
        yield seen
        bells.attend(folders())
        while not deadline.passed:
            rang = bells.wait(min(_LOOK_EVERY, deadline.left()))
            bells.attend(folders())
            before, version = version, database.version(deadline)
            changed = version != before
            if not (rang or changed or time.monotonic() - looked > _LOOK_AT_LEAST_EVERY):
                continue
            last, seen = seen, observe()
            looked = time.monotonic()
            if changed or seen != last:
                yield seen
