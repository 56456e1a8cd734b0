"""Bells: one connection to each agent that rings when it has something new to report, or is gone."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterable
from pathlib import Path

from i4q_ai.edge import Control
from i4q_ai.errors import UnreachableError

_ROOM = 65536
_CONNECT_TIMEOUT = 1.0


class Bells:
    """Connections to agents, waited for all at once. What they report is read from their status files."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._bells: dict[Path, socket.socket] = {}

    def attend(self, folders: Iterable[Path]) -> None:
        """Listen to the agents of these clusters only; one that does not answer is tried at the next call."""
        wanted = set(folders)
        for folder in self._bells.keys() - wanted:
            self._hang_up(folder)
        for folder in wanted - self._bells.keys():
            bell = _connect(folder)
            if bell is not None:
                self._bells[folder] = bell
                self._selector.register(bell, selectors.EVENT_READ, folder)

    def wait(self, seconds: float) -> bool:
        """Whether one rang; returns as soon as one does."""
        rung = self._selector.select(max(0.0, seconds))
        for key, _ in rung:
            self._listen(key.data)
        return bool(rung)

    def close(self) -> None:
        """Drop all connections."""
        for folder in list(self._bells):
            self._hang_up(folder)
        self._selector.close()

    def _listen(self, folder: Path) -> None:
        """Empty the connection; what came on it stands in the status file too."""
        bell = self._bells[folder]
        try:
            while True:
                got = bell.recv(_ROOM)
                if not got:
                    self._hang_up(folder)
                    return
                if len(got) < _ROOM:
                    return
        except BlockingIOError:
            return
        except OSError:
            self._hang_up(folder)

    def _hang_up(self, folder: Path) -> None:
        bell = self._bells.pop(folder)
        self._selector.unregister(bell)
        bell.close()


def _connect(folder: Path) -> socket.socket | None:
    """A connection that rings for each new report; None if nobody answers."""
    try:
        bell = Control(folder).connect(timeout=_CONNECT_TIMEOUT)
    except UnreachableError:
        return None
    bell.setblocking(False)
    return bell
