"""From a case that fails to the smallest one that still does."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

Objects = list[dict[str, Any]]
_ESSENTIAL = {"kind", "apiVersion", "metadata", "name", "namespace", "spec"}
_MOST_TRIES = 3000


def smallest(objects: Objects, fails: Callable[[Objects], bool]) -> Objects:
    """Leave out objects, list items and fields as long as it still fails.

    Args:
        objects: a case that fails.
        fails: whether a smaller one does, too.
    """
    tries, shrunk = 0, True
    while shrunk:
        shrunk = False
        for path in _removable(objects):
            tries += 1
            if tries > _MOST_TRIES:
                return objects
            smaller = _without(objects, path)
            if smaller is not None and fails(smaller):
                objects, shrunk = smaller, True
                break
    return objects


def _removable(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths to what may go, the biggest first."""
    entries = list(enumerate(part)) if isinstance(part, list) else list(part.items()) if isinstance(part, dict) else []
    for key, _ in reversed(entries):
        if key not in _ESSENTIAL:
            yield (*path, key)
    for key, value in entries:
        yield from _removable(value, (*path, key))


def _without(objects: Objects, path: tuple[Any, ...]) -> Objects | None:
    smaller = copy.deepcopy(objects)
    part: Any = smaller
    for key in path[:-1]:
        part = part[key]
    if part is smaller and part[path[-1]]["kind"] == "Placement":
        return None
    del part[path[-1]]
    return smaller
