"""The process: takes the port, starts the application, and ends it with its last request answered."""

from __future__ import annotations

import errno
import logging
import socket
from pathlib import Path

from i4q_ai.errors import ConflictError, InvalidError, MissingDependencyError, NotFoundError, UnreachableError
from i4q_ai.serve.options import ServeOptions

log = logging.getLogger(__name__)

_BACKLOG = 1024


def run(options: ServeOptions) -> None:
    """Serve until told to stop; see `i4q_ai.serve.run`."""
    _check(options)
    listener = take_port(options.host, options.port)
    try:
        from i4q_ai.serve.lifecycle import serve
    except ImportError as error:
        listener.close()
        raise MissingDependencyError("serving", extra="serve") from error
    with listener:
        serve(options, listener)


def _check(options: ServeOptions) -> None:
    folder = Path(options.folder)
    if not folder.is_dir():
        raise NotFoundError(f"there is no folder {folder}")
    if options.protocol not in ("http", "asgi"):
        raise InvalidError(f"protocol is {options.protocol!r}", hint="known: http, asgi")


def take_port(host: str, port: int) -> socket.socket:
    """A socket that listens, taken before anything expensive is done.

    Args:
        host: name or address to listen on.
        port: 0 takes a free one.

    Raises:
        ConflictError: the port is in use.
        UnreachableError: this machine has no such address.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
            0
        ]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise UnreachableError(f"{host} is no address to listen on: {error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConflictError(f"port {port} of {host} is in use", hint="take another, or 0 for a free one") from error
        raise UnreachableError(f"cannot listen on port {port} of {host}: {error.strerror}") from error
    return listener
