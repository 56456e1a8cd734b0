"""The application behind HTTP/1.1, spoken directly on the event loop with httptools.

A small request takes one pass through this file and no task of its own, which is what makes it cheaper than ASGI.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import deque
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import httptools

from i4q_ai.errors import ServingError
from i4q_ai.serve.api import Api
from i4q_ai.serve.asgi import is_local, too_large
from i4q_ai.serve.messages import WANTED_HEADERS, Request, Response
from i4q_ai.serve.served import error_response

log = logging.getLogger(__name__)

_MAX_HEAD = 64 * 1024
_SILENCE = 30.0
"""Seconds without a byte after which an unfinished request is given up."""
_KEEP_ALIVE = 75.0
"""Seconds without a request after which a connection is closed."""
_LINGER = 2.0
"""Seconds to read on after a refusal, so that the client gets to read it before the connection is reset."""
_SWEEP = 1.0
_IDLE, _HEAD, _BODY = range(3)
_STATUS = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\ncontent-type: ".encode() for one in HTTPStatus}


class HttpFront:
    """All connections of one server.

    Args:
        api: that answers.
        max_body: of a request, in bytes.
    """

    def __init__(self, api: Api, max_body: int) -> None:
        self.api = api
        self.max_body = max_body
        self.connections: set[Connection] = set()
        self.date = b""
        self.closing = False
        self._empty = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def open(self, listener: socket.socket) -> None:
        """Begin to take connections."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self, loop), sock=listener)
        self._sweep(loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        # One timer for all connections costs a request nothing; one of its own would.
        self.date = b"\r\ndate: " + formatdate(usegmt=True).encode() + b"\r\n"
        now = loop.time()
        for connection in list(self.connections):
            connection.check_time(now)
        self._timer = loop.call_later(_SWEEP, self._sweep, loop)

    def left(self, connection: Connection) -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        if not self.connections:
            self._empty.set()

    async def drain(self, seconds: float) -> None:
        """Take no more connections, answer what was asked, then close.

        Args:
            seconds: after which whatever is left is cut off.
        """
        self.closing = True
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections):
            connection.finish()
        try:
            async with asyncio.timeout(seconds):
                while self.connections:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            log.warning("%d connections were cut off after %g s", len(self.connections), seconds)
            for connection in list(self.connections):
                connection.abort()
        if self._timer is not None:
            self._timer.cancel()


