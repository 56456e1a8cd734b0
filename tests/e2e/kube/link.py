"""A TCP link that can be cut, stalled, or lose an answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self
from urllib.parse import urlsplit

_PIECE = 64 * 1024


class Link:
    """Forwards connections to a server.

    Args:
        url: of the server.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._upstream = (address.hostname or "", address.port or 0)
        self._lock = threading.Lock()
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._flowing = threading.Event()
        self._flowing.set()
        self._loses = threading.Event()
        self.lost = 0
        self.made = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.url = f"{address.scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        self._flowing.set()

    @property
    def open(self) -> int:
        """Connections that both sides still hold."""
        with self._lock:
            return len(self._pairs)

    def cut(self) -> None:
        """Break all connections; new ones are welcome."""
        with self._lock:
            pairs = list(self._pairs)
        for pair in pairs:
            _end(*pair)

    def refuse(self) -> None:
        """Break all connections and take no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def stall(self) -> None:
        """Hold back whatever the server says from now on."""
        self._flowing.clear()

    def flow(self) -> None:
        """Let it through again."""
        self._flowing.set()

    def lose_next_answer(self) -> None:
        """Break the next connection by which the server answers, before the answer gets through."""
        self._loses.set()

    def _accept(self) -> None:
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            try:
                server = socket.create_connection(self._upstream, timeout=30)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                self._pairs.add((client, server))
                self.made += 1
            threading.Thread(target=self._pump, args=(client, server, client, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(client, server, server, True), daemon=True).start()

    def _pump(self, client: socket.socket, server: socket.socket, source: socket.socket, answers: bool) -> None:
        sink = client if answers else server
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                if answers and self._loses.is_set():
                    self._loses.clear()
                    self.lost += 1
                    break
                if answers:
                    self._flowing.wait()
                sink.sendall(piece)
        _end(client, server)
        with self._lock:
            last = (client, server) not in self._pairs
            self._pairs.discard((client, server))
        if last:  # nobody else uses them any more
            client.close()
            server.close()


def _end(*sockets: socket.socket) -> None:
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
