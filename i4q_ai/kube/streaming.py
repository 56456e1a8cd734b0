"""Answers that never end: read from a connection of their own, so that stopping is prompt and closes it for certain."""

from __future__ import annotations

import dataclasses
import http.client
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, Self, TypeVar

from i4q_ai.deadline import Deadline
from i4q_ai.kube.errors import Refused
from i4q_ai.kube.transport import HEADERS, Transport, refuse

T = TypeVar("T")

_LOOK = 0.25
"""Seconds between looks whether to stop: an Event cannot be waited for together with a socket or another Event."""

_PIECE = 64 * 1024
_KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""A peer that has gone without a word is noticed within 25 seconds."""


class Halted(Exception):
    """The stop event is set; it never leaves this package."""


@dataclass(frozen=True)
class Patience:
    """How long to go on.

    Args:
        deadline: at the latest until then.
        stop: or until it is set.
    """

    deadline: Deadline
    stop: threading.Event | None = None

    def check(self) -> None:
        """Raise when it is over.

        Raises:
            Halted: the event is set.
            DeadlineError: the deadline has passed.
        """
        if self.stopped:
            raise Halted
        self.deadline.check()

    @property
    def stopped(self) -> bool:
        """Whether the event is set."""
        return self.stop is not None and self.stop.is_set()

    @property
    def cancellable(self) -> Deadline:
        """The deadline, for what looks at that alone: the event cancels it."""
        return self.deadline if self.stop is None else dataclasses.replace(self.deadline, cancel=self.stop)

    def pause(self, seconds: float) -> None:
        """Wait.

        Raises:
            Halted: the event is set.
            DeadlineError: the deadline has passed.
        """
        until = time.monotonic() + seconds
        self.check()
        while (left := until - time.monotonic()) > 0:
            (self.stop or self.deadline.cancel or threading.Event()).wait(min(left, self.look))
            self.check()

    @property
    def look(self) -> float:
        """Seconds that one may wait before the next look."""
        watched = self.stop is not None or self.deadline.cancel is not None
        return max(self.deadline.left(_LOOK if watched else 60.0), 0.001)

    def within(self, job: Callable[[], T], discard: Callable[[T], object]) -> T:
        """Do what cannot be interrupted in a thread of its own, and leave it behind when it is time to stop.

        Args:
            job: to do; it has timeouts of its own.
            discard: what to do with a result that comes too late.

        Raises:
            Halted: the event is set.
            DeadlineError: the deadline has passed.
            Exception: whatever the job raises.
        """
        if self.stop is None:
            return job()
        pending = _Pending(job, discard)
        threading.Thread(target=pending.run, name="kube-open", daemon=True).start()
        try:
            while not pending.done.wait(self.look):
                self.check()
        except BaseException:
            pending.leave()
            raise
        return pending.result()


class _Pending(Generic[T]):
    """A job in a thread, whose result nobody may want any more."""

    def __init__(self, job: Callable[[], T], discard: Callable[[T], object]) -> None:
        self._job, self._discard = job, discard
        self._lock = threading.Lock()
        self._left = False
        self._results: list[T] = []
        self._error: BaseException | None = None
        self.done = threading.Event()

    def run(self) -> None:
        try:
            result = self._job()
        except BaseException as error:  # raised again where the result is waited for
            self._error = error
        else:
            with self._lock:
                self._results.append(result)
                if self._left:
                    self._discard(self._results.pop())
        self.done.set()

    def leave(self) -> None:
        with self._lock:
            self._left = True
            if self._results:
                self._discard(self._results.pop())

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._results.pop()


class Stream:
    """One answer, line by line.

    Args:
        connection: that it comes by; closed with it.
        response: with its head read.
    """

    def __init__(self, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._connection, self._response = connection, response

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lines(self) -> Iterator[bytes]:
        """Every line without its end; the last one may be without an end.

        Raises:
            Halted: the event is set.
            DeadlineError: the deadline has passed.
            OSError: the connection broke.
            http.client.HTTPException: it was cut off.
        """
        rest = b""
        while piece := self._response.read1(_PIECE):
            *whole, rest = (rest + piece).split(b"\n")
            yield from whole
        if rest:
            yield rest

    def close(self) -> None:
        """End the connection."""
        self._response.close()
        self._connection.close()


def open_stream(
    transport: Transport, target: str, patience: Patience, *, headers_within: float | None = None
) -> Stream:
    """Ask for something that streams; once, with one renewal of credentials.

    Args:
        transport: to the server.
        target: path and query.
        patience: how long to go on.
        headers_within: seconds in which the answer has to begin; None: as long as patience lasts.

    Raises:
        Refused: the answer is no success.
        OSError: nobody answers.
        Halted: the event is set.
        DeadlineError: the deadline has passed.
    """
    link = transport.link
    try:
        return _open(transport, target, patience, headers_within)
    except Refused as refused:
        if refused.status != 401 or not transport.renew(link):
            raise
        return _open(transport, target, patience, headers_within)


def _open(transport: Transport, target: str, patience: Patience, headers_within: float | None) -> Stream:
    link = transport.link
    patience.check()
    connection = link.dial(max(patience.deadline.left(transport.timeout), 0.001))
    try:
        _keep_alive(connection.sock)
        patient = _Patient(connection.sock, patience, headers_within)
        connection.sock = patient  # as much of a socket as http.client uses
        connection.request("GET", target, headers={**HEADERS, **link.authorization()})
        response = connection.getresponse()
        refuse(response.status, response.headers.get("Retry-After"), lambda: response.read(_PIECE))
    except BaseException:
        connection.close()
        raise
    patient.stall = None
    return Stream(connection, response)


def _keep_alive(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, seconds in _KEEPALIVE.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)


class _Patient(io.RawIOBase):
    """A socket whose reads end when it is time to stop, and go on when it is not."""

    def __init__(self, sock: socket.socket, patience: Patience, stall: float | None) -> None:
        super().__init__()
        self._sock = sock
        self._patience = patience
        self.stall = stall

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        began = time.monotonic()
        while True:
            self._patience.check()
            self._sock.settimeout(self._patience.look)
            try:
                return self._sock.recv_into(buffer)
            except TimeoutError:
                if self.stall is not None and time.monotonic() - began > self.stall:
                    raise

    def sendall(self, data: bytes) -> None:
        self._sock.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self, _PIECE)

    def close(self) -> None:
        self._sock.close()
        super().close()
