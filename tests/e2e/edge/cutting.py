"""A cable between a client and a server: TCP, passed on until it is cut, and again once it is joined."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from urllib.parse import urlsplit


class Cable:
    """Passes connections on to a server.

    Args:
        url: of the server.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname
        self._target = (parts.hostname, parts.port or 443)
        self._guard = threading.Lock()
        self._open: set[socket.socket] = set()
        self._cut = False
        self.connections = 0
        self.sent = 0
        """Bytes that clients have sent."""
        self.cut_at: int | None = None
        """How many they may send before the cable is cut by itself."""
        self._door = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._door.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End all connections, and refuse new ones."""
        with self._guard:
            self._cut = True
            for end in self._open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    @property
    def is_cut(self) -> bool:
        """Whether nothing passes."""
        return self._cut

    def join(self) -> None:
        """Pass connections on again."""
        with self._guard:
            self._cut = False

    def close(self) -> None:
        """Cut for good."""
        self.cut()
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                self._begin(self._door.accept()[0])

    def _begin(self, client: socket.socket) -> None:
        with self._guard:
            if self._cut:
                client.close()
                return
            server = socket.create_connection(self._target)
            self.connections += 1
            self._open |= {client, server}
        for source, sink, count in ((client, server, self._count), (server, client, lambda data: data)):
            threading.Thread(target=self._pass, args=(source, sink, count), daemon=True).start()

    def _count(self, data: bytes) -> bytes:
        """What of it still passes."""
        with self._guard:
            if self.cut_at is not None:
                data = data[: max(self.cut_at - self.sent, 0)]
            self.sent += len(data)
        return data

    def _pass(self, source: socket.socket, sink: socket.socket, count: Callable[[bytes], bytes]) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                passed = count(data)
                sink.sendall(passed)
                if len(passed) < len(data):
                    self.cut()
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._guard:
            first = source in self._open
            self._open.discard(source)
        if first:
            source.close()
