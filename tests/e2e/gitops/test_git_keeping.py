"""Connections that are kept between looks: few are made, and one that is gone is no failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ForbiddenError
from i4q_ai.gitops.repository import ls_remote

_HEAD = "b2197c09fe8f50d78fffcc97a61af0f440d5bdd1"


def _line(text: str) -> str:
    return f"{len(text) + 4:04x}{text}"


_REFS = (
    _line("# service=git-upload-pack\n")
    + "0000"
    + _line(f"{_HEAD} refs/heads/main\0side-band-64k agent=git/2\n")
    + "0000"
).encode()


class Server(ThreadingHTTPServer):
    """Answers with refs; `connections` and `requests` count."""

    daemon_threads = True

    def __init__(self, port: int = 0, *, chunked: bool = False, hangs_up: bool = False, password: str = "") -> None:
        self.connections = self.requests = 0
        self.chunked, self.hangs_up, self.password = chunked, hangs_up, password
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections += 1
        super().process_request(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.requests += 1
        if self.server.password and not self.headers.get("Authorization", "").startswith("Basic "):
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic realm=git")
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"who?\r\n")
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/x-git-upload-pack-advertisement")
        if self.server.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(f"{len(_REFS):x}\r\n".encode() + _REFS + b"\r\n0\r\n\r\n")
        else:
            self.send_header("Content-Length", str(len(_REFS)))
            self.end_headers()
            self.wfile.write(_REFS)
        self.close_connection = self.server.hangs_up

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def running(server: Server) -> Iterator[Server]:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def look(server: Server, name: str = "a") -> dict[str, str]:
    url = f"http://127.0.0.1:{server.server_address[1]}/{name}.git"
    return ls_remote(url, deadline=Deadline.after(60))


@pytest.mark.parametrize("chunked", [False, True])
def test_many_looks_at_many_repositories_are_one_connection(chunked: bool) -> None:
    with running(Server(chunked=chunked)) as server:
        for number in range(10):
            assert look(server, f"r{number}") == {"refs/heads/main": _HEAD}
        assert (server.connections, server.requests) == (1, 10)


def test_a_connection_that_is_gone_is_made_again() -> None:
    with running(Server(hangs_up=True)) as server:
        for _ in range(5):
            assert look(server)
        assert server.connections == 5
        port = server.server_address[1]
    with running(Server(int(port))) as server:
        assert look(server)


def test_credentials_that_were_taken_are_not_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Server(password="secret")) as server:
        host = f"127.0.0.1:{server.server_address[1]}"
        file = tmp_path / "credentials"
        monkeypatch.setenv("I4Q_GIT_CREDENTIALS", str(file))
        file.write_text("https://nobody:x@elsewhere\n")
        with pytest.raises(ForbiddenError):
            look(server)
        file.write_text(f"http://bot:secret@{host}\n")
        assert look(server)
        before = server.requests
        file.unlink()
        for _ in range(3):
            assert look(server)
        assert server.requests == before + 3, "one request a look"
