"""Noticing that a child has ended, at once, whoever started it."""

from __future__ import annotations

import os
import selectors
from collections.abc import Callable, Mapping

from i4q_ai.edge.children import Children
from i4q_ai.edge.state import Key, Process


class Watch:
    """The children that are watched.

    Args:
        children: of the agent.
        selector: of the agent's loop.
        ended: called, in the loop, when one has ended.
    """

    def __init__(
        self, children: Children, selector: selectors.BaseSelector, ended: Callable[[Key, Process], None]
    ) -> None:
        self._children = children
        self._selector = selector
        self._ended = ended
        self._watched: dict[Key, tuple[Process, int]] = {}

    def update(self, processes: Mapping[Key, Process]) -> None:
        """Watch these, and no others."""
        for key in list(self._watched):
            if key not in processes or processes[key].pid != self._watched[key][0].pid:
                self._forget(key)
        for key, process in processes.items():
            if key not in self._watched:
                self._begin(key, process)

    def _begin(self, key: Key, process: Process) -> None:
        descriptor = self._children.watch(process)
        if descriptor is not None:
            self._watched[key] = (process, descriptor)
            self._selector.register(descriptor, selectors.EVENT_READ, lambda _: self._end(key, process))
        elif not self._children.alive(key, process):
            self._ended(key, process)

    def _end(self, key: Key, process: Process) -> None:
        self._forget(key)
        self._ended(key, process)

    def _forget(self, key: Key) -> None:
        _, descriptor = self._watched.pop(key)
        self._selector.unregister(descriptor)
        os.close(descriptor)
