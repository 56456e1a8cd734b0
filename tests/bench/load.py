"""A load generator that stays out of the way: plain sockets, keep-alive, one thread, in a process of its own.

`python tests/bench/load.py PORT PATH BODY --connections 16 --requests 5000` prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

_TIMEOUT = 30.0


@dataclass(slots=True)
class Result:
    """What came back.

    Args:
        statuses: HTTP status → how often; 0: the connection broke.
        times: (when it was sent, seconds until the answer), monotonic clock.
    """

    statuses: dict[int, int] = field(default_factory=dict)
    times: list[tuple[float, float]] = field(default_factory=list)

    def add(self, status: int, sent: float, now: float) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.times.append((sent, now - sent))


@dataclass(slots=True)
class _Line:
    """One connection with one request on its way."""

    socket: socket.socket
    sent: float = 0.0
    buffer: bytes = b""


def load(port: int, path: str, body: bytes, *, connections: int, requests: int, until: Path | None = None) -> Result:
    """Send one request again and again.

    Args:
        port: of the server on the loopback.
        path: of the URL.
        body: JSON.
        connections: kept alive, one request at a time on each.
        requests: to send altogether.
        until: stop as soon as this file exists, however many are sent.
    """
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    head = "\r\n".join((*lines, "", ""))
    message = head.encode() + body
    result, left = Result(), requests
    with selectors.DefaultSelector() as selector:
        for _ in range(min(connections, requests)):
            line = _Line(socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT))
            line.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(line.socket, selectors.EVENT_READ, line)
            _send(line, message)
            left -= 1
        while selector.get_map():
            ready = selector.select(_TIMEOUT)
            if not ready:
                raise TimeoutError(f"no answer for {_TIMEOUT} s")
            for key, _ in ready:
                status = _receive(key.data)
                if status is None:
                    continue
                result.add(status, key.data.sent, monotonic())
                if left <= 0 or status == 0 or (until is not None and until.exists()):
                    selector.unregister(key.data.socket)
                    key.data.socket.close()
                    continue
                left -= 1
                _send(key.data, message)
    return result


def _send(line: _Line, message: bytes) -> None:
    line.buffer = b""
    line.sent = monotonic()
    line.socket.sendall(message)


def _receive(line: _Line) -> int | None:
    """The status, once the whole answer is here; 0 if the connection broke."""
    try:
        piece = line.socket.recv(262144)
    except OSError:
        return 0
    if not piece:
        return 0
    line.buffer += piece
    end = line.buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = line.buffer[:end].lower()
    _, _, length = head.partition(b"content-length:")
    if len(line.buffer) < end + 4 + int(length.split(b"\r\n", 1)[0]):
        return None
    return int(line.buffer[9:12])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("body", type=Path)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--until", type=Path)
    given = parser.parse_args()
    body = given.body.read_bytes()
    result = load(
        given.port, given.path, body, connections=given.connections, requests=given.requests, until=given.until
    )
    print(json.dumps({"statuses": result.statuses, "times": result.times}))  # noqa: T201


if __name__ == "__main__":
    main()
