"""One connection to a port of a pod, through the API server."""

from __future__ import annotations

import email.parser
import http.client
import logging
import selectors
import socket
import ssl
import time
from urllib.parse import urlsplit

from i4q_ai.kube import frames
from i4q_ai.kube.errors import Refused
from i4q_ai.kube.link import Link
from i4q_ai.kube.transport import refuse

_log = logging.getLogger(__name__)

_PIECE = 64 * 1024
_HELD = 1024 * 1024
"""Bytes that wait for one side before no more are taken from the other."""

_LARGEST_HEAD = 64 * 1024
_SILENCE_ANSWERED = 2.0
_SILENCE_ASKED = 60.0
_DATA, _ERROR = 0, 1


class PodRefused(Exception):
    """What the node says when the pod does not take the connection."""


def connect(link: Link, target: str, *, timeout: float) -> tuple[http.client.HTTPConnection, bytes]:
    """Open a WebSocket to a port of a pod.

    Args:
        link: to the server.
        target: path and query.
        timeout: in seconds, of each step.

    Returns:
        The connection, whose socket is the WebSocket, and what came after the answer's head.

    Raises:
        Refused: the server does not do it.
        OSError: nobody answers.
    """
    connection = link.dial(timeout)
    try:
        key = frames.new_key()
        headers = {
            "Host": urlsplit(link.server).netloc,
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Protocol": frames.PROTOCOL,
            "User-Agent": "i4q-ai",
            **link.authorization(),
        }
        lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        connection.sock.sendall("\r\n".join(lines).encode())
        status, told, rest = _head(connection.sock)
        if status != http.HTTPStatus.SWITCHING_PROTOCOLS:
            refuse(status, told.get("Retry-After"), lambda: rest or connection.sock.recv(_PIECE))
            raise Refused(status)
        if told.get("Sec-WebSocket-Accept") != frames.answer_to(key):
            raise OSError("the answer to the handshake is wrong")
    except BaseException:
        connection.close()
        raise
    return connection, rest


def _head(sock: socket.socket) -> tuple[int, dict[str, str], bytes]:
    held = b""
    while b"\r\n\r\n" not in held:
        piece = sock.recv(_PIECE)
        if not piece or len(held) > _LARGEST_HEAD:
            raise ConnectionResetError("the connection was cut off")
        held += piece
    head, _, rest = held.partition(b"\r\n\r\n")
    first, _, fields = head.decode("latin-1").partition("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise OSError("the answer is no HTTP")
    return int(words[1]), dict(email.parser.HeaderParser().parsestr(fields).items()), rest


class Tunnel:
    """Carries bytes between a local connection and a WebSocket until one of them ends.

    The protocol cannot tell a pod that no more will come while an answer is still awaited. So when the local side has
    finished, the tunnel stays as long as the pod goes on talking, or, while it has not answered at all, a minute.

    Args:
        local: a connected socket.
        remote: the WebSocket.
        rest: bytes that have come by it already.
    """

    def __init__(self, local: socket.socket, remote: socket.socket, rest: bytes = b"") -> None:
        self._local, self._remote = local, remote
        self._decoder = frames.Decoder()
        self._rest = rest
        self._to_pod, self._to_local = bytearray(), bytearray()
        self._greeted: set[int] = set()
        self._finished = self._over = False
        self._answered = True
        self._talked = time.monotonic()

    def run(self) -> None:
        """Carry until it is over; the sockets stay open for the caller to close.

        Raises:
            PodRefused: the pod does not take the connection.
            OSError: one side broke.
            FrameError: the server talks something else.
        """
        self._local.setblocking(False)
        self._remote.setblocking(False)
        self._take(self._rest)
        with selectors.DefaultSelector() as selector:
            while not (self._over and not self._to_local) and not self._is_silent():
                for sock, ready in self._wait(selector):
                    self._serve(sock, ready)

    def _is_silent(self) -> bool:
        allowed = _SILENCE_ANSWERED if self._answered else _SILENCE_ASKED
        return self._finished and not self._to_pod and time.monotonic() - self._talked > allowed

    def _wait(self, selector: selectors.BaseSelector) -> list[tuple[socket.socket, int]]:
        wanted = {self._local: self._local_events(), self._remote: self._remote_events()}
        for sock, events in wanted.items():
            _want(selector, sock, events)
        if wanted[self._remote] & selectors.EVENT_READ and _pending(self._remote):
            return [(self._remote, selectors.EVENT_READ)]
        ready = selector.select(_SILENCE_ANSWERED / 4 if self._finished else None)
        return [(self._local if key.fileobj is self._local else self._remote, events) for key, events in ready]

    def _local_events(self) -> int:
        reading = not self._finished and not self._over and len(self._to_pod) < _HELD
        return (selectors.EVENT_READ if reading else 0) | (selectors.EVENT_WRITE if self._to_local else 0)

    def _remote_events(self) -> int:
        reading = not self._over and len(self._to_local) < _HELD
        return (selectors.EVENT_READ if reading else 0) | (selectors.EVENT_WRITE if self._to_pod else 0)

    def _serve(self, sock: socket.socket, ready: int) -> None:
        try:
            if sock is self._local:
                self._serve_local(ready)
            else:
                self._serve_remote(ready)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return  # not ready after all: the next round asks again
        except ConnectionError:
            if sock is not self._local:
                raise
            self._over = True  # whoever called has gone; that is no failure
            self._to_local.clear()

    def _serve_local(self, ready: int) -> None:
        if ready & selectors.EVENT_WRITE and self._to_local:
            del self._to_local[: self._local.send(self._to_local)]
        if ready & selectors.EVENT_READ:
            piece = self._local.recv(_PIECE)
            self._finished = not piece
            self._talked = time.monotonic()
            if piece:
                self._answered = False
                self._to_pod += frames.encode(frames.BINARY, bytes((_DATA,)) + piece)

    def _serve_remote(self, ready: int) -> None:
        if ready & selectors.EVENT_WRITE and self._to_pod:
            del self._to_pod[: self._remote.send(self._to_pod)]
        if ready & selectors.EVENT_READ:
            piece = self._remote.recv(_PIECE)
            self._over = self._over or not piece
            self._take(piece)

    def _take(self, piece: bytes) -> None:
        for opcode, payload in self._decoder.feed(piece):
            if opcode == frames.CLOSE:
                self._over = True
            elif opcode == frames.PING:
                self._to_pod += frames.encode(frames.PONG, payload)
            elif opcode == frames.BINARY and payload:
                self._deliver(payload[0], payload[1:])

    def _deliver(self, channel: int, data: bytes) -> None:
        if channel not in self._greeted:  # the first message of each channel repeats the port
            self._greeted.add(channel)
            return
        if channel == _ERROR and data:
            raise PodRefused(data.decode(errors="replace").strip().partition("\n")[0])
        if channel == _DATA and data:
            self._to_local += data
            self._answered, self._talked = True, time.monotonic()


def _want(selector: selectors.BaseSelector, sock: socket.socket, events: int) -> None:
    registered = sock in selector.get_map()
    if events and registered:
        selector.modify(sock, events)
    elif events:
        selector.register(sock, events)
    elif registered:
        selector.unregister(sock)


def _pending(sock: socket.socket) -> bool:
    """Whether TLS holds bytes that the selector does not see."""
    return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
