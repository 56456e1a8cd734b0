"""What a model server is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """What a model server is started with.

    Args:
        folder: a model's tree, a folder of ONNX files, a model's folder with its trees and `current`, or a
            repository of such folders.
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        name: what the model is called in URLs; for a folder that holds one model.
        threads: of the runtime, for each inference.
        max_body: of a request, in bytes; more is answered 413.
        memory_limit: address space that a new version may use while it is tried, in bytes; None: 2 GiB or six times
            the size of its files, whichever is more.
        self_test: try a new version in a process of its own before it takes over.
        self_test_timeout: seconds that may take.
        instance: a token given back in the header `I4q-Instance`, by which whoever started the server knows it again.
        admin: let addresses other than loopback load and unload models.
        all_versions: load every version there is, not only the one to serve by default.
        queue: requests to slow models that may wait for a thread; more are answered 503.
        drain: seconds that requests in flight have to finish once the server is told to stop.
        only: end, with the reason, when there is a model that cannot be served: for a server that somebody else starts
            again or replaces.
        protocol: "http", the server's own, or "asgi", the same application on uvicorn.
    """

    folder: Path
    host: str = "127.0.0.1"
    port: int = 8080
    name: str | None = None
    threads: int = 1
    max_body: int = 64 * 1024 * 1024
    memory_limit: int | None = None
    self_test: bool = True
    self_test_timeout: float = 60.0
    instance: str = ""
    admin: bool = False
    all_versions: bool = False
    queue: int = 64
    drain: float = 30.0
    only: bool = False
    protocol: str = "http"
