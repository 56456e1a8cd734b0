"""The doors for webhooks: a small HTTP server that lets in little, for a short time, and rings."""

from __future__ import annotations

import json
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from i4q_ai.errors import InvalidError, UnreachableError
from i4q_ai.listening import payloads, senders
from i4q_ai.listening.deliveries import Seen
from i4q_ai.listening.rules import Hook, Listener, Secret
from i4q_ai.listening.senders import Refused, Request

log = logging.getLogger(__name__)

LARGEST = 1024 * 1024
"""Bytes of a body. One that is longer is not missed: the source is polled too."""
PATIENCE = 10.0
"""Seconds for a whole request, however slowly it comes."""
MOST = 32
"""Connections at once; more are turned away."""
_PREFIX = "/hooks/"
_KINDS = ("x-github-event", "x-gitea-event", "x-forgejo-event", "x-gitlab-event")

Ring = Callable[[str], None]


def secrets_of(secret: Secret) -> tuple[bytes, ...]:
    """The secrets that count now.

    Raises:
        InvalidError: there is none; says where it should be, and never what it is.
    """
    if secret.env is not None:
        found = [os.environ.get(secret.env, "")]
        where = f"the variable {secret.env}"
    else:
        where = f"the file {secret.file}"
        try:
            found = Path(str(secret.file)).read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidError(f"{where}, which holds a secret, cannot be read: {type(error).__name__}") from error
    kept = tuple(line.strip().encode() for line in found if line.strip())
    if not kept:
        raise InvalidError(f"{where} holds no secret", hint="without one, anybody could ring")
    return kept


class Doors:
    """Lets webhooks in and rings for the sources that they are about.

    Args:
        rules: with the hooks.
        ring: told the name of a source that may have changed.
        now: seconds since 1970; another clock in tests.
    """

    def __init__(self, rules: Listener, ring: Ring, *, now: Callable[[], float] = time.time) -> None:
        self._rules, self._ring, self._now = rules, ring, now
        self._hooks: dict[str, Hook] = {each.name: each for each in rules.hooks}
        self._seen = Seen()

    def check(self) -> None:
        """Refuse rules whose secrets are not there.

        Raises:
            InvalidError: a secret cannot be read.
        """
        for hook in self._hooks.values():
            secrets_of(hook.secret)

    def knock(self, path: str, request: Request) -> list[str]:
        """Take a delivery.

        Args:
            path: of the URL.
            request: what came.

        Returns:
            Names of the sources that it rang for.

        Raises:
            Refused: it is not accepted.
        """
        hook = self._hooks.get(path.removeprefix(_PREFIX)) if path.startswith(_PREFIX) else None
        if hook is None:
            raise Refused(404, "there is no such door")
        try:
            known = secrets_of(hook.secret)
        except InvalidError as error:
            log.error("hook '%s' lets nobody in: %s", hook.name, error.what)
            raise Refused(503, "this door is out of order") from error
        names = senders.verify(hook.sender, known, request, now=self._now())
        told = payloads.events(request.body, kind=next(filter(None, map(request.headers.get, _KINDS)), ""))
        if not self._seen.take(hook.name, names):
            raise Refused(409, "this delivery was here before")
        rung = [each.name for each in self._rules.ringing(hook.name) if any(event.is_about(each) for event in told)]
        for name in rung:
            self._ring(name)
        return rung


@contextmanager
def serving(
    doors: Doors, *, host: str, port: int, certificate: Path | None = None, key: Path | None = None
) -> Iterator[int]:
    """Serve doors while the block runs; gives the port.

    Args:
        doors: to serve.
        host, port: to listen on; 0 takes a free one.
        certificate, key: PEM files, for TLS.

    Raises:
        UnreachableError: the address cannot be listened on.
        InvalidError: the certificate cannot be used.
    """
    doors.check()
    context = _tls(certificate, key)

    class Handler(_Handler):
        behind = doors

    try:
        server = _Server((host, port), Handler, context)
    except OSError as error:
        raise UnreachableError(f"cannot listen on {host}:{port}: {error.strerror}", hint="another --port?") from error
    thread = threading.Thread(target=server.serve_forever, name="doors", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise InvalidError(f"the certificate {certificate} cannot be used: {type(error).__name__}") from error
    return context


class _Server(ThreadingHTTPServer):
    """Takes few connections at once, and ends each after a while, however slowly it comes."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[_Handler], context: ssl.SSLContext | None) -> None:
        self._context, self._room = context, threading.Semaphore(MOST)
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            log.warning("%d webhooks at once: one was turned away", MOST)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        # A time-out of the socket begins anew with every byte; this one does not.
        open_now = [request]
        end = threading.Timer(PATIENCE, lambda: _cut(open_now[0]))
        end.daemon = True
        end.start()
        try:
            request.settimeout(PATIENCE)
            if self._context is not None:
                request = self._context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
                open_now[0] = request
                request.do_handshake()
            super().process_request_thread(request, client_address)
        except OSError as error:
            log.debug("a connection ended before it was one: %s", error)
            self.shutdown_request(request)
        finally:
            end.cancel()
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as the base class has it
        log.debug("a connection broke off", exc_info=True)


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        log.debug("a slow connection has ended by itself")


class _Handler(BaseHTTPRequestHandler):
    """One request a connection."""

    behind: ClassVar[Doors]
    server_version = "i4q"
    sys_version = ""

    def do_POST(self) -> None:
        try:
            rung = self.behind.knock(self.path.partition("?")[0], Request(_lower(self.headers), self._body()))
        except Refused as refused:
            log.info("%r was refused: %d %s", self.path[:100], refused.status, refused.why)
            self._answer(refused.status, {"error": refused.why})
        else:
            self._answer(202, {"rang": rung})

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._answer(200, {"ok": True})
        elif self.path.startswith(_PREFIX):
            self._answer(405, {"error": "POST only"})
        else:
            self._answer(404, {"error": "there is no such door"})

    def do_PUT(self) -> None:
        self.do_GET()

    def do_PATCH(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *arguments: Any) -> None:
        log.debug("%s", format % arguments)

    def _body(self) -> bytes:
        if "transfer-encoding" in self.headers:
            raise Refused(411, "say how long it is: Content-Length")
        told = self.headers.get("content-length", "")
        if not (told.isascii() and told.isdigit()):
            raise Refused(411, "say how long it is: Content-Length")
        if len(told) > 9 or int(told) > LARGEST:
            raise Refused(413, f"longer than {LARGEST} bytes")
        body = self.rfile.read(int(told))
        if len(body) != int(told):
            raise Refused(408, "it ended before its end")
        return body

    def _answer(self, status: int, what: dict[str, Any]) -> None:
        content = json.dumps(what).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if status == 405:
            self.send_header("Allow", "POST")
        self.end_headers()
        self.wfile.write(content)


def _lower(headers: Message) -> dict[str, str]:
    return {name.lower(): str(value) for name, value in headers.items()}
