"""The application behind any ASGI server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from ipaddress import ip_address
from typing import Any

from i4q_ai.errors import ServingError
from i4q_ai.serve.api import Api
from i4q_ai.serve.messages import WANTED_HEADERS, Request, Response
from i4q_ai.serve.served import error_response

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Disconnected(Exception):
    """The client went away before its request was whole."""


class AsgiApp:
    """An ASGI 3 application.

    Args:
        api: that answers.
        max_body: of a request, in bytes.
    """

    def __init__(self, api: Api, max_body: int) -> None:
        self._api = api
        self._max_body = max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; see the ASGI specification."""
        if scope["type"] != "http":
            raise NotImplementedError(f"scope {scope['type']}")
        try:
            request = await self._read(scope, receive)
            answer = self._api.handle(request)
            response = answer if isinstance(answer, Response) else await answer
        except Disconnected:
            return
        except ServingError as error:
            response = error_response(error)
        await _write(response, send, with_body=scope["method"] != "HEAD")

    async def _read(self, scope: Scope, receive: Receive) -> Request:
        headers = {}
        for name, value in scope["headers"]:
            if name in WANTED_HEADERS:
                headers[name] = value
            elif name == b"content-length" and int(value) > self._max_body:
                raise too_large(self._max_body)
        pieces: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Disconnected
            piece = message.get("body", b"")
            size += len(piece)
            more = message.get("more_body", False)
            if size > self._max_body:
                raise too_large(self._max_body)
            pieces.append(piece)
        path = scope["raw_path"].decode("ascii") if scope.get("raw_path") else scope["path"]
        return Request(scope["method"], path, headers, b"".join(pieces), is_local(scope.get("client")))


def too_large(limit: int) -> ServingError:
    """The error for a body above the limit."""
    return ServingError(f"the body has more than {limit} bytes", status=413, hint="send fewer rows at a time")


def is_local(peer: Any) -> bool:
    """Whether a peer's address is this machine's.

    Args:
        peer: (host, port, …) as sockets tell it; None or empty for a Unix socket.
    """
    if not peer:
        return True
    address = ip_address(str(peer[0]).partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


async def _write(response: Response, send: Send, *, with_body: bool) -> None:
    headers = [(b"content-type", response.content_type), (b"content-length", b"%d" % len(response.body))]
    await send({"type": "http.response.start", "status": response.status, "headers": [*headers, *response.headers]})
    await send({"type": "http.response.body", "body": response.body if with_body else b""})
