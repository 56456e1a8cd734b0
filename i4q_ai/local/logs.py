"""The log of one model or workload: its last lines, and what comes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.errors import UnreachableError

_BLOCK = 65536
_LOOK_EVERY = 0.2
"""Seconds between two looks at a growing file: the standard library offers no event for it."""


def read(path: Path, *, lines: int, follow: bool, deadline: Deadline) -> Iterator[str]:
    """The last lines of a log, and what comes.

    Args:
        path: of the log; what was set aside of it lies beside it.
        lines: how many of the last ones.
        follow: go on until the deadline.
        deadline: when to end.

    Raises:
        UnreachableError: there is no log.
    """
    if not path.exists():
        raise UnreachableError(f"there is no log {path.name}", hint="nothing of that name has run there yet")
    position = path.stat().st_size
    last = tail(path, path.with_name(f"{path.name}.1"), lines=lines)
    return chain(last, _follow(path, position, deadline)) if follow else iter(last)


def tail(path: Path, older: Path, *, lines: int) -> list[str]:
    """The last lines of a log, those set aside included.

    Args:
        path: of the log.
        older: what was set aside of it; need not be there.
        lines: at most so many.
    """
    last: deque[str] = deque(maxlen=max(0, lines))
    for part in (older, path):
        if part.exists():
            last.extend(_end(part, lines))
    return list(last)


def _follow(path: Path, position: int, deadline: Deadline) -> Iterator[str]:
    """Lines as they are written, until the deadline; a log that begins anew is read from its beginning."""
    pause = threading.Event()
    begun = b""
    while not deadline.passed:
        size = _size(path)
        if size < position:
            position, begun = 0, b""
        if size > position:
            data = _read(path, position, size - position)
            position += len(data)
            *whole, begun = (begun + data).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
        else:
            pause.wait(min(_LOOK_EVERY, deadline.left()))
    if begun:
        yield begun.decode(errors="replace")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _read(path: Path, position: int, count: int) -> bytes:
    with path.open("rb") as file:
        file.seek(position)
        return file.read(min(count, 16 * _BLOCK))


def _end(path: Path, lines: int) -> list[str]:
    """Read blocks from the end until there are lines enough."""
    with path.open("rb") as file:
        position, data = file.seek(0, 2), b""
        while position > 0 and data.count(b"\n") <= lines:
            step = min(_BLOCK, position)
            position -= step
            file.seek(position)
            data = file.read(step) + data
    texts = data.decode(errors="replace").splitlines()
    return texts[-lines:] if lines > 0 else []
