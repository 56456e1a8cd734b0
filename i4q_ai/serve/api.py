"""The application: a request in, a response out, or one that comes later. Knows nothing of sockets."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import orjson

from i4q_ai.errors import ServingError
from i4q_ai.serve.messages import Request, Response
from i4q_ai.serve.metrics import CONTENT_TYPE, Metrics
from i4q_ai.serve.options import ServeOptions
from i4q_ai.serve.repository import Repository
from i4q_ai.serve.routes import METHODS, Route, resolve
from i4q_ai.serve.served import error_response
from i4q_ai.serve.workers import Workers

log = logging.getLogger(__name__)

EXTENSIONS = ("binary_tensor_data", "model_repository")
_THREADS = 2

Answer = Response | Awaitable[Response]


class Api:
    """The Open Inference Protocol v2 over a repository.

    Args:
        options: of the server.
        repository: its models.
        metrics: its metrics.
        version: of this package.
    """

    def __init__(self, options: ServeOptions, repository: Repository, metrics: Metrics, *, version: str) -> None:
        self._repository = repository
        self._metrics = metrics
        self._admin = options.admin
        self._workers = Workers(_THREADS, options.queue)
        self._about = {"name": "i4q-ai", "version": version, "extensions": list(EXTENSIONS)}
        self._instance = ((b"i4q-instance", options.instance.encode()),) if options.instance else ()
        self.draining = False
        self._handlers: dict[str, Callable[[Request, Route], Answer]] = {
            "infer": self._infer,
            "live": self._live,
            "ready": self._ready,
            "server": self._server,
            "model": self._model,
            "model-ready": self._model_ready,
            "index": self._index,
            "load": self._load,
            "unload": self._unload,
            "metrics": self._metrics_text,
            "openapi": self._openapi,
        }

    def handle(self, request: Request) -> Answer:
        """Answer a request: at once, or with something to await.

        Every error becomes a response, except those of what is awaited to begin with: use `respond` for both.
        """
        route = resolve(request.path)
        try:
            if request.method not in METHODS[route.kind]:
                return _no_method(request, route)
            return self._handlers[route.kind](request, route)
        except Exception as error:  # a request never ends without an answer
            return error_response(error)

    def _infer(self, request: Request, route: Route) -> Answer:
        if b"content-encoding" in request.headers:
            raise ServingError("a compressed body is not taken", status=415, hint="send it without Content-Encoding")
        try:
            served = self._repository.find(route.model, route.version)
            if not served.is_slow(len(request.body)):
                return served.answer(request)
            answer = self._workers.submit(partial(served.answer, request))
        except ServingError as error:
            self._metrics.refused(error.status)
            raise
        served.borrow()
        answer.add_done_callback(served.give_back)
        return answer

    def _live(self, _request: Request, _route: Route) -> Response:
        return Response(200, b'{"live":true}', headers=self._instance)

    def _ready(self, _request: Request, _route: Route) -> Response:
        if self.draining or not self._repository.ready:
            error = "the server is stopping" if self.draining else "not every model is loaded"
            return _json({"live": True, "ready": False, "error": error}, 503, self._instance)
        return Response(200, b'{"live":true,"ready":true}', headers=self._instance)

    def _server(self, _request: Request, _route: Route) -> Response:
        return _json(self._about, headers=self._instance)

    def _model(self, _request: Request, route: Route) -> Response:
        served = self._repository.find(route.model, route.version)
        return _json(
            {
                "name": route.model,
                "versions": self._repository.versions(route.model),
                "platform": served.platform,
                "inputs": [spec.row() for spec in served.signature.inputs.values()],
                "outputs": [spec.row() for spec in served.signature.outputs.values()],
            }
        )

    def _model_ready(self, _request: Request, route: Route) -> Response:
        try:
            self._repository.find(route.model, route.version)
        except ServingError as error:
            if error.status != 503:
                raise
            return _json({"name": route.model, "ready": False, "error": str(error)}, 503)
        return _json({"name": route.model, "ready": True})

    def _index(self, request: Request, _route: Route) -> Answer:
        ready_only = _flag(_document(request), "ready")
        return _later(self._make_index(ready_only))

    async def _make_index(self, ready_only: bool) -> Response:
        await self._repository.rescan()
        return _json(self._repository.index(ready_only=ready_only))

    def _load(self, request: Request, route: Route) -> Answer:
        self._only_admin(request)
        tree = _parameters(_document(request)).get("tree")
        if tree is not None and not isinstance(tree, str):
            raise ServingError("parameter 'tree' is no string", status=400)
        return _later(self._do(self._repository.load(route.model, tree)))

    def _unload(self, request: Request, route: Route) -> Answer:
        self._only_admin(request)
        _parameters(_document(request))
        return _later(self._do(self._repository.unload(route.model)))

    async def _do(self, job: Awaitable[None]) -> Response:
        await job
        return Response(200, b"{}")

    def _only_admin(self, request: Request) -> None:
        if self._admin:
            return
        # A page in a browser on this machine is as foreign as another machine.
        if not request.local or b"origin" in request.headers:
            what = "models are loaded and unloaded from this machine only"
            raise ServingError(what, status=403, hint="start with --admin")

    def _metrics_text(self, _request: Request, _route: Route) -> Response:
        return Response(200, self._metrics.text(), CONTENT_TYPE)

    def _openapi(self, _request: Request, _route: Route) -> Response:
        from importlib.resources import files

        return Response(200, files("i4q_ai.serve").joinpath("openapi.json").read_bytes())


async def _later(answer: Awaitable[Response]) -> Response:
    try:
        return await answer
    except Exception as error:  # a request never ends without an answer
        return error_response(error)


def _no_method(request: Request, route: Route) -> Response:
    allowed = METHODS[route.kind]
    if not allowed:
        return error_response(ServingError(f"there is nothing at {request.path[:200]}", status=404))
    response = error_response(ServingError(f"{request.method} is not for {request.path[:200]}", status=405))
    response.headers = ((b"allow", ", ".join(allowed).encode()),)
    return response


def _json(document: Any, status: int = 200, headers: tuple[tuple[bytes, bytes], ...] = ()) -> Response:
    return Response(status, orjson.dumps(document), headers=headers)


def _document(request: Request) -> dict[str, Any]:
    if not request.body:
        return {}
    try:
        document = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise ServingError(f"the body is not JSON: {error}", status=400) from error
    if not isinstance(document, dict):
        raise ServingError("the body is no JSON object", status=400)
    return document


def _parameters(document: dict[str, Any]) -> dict[str, Any]:
    given = document.get("parameters") or {}
    if not isinstance(given, dict):
        raise ServingError("'parameters' is no object", status=400)
    return given


def _flag(document: dict[str, Any], name: str) -> bool:
    value = document.get(name, False)
    if not isinstance(value, bool):
        raise ServingError(f"'{name}' is no boolean", status=400)
    return value
