"""Connections of our own to registries: patient where a line is slow, not where somebody plays for time."""

from __future__ import annotations

import http.client
import io
import time
from typing import TYPE_CHECKING, Any

import urllib3

from i4q_ai.oci.wire.sending import SendsFiles

if TYPE_CHECKING:
    import socket

STALL_TIMEOUT = 60.0


class _Head(io.RawIOBase):
    """A socket's bytes; those of the answer's head must all be there in the time that one of them may take.

    Otherwise a server could send a header byte by byte, or `100 Continue` for ever.

    Args:
        raw: the bytes.
        connection: the socket.
    """

    def __init__(self, raw: io.RawIOBase, connection: socket.socket) -> None:
        self._raw, self._connection = raw, connection
        self._patience = connection.gettimeout()
        self._until = None if self._patience is None else time.monotonic() + self._patience

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError("the head of an answer takes too long")
            self._connection.settimeout(left)
        return self._raw.readinto(buffer)

    def over(self) -> None:
        """The head is there; the body may take its time."""
        if self._until is not None:
            self._until = None
            self._connection.settimeout(self._patience)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(http.client.HTTPResponse):
    """An answer whose head comes in time."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._head = _Head(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._head)

    def begin(self) -> None:
        super().begin()
        self._head.over()


class _Plain(SendsFiles, urllib3.connection.HTTPConnection):
    """Waits for a slow line as long when it sends as when it receives; urllib3 would only take the time to connect."""

    response_class = _Answer

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(STALL_TIMEOUT)


class _Secure(SendsFiles, urllib3.connection.HTTPSConnection):
    """As `_Plain`."""

    response_class = _Answer

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(STALL_TIMEOUT)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Secure


POOLS = {"http": _PlainPool, "https": _SecurePool}
"""For urllib3, by scheme."""
