"""From the first byte to the last: event loop, signals, loading, draining."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
from importlib.metadata import version
from typing import Protocol

import uvloop

from i4q_ai.errors import ServingError
from i4q_ai.serve.api import Api
from i4q_ai.serve.metrics import Metrics
from i4q_ai.serve.options import ServeOptions
from i4q_ai.serve.repository import Repository

log = logging.getLogger(__name__)


class Front(Protocol):
    """What stands between sockets and the application."""

    async def open(self, listener: socket.socket) -> None:
        """Begin to take connections."""

    async def drain(self, seconds: float) -> None:
        """Take no more connections, answer what was asked, then close; after so many seconds, cut off."""


def serve(options: ServeOptions, listener: socket.socket) -> None:
    """Serve on a socket until SIGTERM or SIGINT.

    Raises:
        InvalidError: there is no model in the folder.
        ServingError: with `options.only`, a model that cannot be served.
    """
    metrics = Metrics()
    repository = Repository(options, metrics)
    api = Api(options, repository, metrics, version=version("i4q-ai"))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(options, listener, repository, api))


async def _serve(options: ServeOptions, listener: socket.socket, repository: Repository, api: Api) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    front = _front(options, api)
    await front.open(listener)
    log.info("listening on http://%s:%d", *listener.getsockname()[:2])
    starting = loop.create_task(_start(repository))
    if options.only:
        starting.add_done_callback(lambda _: None if repository.ready else stop.set())
    await stop.wait()
    log.info("stopping")
    api.draining = True
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    await front.drain(options.drain)
    if options.only and not starting.cancelled() and not repository.ready:
        _refuse(repository)


async def _start(repository: Repository) -> None:
    await repository.start()
    # What is there now stays; the garbage collector need not look at it again with every request.
    gc.collect()
    gc.freeze()
    log.info("ready" if repository.ready else "not ready: see the repository index")


def _refuse(repository: Repository) -> None:
    for row in repository.index():
        if row["state"] == "UNAVAILABLE":
            raise ServingError(f"model '{row['name']}' version {row['version']}: {row['reason']}", status=500)


def _front(options: ServeOptions, api: Api) -> Front:
    if options.protocol == "asgi":
        from i4q_ai.serve.uvicorn_front import UvicornFront

        return UvicornFront(api, options.max_body)
    from i4q_ai.serve.http_front import HttpFront

    return HttpFront(api, options.max_body)
