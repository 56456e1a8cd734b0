"""WebSocket frames and the channels of the Kubernetes API inside them: bytes in, bytes out."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator

PROTOCOL = "v4.channel.k8s.io"
"""Every message begins with a byte that names its channel."""

BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
_CONTINUATION, _TEXT = 0, 1
_LARGEST = 16 * 1024 * 1024
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # of RFC 6455


class FrameError(Exception):
    """Bytes that are no frame we understand."""


def new_key() -> str:
    """A key for one handshake."""
    return base64.b64encode(os.urandom(16)).decode()


def answer_to(key: str) -> str:
    """What the other side answers to a key.

    Example:
        >>> answer_to("dGhlIHNhbXBsZSBub25jZQ==")
        's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
    """
    return base64.b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest()).decode()


def encode(opcode: int, payload: bytes, *, mask: bytes | None = None) -> bytes:
    """One whole message as a client sends it.

    Args:
        opcode: BINARY, CLOSE, PING or PONG.
        payload: of any length.
        mask: four bytes; random if not given.
    """
    mask = mask or os.urandom(4)
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + mask + masked(payload, mask)


def masked(payload: bytes, mask: bytes) -> bytes:
    """A payload with a mask laid over it; twice gives it back."""
    size = len(payload)
    repeated = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")


class Decoder:
    """Messages out of bytes that come in pieces of any size."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._parts: list[bytes] = []
        self._opcode = 0

    def feed(self, piece: bytes) -> Iterator[tuple[int, bytes]]:
        """Opcode and payload of each message that is whole now.

        Raises:
            FrameError: this is no frame, or too large a one.
        """
        self._bytes += piece
        while (frame := self._frame()) is not None:
            final, opcode, payload = frame
            if opcode >= CLOSE:
                yield opcode, payload
                continue
            if opcode != _CONTINUATION:
                self._opcode, self._parts = opcode, []
            self._parts.append(payload)
            if final:
                yield BINARY if self._opcode == _TEXT else self._opcode, b"".join(self._parts)
                self._parts = []

    def _frame(self) -> tuple[bool, int, bytes] | None:
        held = self._bytes
        if len(held) < 2:
            return None
        size, at = held[1] & 0x7F, 2
        if size > 125:
            width = 2 if size == 126 else 8
            size, at = int.from_bytes(held[2 : 2 + width], "big"), 2 + width
        has_mask = bool(held[1] & 0x80)
        at += 4 if has_mask else 0
        if len(held) < at:
            return None
        if size > _LARGEST or held[0] & 0x70:
            raise FrameError("not a frame of this protocol")
        if len(held) < at + size:
            return None
        payload = bytes(held[at : at + size])
        if has_mask:
            payload = masked(payload, bytes(held[at - 4 : at]))
        final, opcode = bool(held[0] & 0x80), held[0] & 0x0F
        del held[: at + size]
        return final, opcode, payload
