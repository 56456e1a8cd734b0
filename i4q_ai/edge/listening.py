"""The agent's socket: JSON lines, served by the agent's own loop without ever waiting for a client.

| a client says | the agent answers |
|---|---|
| `{"do": "ping"}` | `{"ok": true, "pid": …}` |
| `{"do": "wake"}` | `{"ok": true}`, and reads the desired state again |
| `{"do": "watch"}` | the report at once, and again whenever it changes |
| `{"do": "stop"}` | `{"ok": true}`, and closes when its children have ended |
| `{"do": "leave"}` | `{"ok": true}`, and closes when it has finished what it is at; its children go on |
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import socket
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from i4q_ai.errors import StorageError

_LONGEST_LINE = 4096
_MOST_WAITING = 4_000_000
"""Bytes a client may leave unread before it is dropped."""

Handler = Callable[[], None]


class Listener:
    """Clients of the agent.

    Args:
        path: of the socket; its folder is made, for this user only.
        selector: of the agent's loop; each registration carries the handler to call.
        handlers: what to do when a client says "wake", "stop" or "leave".

    Raises:
        StorageError: the socket's folder belongs to somebody else.
    """

    def __init__(self, path: Path, selector: selectors.BaseSelector, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._selector = selector
        self._do = handlers
        self._unsent: dict[socket.socket, bytes] = {}
        self._unread: dict[socket.socket, bytes] = {}
        self._watchers: set[socket.socket] = set()
        self._report = b""
        _private_folder(path.parent)
        path.unlink(missing_ok=True)
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._door.bind(str(path))
        self._door.listen(16)
        self._door.setblocking(False)
        selector.register(self._door, selectors.EVENT_READ, lambda _: self._accept())

    def publish(self, report: str) -> None:
        """Tell all watchers; `report` is one line of JSON."""
        self._report = report.encode() + b"\n"
        for client in list(self._watchers):
            self._send(client, self._report)

    def close(self) -> None:
        """Drop all clients and take the socket away."""
        self._path.unlink(missing_ok=True)
        for client in list(self._unread):
            self._drop(client)
        self._selector.unregister(self._door)
        self._door.close()

    def _accept(self) -> None:
        client, _ = self._door.accept()
        client.setblocking(False)
        self._unread[client], self._unsent[client] = b"", b""
        self._selector.register(client, selectors.EVENT_READ, lambda mask: self._serve(client, mask))

    def _serve(self, client: socket.socket, mask: int) -> None:
        try:
            if mask & selectors.EVENT_WRITE:
                self._flush(client)
            if mask & selectors.EVENT_READ:
                self._read(client)
        except OSError:
            self._drop(client)

    def _read(self, client: socket.socket) -> None:
        got = client.recv(_LONGEST_LINE)
        *lines, rest = (self._unread[client] + got).split(b"\n")
        if not got or len(rest) > _LONGEST_LINE:
            self._drop(client)
            return
        self._unread[client] = rest
        for line in lines:
            self._answer(client, line)

    def _answer(self, client: socket.socket, line: bytes) -> None:
        verb = _verb(line)
        if verb == "watch":
            self._watchers.add(client)
            self._send(client, self._report)
        elif verb == "ping" or verb in self._do:
            self._send(client, json.dumps({"ok": True, "pid": os.getpid()}).encode() + b"\n")
            self._do.get(verb, lambda: None)()
        else:
            self._send(client, b'{"ok": false, "error": "unknown request"}\n')

    def _send(self, client: socket.socket, data: bytes) -> None:
        if client not in self._unsent:
            return
        self._unsent[client] += data
        try:
            self._flush(client)
        except OSError:
            self._drop(client)

    def _flush(self, client: socket.socket) -> None:
        waiting = self._unsent[client]
        with contextlib.suppress(BlockingIOError):  # the selector says when there is room again
            waiting = waiting[client.send(waiting) :] if waiting else waiting
        if len(waiting) > _MOST_WAITING:
            raise BrokenPipeError("a watcher does not read")
        self._unsent[client] = waiting
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if waiting else 0)
        self._selector.modify(client, events, lambda mask: self._serve(client, mask))

    def _drop(self, client: socket.socket) -> None:
        if self._unread.pop(client, None) is None:
            return
        self._unsent.pop(client)
        self._watchers.discard(client)
        self._selector.unregister(client)
        client.close()


def _verb(line: bytes) -> str:
    try:
        said = json.loads(line)
    except ValueError:
        return ""
    return str(said.get("do", "")) if isinstance(said, dict) else ""


def _private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = folder.lstat()
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o077:
        raise StorageError(f"{folder} is not a folder of this user alone", hint="delete it, or set XDG_RUNTIME_DIR")
