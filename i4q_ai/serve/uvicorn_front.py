"""The application behind uvicorn: more general than our own HTTP, and slower."""

from __future__ import annotations

import asyncio
import socket

import uvicorn

from i4q_ai.serve.api import Api
from i4q_ai.serve.asgi import AsgiApp


class UvicornFront:
    """All connections of one server, kept by uvicorn.

    Args:
        api: that answers.
        max_body: of a request, in bytes.
    """

    def __init__(self, api: Api, max_body: int) -> None:
        config = uvicorn.Config(
            AsgiApp(api, max_body), http="httptools", ws="none", lifespan="off", log_config=None, access_log=False
        )
        self._server = uvicorn.Server(config)
        self._task: asyncio.Task[None] | None = None

    async def open(self, listener: socket.socket) -> None:
        """Begin to take connections."""
        # `_serve` is `serve` without its signal handlers, which are ours here.
        self._task = asyncio.get_running_loop().create_task(self._server._serve(sockets=[listener]))

    async def drain(self, seconds: float) -> None:
        """Take no more connections, answer what was asked, then close.

        Args:
            seconds: after which whatever is left is cut off.
        """
        self._server.config.timeout_graceful_shutdown = max(1, round(seconds))
        self._server.should_exit = True
        if self._task is not None:
            await self._task
