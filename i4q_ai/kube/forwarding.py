"""A port of a pod as a port of this machine, through the API server."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Self
from urllib.parse import urlencode

from i4q_ai.errors import I4qError, UnreachableError
from i4q_ai.kube.errors import Asked, Refused, translate
from i4q_ai.kube.frames import FrameError
from i4q_ai.kube.transport import BROKEN, Transport
from i4q_ai.kube.tunnel import PodRefused, Tunnel, connect

_log = logging.getLogger(__name__)

_WAITING = 128
_PATIENCE = 5.0


class Forward:
    """Listens on a free port of the loopback interface; each connection to it is one to the pod.

    Args:
        transport: to the server.
        asked: which pod, for errors.
        port: of the pod.
        choose: gives the name of the pod for each new connection; None for always the same one.

    Attributes:
        url: of the local port, for instance "http://127.0.0.1:40123".
        failure: why the latest connection to the pod failed; None while none has, or one has worked since.
    """

    def __init__(
        self, transport: Transport, asked: Asked, port: int, *, choose: Callable[[], str] | None = None
    ) -> None:
        self._transport, self._asked, self._port, self._choose = transport, asked, port, choose
        self.failure: I4qError | None = None
        self._lock = threading.Lock()
        self._open: dict[socket.socket, threading.Thread] = {}
        self._closing = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=_WAITING)
        self._bell, self._wake = socket.socketpair()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, name="kube-forward", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"Forward({self.url!r}, {self._asked.target!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it and all connections through it; safe to call twice."""
        with self._lock:
            if self._closing:
                return
            self._closing = True
            connections = dict(self._open)
        self._bell.close()
        for local in connections:
            _end(local)
        for thread in (self._thread, *connections.values()):
            if thread is not threading.current_thread():
                thread.join(_PATIENCE)

    def _accept(self) -> None:
        with self._listener, self._wake, selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake, selectors.EVENT_READ)
            while not self._closing:
                if any(key.fileobj is self._wake for key, _ in selector.select()):
                    return
                with contextlib.suppress(OSError):  # whoever called has gone again
                    self._begin(self._listener.accept()[0])

    def _begin(self, local: socket.socket) -> None:
        thread = threading.Thread(target=self._carry, args=(local,), name="kube-tunnel", daemon=True)
        with self._lock:
            if self._closing:
                local.close()
                return
            self._open[local] = thread
        thread.start()

    def _carry(self, local: socket.socket) -> None:
        asked = self._asked
        try:
            if self._choose is not None:
                asked = replace(asked, name=self._choose())
            self._tunnel(local, asked)
        except BROKEN as error:
            self._failed(error if isinstance(error, I4qError) else translate(error, asked))
        except (Refused, I4qError) as error:
            self._failed(translate(error, asked))
        except (PodRefused, FrameError) as error:
            self._failed(UnreachableError(f"{asked.target}: {error}", hint="does it listen on that port?"))
        finally:
            with self._lock:
                self._open.pop(local, None)
            _end(local)
            local.close()

    def _tunnel(self, local: socket.socket, asked: Asked) -> None:
        link = self._transport.link
        target = f"{asked.kind.path(asked.namespace, asked.name, subresource='portforward')}?"
        target += urlencode({"ports": self._port})
        try:
            connection, rest = connect(link, target, timeout=self._transport.timeout)
        except Refused as refused:
            if refused.status != 401 or not self._transport.renew(link):
                raise
            connection, rest = connect(self._transport.link, target, timeout=self._transport.timeout)
        try:
            Tunnel(local, connection.sock, rest).run()
            self.failure = None
        finally:
            connection.close()

    def _failed(self, error: I4qError) -> None:
        if not self._closing:
            self.failure = error
            # Pods that come and go end connections in passing; whoever holds one sees it, and begins another.
            _log.log(logging.WARNING if self._choose is None else logging.INFO, "%s: %s", self.url, error)


def _end(local: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        local.shutdown(socket.SHUT_RDWR)