class Connection(asyncio.Protocol):
    """One connection: requests are answered one after the other, in their order."""

    __slots__ = (
        "_answering", "_body", "_front", "_head_size", "_headers", "_keep", "_local", "_loop", "_parser", "_refused",
        "_since", "_size", "_state", "_transport", "_url", "_waiting", "_writable",
    )  # fmt: skip

    def __init__(self, front: HttpFront, loop: asyncio.AbstractEventLoop) -> None:
        self._front = front
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._local = False
        self._state = _IDLE
        self._since = loop.time()
        self._head_size = 0
        self._url = b""
        self._headers: dict[bytes, bytes] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._answering = False
        self._writable = True
        self._keep = True
        self._refused = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        self._transport = transport
        self._local = is_local(transport.get_extra_info("peername"))
        self._front.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The client went away, perhaps in the middle of a request; nobody waits for an answer any more."""
        self._waiting.clear()
        self._keep = False
        self._front.left(self)

    def data_received(self, data: bytes) -> None:
        """Some bytes came."""
        if self._refused:
            return
        self._since = self._loop.time()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._keep = False
        except httptools.HttpParserError as error:
            self._refuse(ServingError(f"this is no HTTP request: {error}", status=400))
        if self._state == _HEAD:
            self._head_size += len(data)
            if self._head_size > _MAX_HEAD:
                self._refuse(ServingError(f"the headers have more than {_MAX_HEAD} bytes", status=431))

    def eof_received(self) -> bool:
        """The client will send no more; what it asked is answered all the same."""
        self._keep = False
        return self._answering

    def pause_writing(self) -> None:
        """The client does not read: answer nothing more until it does."""
        self._writable = False

    def resume_writing(self) -> None:
        """The client reads again."""
        self._writable = True
        self._next()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._state = _HEAD
        self._head_size = 0
        self._url = b""
        self._headers = {}
        self._body = []
        self._size = 0

    def on_url(self, url: bytes) -> None:
        """A piece of its URL."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        name = name.lower()
        if name in WANTED_HEADERS:
            self._headers[name] = value
        elif name == b"content-length" and value.isdigit() and int(value[:20]) > self._front.max_body:
            self._refuse(too_large(self._front.max_body))
        elif name == b"expect" and not self._refused and value.lower() == b"100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_headers_complete(self) -> None:
        """All headers are read."""
        self._state = _BODY

    def on_body(self, piece: bytes) -> None:
        """A piece of its body."""
        if self._refused:
            return
        self._size += len(piece)
        if self._size > self._front.max_body:
            self._refuse(too_large(self._front.max_body))
            return
        self._body.append(piece)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._state = _IDLE
        if self._refused:
            return
        parser = self._parser
        keep = parser.should_keep_alive() and not parser.should_upgrade() and parser.get_http_version() == "1.1"
        body = b"".join(self._body)
        request = Request(parser.get_method().decode("ascii"), _path(self._url), self._headers, body, self._local)
        if self._answering or self._waiting or not self._writable:
            self._waiting.append((request, keep))
            self._transport.pause_reading()
        else:
            self._answer(request, keep)

    # Answering.

    def _answer(self, request: Request, keep: bool) -> None:
        answer = self._front.api.handle(request)
        if isinstance(answer, Response):
            self._write(answer, request.method, keep)
            return
        self._answering = True
        task = asyncio.ensure_future(answer)
        task.add_done_callback(lambda done: self._answered(done, request.method, keep))

    def _answered(self, done: asyncio.Future[Response], method: str, keep: bool) -> None:
        self._answering = False
        if done.cancelled():
            response = error_response(ServingError("the server is stopping", status=503))
        else:
            error = done.exception()
            response = done.result() if error is None else error_response(error)
        self._write(response, method, keep)
        self._next()

    def _next(self) -> None:
        while self._waiting and not self._answering and self._writable and not self._transport.is_closing():
            request, keep = self._waiting.popleft()
            self._answer(request, keep)
        if not self._waiting and not self._transport.is_closing():
            self._transport.resume_reading()

    def _write(self, response: Response, method: str, keep: bool) -> None:
        if self._transport.is_closing():
            return
        keep = keep and self._keep and not self._front.closing
        length = b"\r\ncontent-length: %d" % len(response.body)
        parts = [_STATUS[response.status], response.content_type, length, self._front.date]
        for name, value in response.headers:
            parts += (name, b": ", value, b"\r\n")
        parts.append(b"\r\n" if keep else b"connection: close\r\n\r\n")
        if method != "HEAD":
            parts.append(response.body)
        self._transport.write(b"".join(parts))
        self._since = self._loop.time()
        if not keep:
            self._transport.close()

    def _refuse(self, error: ServingError) -> None:
        """Answer before the request is whole, and let the client read that before the connection goes."""
        if self._refused:
            return
        self._refused = True
        self._keep = False
        self._body = []
        if self._answering or self._waiting:
            self._transport.close()
            return
        response = error_response(error)
        length = b"\r\ncontent-length: %d" % len(response.body)
        head = (_STATUS[response.status], response.content_type, length, self._front.date, b"connection: close\r\n\r\n")
        self._transport.write(b"".join((*head, response.body)))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._loop.call_later(_LINGER, self._transport.close)

    # Time and the end.

    def check_time(self, now: float) -> None:
        """Give up a client that is silent for too long."""
        if self._answering or self._refused:
            return
        silent = now - self._since
        if self._state == _IDLE and silent > _KEEP_ALIVE:
            self._transport.close()
        elif self._state != _IDLE and silent > _SILENCE:
            self._refuse(ServingError("the request was not finished in time", status=408))

    def finish(self) -> None:
        """Close as soon as nothing is owed to the client."""
        self._keep = False
        if self._state == _IDLE and not self._answering and not self._waiting:
            self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._transport.abort()


def _path(url: bytes) -> str:
    """The path of a request's target, still percent-encoded."""
    if not url.startswith(b"/"):
        try:
            url = httptools.parse_url(url).path or b"/"
        except httptools.HttpParserInvalidURLError:
            return ""
    return url.partition(b"?")[0].decode("latin-1")
