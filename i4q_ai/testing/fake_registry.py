"""A registry that behaves, until it is told not to: a real HTTP server on this machine, with everything in memory.

```python
from i4q_ai.testing.fake_registry import FakeRegistry

with FakeRegistry() as registry:
    registry.when("GET", "/blobs/", lambda exchange: exchange.answer(503), times=2)
    model.push(f"{registry.host}/x")
    assert registry.asked("PUT", "/manifests/")
```
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from i4q_ai.testing.fake_repository import Repositories

_IDLE = 120.0


@dataclass
class Seen:
    """What was asked.

    Args:
        method, path, headers: as they came; the path with its query.
        body: as far as it was read.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str | None:
        """One header, however it is spelled."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), None)


class Exchange(BaseHTTPRequestHandler):
    """One request and its answer; what a rule is given.

    Attributes:
        mute: cut the connection instead of answering.
        locations: path of an upload → what a Location says of it.
        echo: bytes and their digest → the digest that the answer tells.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are sent apart, and the second would wait for the other side
    timeout = _IDLE
    server: _Server

    def _handle(self) -> None:
        self.mute = False
        self.locations: Callable[[str], str] = lambda path: path
        self.echo: Callable[[bytes, str], str] = lambda _, digest: digest
        self._left = int(self.headers.get("Content-Length") or 0)
        self._chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
        self.seen = Seen(self.command, self.path, dict(self.headers))
        self.registry._reply(self)
        if self._left or self._chunked:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - as http.server wants them

    @property
    def registry(self) -> FakeRegistry:
        """Who answers."""
        return self.server.registry

    @property
    def route(self) -> str:
        """The path without its query."""
        return urlsplit(self.path).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The query, decoded."""
        return parse_qs(urlsplit(self.path).query)

    def body(self, most: int | None = None) -> bytes:
        """The request's body, or its next bytes."""
        if self._chunked:
            return self._chunks()
        raw = self.rfile.read(self._left if most is None else min(most, self._left))
        self._left -= len(raw)
        self.seen.body += raw
        return raw

    def _chunks(self) -> bytes:
        raw = b""
        while size := int(self.rfile.readline().strip() or b"0", 16):
            raw += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        self._chunked = False
        self.seen.body += raw
        return raw

    def answer(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None, *, length: int | None = None
    ) -> None:
        """Send an answer.

        Args:
            status: of HTTP.
            body: of the answer.
            headers: besides its length.
            length: is said of the body instead of its own; the connection is cut after the body.
        """
        if self.mute:
            self.cut()
            return
        self.send_response(status)
        for name, value in {**self.registry.headers, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if length is not None:
            self.close_connection = True

    def refuse(self, status: int, code: str, message: str = "", headers: Mapping[str, str] | None = None) -> None:
        """Send an error as the distribution specification has it."""
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.answer(status, body, {"Content-Type": "application/json", **(headers or {})})

    def honest(self) -> None:
        """Answer as a registry should."""
        self.registry.repositories.reply(self)

    def cut(self) -> None:
        """End the connection without an answer."""
        self.close_connection = True
        self._left = 0

    def stall(self, seconds: float = _IDLE) -> None:
        """Do nothing, until the registry is closed."""
        self.registry.closing.wait(seconds)
        self.cut()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


Reply = Callable[[Exchange], object]
"""Answers a request; one that returns False leaves it to the next rule."""


@dataclass
class _Rule:
    method: str
    pattern: re.Pattern[str]
    reply: Reply
    left: float


class FakeRegistry:
    """A registry on a port of its own, as long as it is entered.

    Args:
        port: of this machine; a free one if not given.
        certificate: files with a certificate and its key; then it speaks https.
        clients: a file with the authority that clients' certificates must be from.
        referrers: answers the referrers API; most registries do not.

    Attributes:
        repositories: what it holds.
        headers: that every answer carries.
        requests: what it was asked, oldest first.
        closing: set when it ends.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        certificate: tuple[str, str] | None = None,
        clients: str | None = None,
        referrers: bool = False,
    ) -> None:
        self.repositories = Repositories(referrers=referrers)
        self.headers: dict[str, str] = {}
        self.requests: list[Seen] = []
        self.closing = threading.Event()
        self._rules: list[_Rule] = []
        self._lock = threading.Lock()
        self._server = _Server(self, port)
        self.scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            if clients:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(clients)
            # The handshake is the handler's, so that one client cannot keep the others waiting.
            plain = self._server.socket
            self._server.socket = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def host(self) -> str:
        """Where it is: `host:port`."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Scheme and host."""
        return f"{self.scheme}://{self.host}"

    def when(self, method: str, path: str, reply: Reply, *, times: float = float("inf")) -> Self:
        """Answer some requests otherwise; the rule that was told last is asked first.

        Args:
            method: of HTTP; several with `|`, or "" for all.
            path: a regular expression that is found in the path with its query.
            reply: answers; returning False leaves the request to the next rule.
            times: after which the rule is over.
        """
        with self._lock:
            self._rules.insert(0, _Rule(method, re.compile(path), reply, times))
        return self

    def asked(self, method: str, path: str = "") -> list[Seen]:
        """What it was asked with this method, and this regular expression in the path."""
        with self._lock:
            return [seen for seen in self.requests if seen.method == method and re.search(path, seen.path)]

    def _reply(self, exchange: Exchange) -> None:
        with self._lock:
            self.requests.append(exchange.seen)
        for rule in self._fitting(exchange):
            if rule.reply(exchange) is not False:
                return
        exchange.honest()

    def _fitting(self, exchange: Exchange) -> list[_Rule]:
        fitting = []
        with self._lock:
            for rule in self._rules:
                if rule.left > 0 and self._fits(rule, exchange):
                    rule.left -= 1
                    fitting.append(rule)
                    if rule.left != float("inf"):
                        break  # what is over soon is not used up by a request that another rule answers
        return fitting

    def _fits(self, rule: _Rule, exchange: Exchange) -> bool:
        return (not rule.method or exchange.command in rule.method.split("|")) and bool(
            rule.pattern.search(exchange.path)
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, registry: FakeRegistry, port: int) -> None:
        super().__init__(("127.0.0.1", port), Exchange)
        self.registry = registry

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away, or whose TLS is not ours, are what this registry is for."""
