"""Which URL means what."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote

Kind = Literal[
    "infer",
    "live",
    "ready",
    "server",
    "model",
    "model-ready",
    "index",
    "load",
    "unload",
    "metrics",
    "openapi",
    "unknown",
]

METHODS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("live", "ready", "server", "model", "model-ready", "metrics", "openapi"), ("GET", "HEAD")),
    **dict.fromkeys(("infer", "index", "load", "unload"), ("POST",)),
    "unknown": (),
}
"""Kind → the methods it takes."""


@dataclass(frozen=True, slots=True)
class Route:
    """What a URL means.

    Args:
        kind: what is asked for; "unknown" for a URL that means nothing.
        model: the model's name in it.
        version: the version in it.
    """

    kind: Kind
    model: str = ""
    version: str | None = None


@lru_cache(maxsize=1024)
def resolve(path: str) -> Route:
    """What a path means.

    Args:
        path: as it was sent, without the query.

    Example:
        >>> resolve("/v2/models/wear/versions/2/infer")
        Route(kind='infer', model='wear', version='2')
    """
    match [unquote(part) if "%" in part else part for part in path.split("/")]:
        case ["", "v2", "models", model, *rest] if model:
            return _of_model(model, rest)
        case ["", "v2", "health", ("live" | "ready") as kind]:
            return Route(kind)
        case ["", "v2"] | ["", "v2", ""]:
            return Route("server")
        case ["", "v2", "repository", "index"]:
            return Route("index")
        case ["", "v2", "repository", "models", model, ("load" | "unload") as verb] if model:
            return Route(verb, model)
        case ["", "v2", "openapi.json"]:
            return Route("openapi")
        case ["", "metrics"]:
            return Route("metrics")
    return Route("unknown")


def _of_model(model: str, rest: list[str]) -> Route:
    match rest:
        case []:
            return Route("model", model)
        case ["infer"]:
            return Route("infer", model)
        case ["ready"]:
            return Route("model-ready", model)
        case ["versions", version] if version:
            return Route("model", model, version)
        case ["versions", version, "infer"] if version:
            return Route("infer", model, version)
        case ["versions", version, "ready"] if version:
            return Route("model-ready", model, version)
    return Route("unknown")
