"""A request and a response, as the application sees them, whatever carries them."""

from __future__ import annotations

from dataclasses import dataclass, field

JSON = b"application/json"
BINARY = b"application/octet-stream"

WANTED_HEADERS = frozenset({b"inference-header-content-length", b"content-encoding", b"origin"})
"""The only request headers the application looks at (lower case)."""


@dataclass(slots=True)
class Request:
    """One request, read to its end.

    Args:
        method: upper case.
        path: as it was sent, percent-encoded, without the query.
        headers: those of WANTED_HEADERS that were sent.
        body: all of it.
        local: whether it came from this machine.
    """

    method: str
    path: str
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    local: bool = True


@dataclass(slots=True)
class Response:
    """One response.

    Args:
        status: of HTTP.
        body: all of it.
        content_type: of the body.
        headers: more of them; Content-Length and Content-Type are not among them.
    """

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()
