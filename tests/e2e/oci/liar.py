"""A registry that misbehaves as it is told: a real HTTP server whose answers a test writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Seen:
    """What was asked."""

    command: str
    path: str
    headers: dict[str, str]
    body: bytes


class Request(BaseHTTPRequestHandler):
    """One request; `answer` replies to it."""

    protocol_version = "HTTP/1.1"
    server: Liar

    def _handle(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append(Seen(self.command, self.path, dict(self.headers), self.body))
        self.server.reply(self)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - as http.server wants them

    def answer(self, status: int, body: bytes = b"", *, length: int | None = None, **headers: str) -> None:
        """Send an answer; a `length` that is not the body's cuts the connection after it."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if length is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


class Liar(ThreadingHTTPServer):
    """Remembers what it was asked."""

    daemon_threads = True

    def __init__(self, reply: Callable[[Request], None]) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.reply = reply
        self.requests: list[Seen] = []

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def asked(self, method: str, part: str = "") -> list[Seen]:
        return [request for request in self.requests if request.command == method and part in request.path]


@contextmanager
def lying(reply: Callable[[Request], None]) -> Iterator[Liar]:
    """Run it."""
    with Liar(reply) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
