"""A TCP proxy in front of a registry: counts what it passes on to the client, and cuts where it is told to."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PIECE = 16 * 1024


class Proxy:
    """Passes connections on to a host.

    Args:
        to: `host:port`.
    """

    def __init__(self, to: str) -> None:
        host, _, port = to.rpartition(":")
        self._to = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.passed = 0
        self.cut_after: int | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def is_cut(self) -> bool:
        """Nothing passes any more, in spite of a connection."""
        return self.cut_after is not None and self.passed >= self.cut_after

    def mend(self) -> None:
        """Let all pass again, and count anew."""
        with self._lock:
            self.passed, self.cut_after = 0, None

    def close(self) -> None:
        """End it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for one in self._open:
                _end(one)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.is_cut:
                client.close()
                continue
            server = socket.create_connection(self._to)
            with self._lock:
                self._open |= {client, server}
            for source, sink, back in ((client, server, False), (server, client, True)):
                thread = threading.Thread(target=self._pass, args=(source, sink, back))
                self._threads.append(thread)
                thread.start()

    def _pass(self, source: socket.socket, sink: socket.socket, back: bool) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE):
                if back and not self._count(len(piece)):
                    break
                sink.sendall(piece)
        for one in (source, sink):
            _end(one)

    def _count(self, size: int) -> bool:
        with self._lock:
            if self.cut_after is not None and self.passed + size > self.cut_after:
                self.passed = self.cut_after
                return False
            self.passed += size
            return True


def _end(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def proxied(to: str) -> Iterator[Proxy]:
    """Run it."""
    proxy = Proxy(to)
    try:
        yield proxy
    finally:
        proxy.close()
