"""Backends by name: the built-in one and every entry point in the group `i4q_ai.backends`, imported on first use."""

from __future__ import annotations

import inspect
from typing import Any

from i4q_ai.backends.base import Backend, Factory
from i4q_ai.errors import InvalidError, NotFoundError, nearest

GROUP = "i4q_ai.backends"


def names() -> list[str]:
    """All backends that are installed."""
    return sorted(_entry_points())


def open_backend(address: str, **options: Any) -> Backend:
    """Open a backend by its address.

    Args:
        address: `name` or `name://rest`: "embedded", "kubectl://clusters.yaml".
        options: passed to the backend.

    Raises:
        NotFoundError: there is no backend of that name; with the nearest one.
        InvalidError: it does not know an option.
    """
    name, _, rest = address.partition("://")
    factory = _load(name)
    _check_options(name, factory, options)
    return factory(rest, **options)


def _entry_points() -> dict[str, Any]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=GROUP)}


def _load(name: str) -> Factory:
    points = _entry_points()
    if name not in points:
        raise NotFoundError(f"there is no backend '{name}'", hint=nearest(name, points))
    factory: Factory = points[name].load()
    return factory


def _check_options(name: str, factory: Factory, options: dict[str, Any]) -> None:
    known = [
        parameter.name
        for parameter in inspect.signature(factory).parameters.values()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    ]
    for option in options:
        if option not in known:
            raise InvalidError(f"backend '{name}' has no option '{option}'", hint=nearest(option, known))
