"""A real Git server: git's own http-backend behind the standard library's HTTP server. Clone, fetch and push."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

_TIMEOUT = 120


class GitServer:
    """Repositories that everyone may read and write.

    Args:
        folder: where the repositories are.
        address: where it listens; `network.HUB` for one that edges reach.
    """

    def __init__(self, folder: Path, *, address: str = "127.0.0.1") -> None:
        self._folder, self._address = folder, address

    def __enter__(self) -> Self:
        folder = self._folder

        class Handler(_Handler):
            root = folder

        self._server = ThreadingHTTPServer((self._address, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="git-server", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def create(self, name: str) -> str:
        """Make an empty repository whose branch will be main; gives its URL."""
        path = self.path(name)
        for command in (
            ["git", "init", "--quiet", "--bare", "--initial-branch=main", str(path)],
            ["git", "-C", str(path), "config", "http.receivepack", "true"],
        ):
            subprocess.run(command, check=True, capture_output=True, timeout=_TIMEOUT, env=_clean())
        return self.url(name)

    def url(self, name: str) -> str:
        """Where git finds a repository."""
        return f"http://{self._address}:{self._server.server_address[1]}/{name}.git"

    def path(self, name: str) -> Path:
        """The bare repository on this disk, to look into."""
        return self._folder / f"{name}.git"


class _Handler(BaseHTTPRequestHandler):
    """Hands each request to git as a CGI program."""

    protocol_version = "HTTP/1.1"
    root: Path

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(b"".join(self._body()))

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: the tests tell what happened."""

    def _serve(self, body: bytes) -> None:
        url = urlsplit(self.path)
        env = {
            "GIT_PROJECT_ROOT": str(self.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": url.path,
            "QUERY_STRING": url.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": self.client_address[0],
        }
        command = ["git", "http-backend"]
        done = subprocess.run(
            command, input=body, capture_output=True, timeout=_TIMEOUT, env=_clean() | env, check=False
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = [line.split(": ", 1) for line in head.decode().splitlines()]
        status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
        self.send_response(status if headers else 500)
        for name, value in headers:
            if name != "Status":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _body(self) -> Iterator[bytes]:
        """The body, which git sends in chunks when it is long."""
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # headers may follow the last chunk
            continue


def _clean() -> dict[str, str]:
    """The environment without what a hook or a test has told git."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
