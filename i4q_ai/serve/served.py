"""One version of a model in memory, and how it answers a request."""

from __future__ import annotations

import asyncio
import logging
from time import perf_counter, thread_time

import orjson

from i4q_ai.errors import FormatError, ServingError
from i4q_ai.serve.decode import decode
from i4q_ai.serve.encode import encode
from i4q_ai.serve.loaders import Runner, loader
from i4q_ai.serve.messages import Request, Response
from i4q_ai.serve.metrics import Meter
from i4q_ai.serve.signature import Signature, settle
from i4q_ai.serve.tree import Tree
from i4q_ai.serve.trial import try_out

log = logging.getLogger(__name__)

SLOW = 0.002
"""Seconds of work in an inference from which on it leaves the event loop, since others wait behind it."""
INLINE_BYTES = 64 * 1024
"""Bytes of a request from which on it leaves the event loop: reading them takes about as long."""
_WEIGHT = 0.1


class Served:
    """One version of a model in memory.

    Args:
        tree: where it is from.
        runner: that infers.
        signature: that requests are held against.
        seconds: that an inference takes, as far as is known.
    """

    def __init__(self, tree: Tree, runner: Runner, signature: Signature, seconds: float) -> None:
        self.tree = tree
        self.signature = signature
        self.platform = runner.platform
        self.meter: Meter | None = None
        self._runner: Runner | None = runner
        self._seconds = seconds
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def version(self) -> str:
        """Of the model."""
        return self.tree.version

    def is_slow(self, body_size: int) -> bool:
        """Whether a request would hold up the event loop.

        Args:
            body_size: of the request, in bytes.
        """
        return self._seconds > SLOW or body_size > INLINE_BYTES

    def answer(self, request: Request) -> Response:
        """Answer an inference request, whatever is in it."""
        started = perf_counter()
        try:
            response = self._infer(request)
        except Exception as error:  # a request never ends without an answer
            response = error_response(error)
        if self.meter is not None:
            self.meter.count(response.status, perf_counter() - started)
        return response

    def _infer(self, request: Request) -> Response:
        wanted = decode(request.body, _header_length(request), self.signature)
        runner = self._runner
        if runner is None:
            raise ServingError(f"version {self.version} was unloaded", status=503)
        # Time of this thread, not of the clock: waiting for a busy machine does not make a model slow.
        started = thread_time()
        try:
            outputs = runner.run(wanted.inputs, list(wanted.outputs))
        except FormatError as error:
            raise ServingError(error.what, status=400) from error
        if len(request.body) <= INLINE_BYTES:
            self._seconds += _WEIGHT * (thread_time() - started - self._seconds)
        return encode(outputs, wanted.outputs, model=self.tree.model, version=self.version, request_id=wanted.id)

    def borrow(self) -> None:
        """A request begins to use it on another thread."""
        self._users += 1
        self._idle.clear()

    def give_back(self, _: object = None) -> None:
        """That request is answered."""
        self._users -= 1
        if not self._users:
            self._idle.set()

    async def close(self) -> None:
        """Wait until nobody uses it, then free its memory."""
        await self._idle.wait()
        self._runner = None


def prepare(tree: Tree, threads: int) -> Served:
    """Load a version and warm it up; takes as long as it takes.

    Raises:
        FormatError: it is not what it says.
        UnsupportedError: no loader for its format.
    """
    runner = loader(tree.format)(tree.folder, threads)
    agreed = settle(tree.claimed, runner.signature)
    return Served(tree, runner, agreed, try_out(runner, agreed, rounds=3))


def _header_length(request: Request) -> int | None:
    given = request.headers.get(b"inference-header-content-length")
    if given is None:
        return None
    if not given.isdigit() or len(given) > 18:
        raise ServingError("Inference-Header-Content-Length is no number of bytes", status=400)
    return int(given)


def error_response(error: BaseException) -> Response:
    """An error as the protocol says it: a status and `{"error": …}`."""
    if not isinstance(error, ServingError):
        log.error("inference failed", exc_info=error)
        error = ServingError(f"the model failed: {type(error).__name__}: {error}", status=500)
    headers = ((b"retry-after", b"1"),) if error.status == 503 else ()
    return Response(error.status, orjson.dumps({"error": str(error)}), headers=headers)
