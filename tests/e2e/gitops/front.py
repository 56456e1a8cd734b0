"""A server in front of a Git server: it wants a password, loses answers, is away, or refuses."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import requests

_TIMEOUT = 60


class Front:
    """What it does to requests.

    Args:
        behind: the URL of the Git server, without the repository.
    """

    def __init__(self, behind: str) -> None:
        self.behind = behind
        self.password: tuple[str, str] | None = None
        self.status: int | None = None
        self.lost: list[str] = []
        """Ends of paths whose answers are thrown away, once each, after the server has done what it was asked."""
        self.broken: list[str] = []
        """Ends of paths that are answered by closing the connection, once each, before the server is asked."""
        self.before: dict[str, Callable[[], None]] = {}
        """End of a path → what happens once before such a request is let through."""
        self.asked: list[str] = []
        self.url = ""

    def lets_in(self, header: str | None) -> bool:
        if self.password is None:
            return True
        wanted = base64.b64encode(":".join(self.password).encode()).decode()
        return header == f"Basic {wanted}"


def _take(ends: list[str], path: str) -> bool:
    found = next((end for end in ends if path.endswith(end)), None)
    if found is None:
        return False
    ends.remove(found)
    return True


@contextmanager
def in_front(behind: str, *, address: str = "127.0.0.1") -> Iterator[Front]:
    """Serve until the block ends, at an address of this machine."""
    front = Front(behind)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve(None)

        def do_POST(self) -> None:
            self._serve(self._body())

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

        def _serve(self, body: bytes | None) -> None:
            path = urlsplit(self.path).path
            front.asked.append(self.path)
            if _take(front.broken, path):
                self.close_connection = True
                return
            if front.status is not None or not front.lets_in(self.headers.get("Authorization")):
                self.send_response(front.status or 401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            for end in [end for end in front.before if path.endswith(end)]:
                front.before.pop(end)()
            kept = ("Content-Type", "Git-Protocol", "Accept")
            headers = {name: self.headers[name] for name in kept if name in self.headers}
            method = "GET" if body is None else "POST"
            answer = requests.request(method, front.behind + self.path, data=body, headers=headers, timeout=_TIMEOUT)
            if _take(front.lost, path):
                self.close_connection = True
                return
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

    server = ThreadingHTTPServer((address, 0), Handler)
    server.daemon_threads = True
    front.url = f"http://{address}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, name="front", daemon=True)
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
