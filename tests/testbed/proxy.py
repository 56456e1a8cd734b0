"""A proxy: tunnels what is asked for with CONNECT, and passes plain http on."""

from __future__ import annotations

import base64
import http.client
import select
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import urlsplit

_PIECE = 64 * 1024
_IDLE = 60


class Proxy:
    """Listens on this machine as long as it is entered.

    Args:
        account: `user:password` that it wants; anybody may use it without.
        hosts: names that it knows the address of: host → address on this machine.

    Attributes:
        asked: method and target of each request.
    """

    def __init__(self, *, account: str = "", hosts: dict[str, str] | None = None) -> None:
        self.account, self.hosts = account, dict(hosts or {})
        self.asked: list[str] = []

    def __enter__(self) -> Self:
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is, with the account that it wants."""
        account = f"{self.account}@" if self.account else ""
        return f"http://{account}127.0.0.1:{self._server.server_port}"

    def address(self, host: str, port: int) -> tuple[str, int]:
        """Where a host is."""
        return self.hosts.get(host, host), port


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE
    server: _Server

    def do_CONNECT(self) -> None:
        if not self._enter():
            return
        host, _, port = self.path.rpartition(":")
        with socket.create_connection(self.server.proxy.address(host, int(port)), _IDLE) as other:
            self.send_response(200)
            self.end_headers()
            self._tunnel(other)
        self.close_connection = True

    def _tunnel(self, other: socket.socket) -> None:
        ends = {self.connection: other, other: self.connection}
        while True:
            ready, _, _ = select.select(list(ends), [], [], _IDLE)
            for end in ready or list(ends):
                data = end.recv(_PIECE) if ready else b""
                if not data:
                    return
                ends[end].sendall(data)

    def _pass(self) -> None:
        if not self._enter():
            return
        url = urlsplit(self.path)
        connection = http.client.HTTPConnection(
            *self.server.proxy.address(url.hostname or "", url.port or 80), timeout=_IDLE
        )
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        connection.request(self.command, f"{url.path}?{url.query}" if url.query else url.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        connection.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815 - as http.server wants them

    def _enter(self) -> bool:
        account = self.server.proxy.account
        self.server.proxy.asked.append(f"{self.command} {self.path}")
        wanted = f"Basic {base64.b64encode(account.encode()).decode()}"
        if not account or self.headers.get("Proxy-Authorization") == wanted:
            return True
        self.send_response(407)
        self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
        self.send_header("Content-Length", "0")
        self.end_headers()
        return False

    def log_message(self, format: str, *arguments: object) -> None:
        """Silent: headers hold passwords."""
