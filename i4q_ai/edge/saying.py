"""One word said to an agent, and the lines it answers."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path

from i4q_ai.edge import locking


class Link:
    """A connection to an agent that has said one word.

    Args:
        lock: the agent's lock file, which says where it listens.
        verb: what to say.
        timeout: for connecting and saying it, in seconds.

    Raises:
        OSError: nobody listens.
    """

    def __init__(self, lock: Path, verb: str, *, timeout: float) -> None:
        self._rest = b""
        self._socket = say(lock, verb, timeout=timeout)

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def line(self, timeout: float) -> bytes | None:
        """The next line; None when the agent has closed.

        Raises:
            TimeoutError: nothing came in time.
        """
        deadline = time.monotonic() + timeout
        while b"\n" not in self._rest:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            got = self._socket.recv(65536)
            if not got:
                return None
            self._rest += got
        line, _, self._rest = self._rest.partition(b"\n")
        return line


def say(lock: Path, verb: str, *, timeout: float) -> socket.socket:
    """A connection on which one word was said; the caller closes it.

    Args:
        lock: the agent's lock file, which says where it listens.
        verb: what to say.
        timeout: for connecting and saying it, in seconds; the connection keeps it as its own.

    Raises:
        OSError: nobody listens.
    """
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.settimeout(max(timeout, 0.001))
        link.connect(_address(lock))
        link.sendall(json.dumps({"do": verb}).encode() + b"\n")
    except BaseException:
        link.close()
        raise
    return link


def _address(lock: Path) -> str:
    address = locking.told(lock).get("socket")
    if not isinstance(address, str):
        raise ConnectionRefusedError(f"{lock} names no socket")
    return address
