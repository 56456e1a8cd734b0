"""Loopback ports for servers and workloads."""

from __future__ import annotations

import socket
import zlib
from collections.abc import Collection

from i4q_ai.errors import StorageError

_FIRST, _COUNT = 20000, 10000
"""Below the range from which the system takes ports for outgoing connections: a port stays free while we restart."""


def choose(taken: Collection[int], *, seed: str) -> int:
    """A free port; different seeds begin to look at different places, so that agents seldom meet.

    Args:
        taken: not these, free or not.
        seed: any text.

    Raises:
        StorageError: all are in use.
    """
    start = zlib.crc32(seed.encode())
    for offset in range(_COUNT):
        port = _FIRST + (start + offset) % _COUNT
        if port not in taken and _is_free(port):
            return port
    raise StorageError(f"no port between {_FIRST} and {_FIRST + _COUNT} is free")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
