"""What of a cluster can be looked at: the runtime copies what it gets, and clusters that look alike are asked once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Object = Mapping[str, Any]
Path = tuple[str, ...]
"""Keys from a cluster's top on down; `()` is all of it."""

_Branches = dict[str, Any]


def seeing(looks: Iterable[Path]) -> Callable[[Object], Any]:
    """A function that leaves of a cluster what is at these paths; what is no map is left whole.

    Example:
        >>> seeing([("metadata", "name")])({"metadata": {"name": "a", "uid": "1"}, "status": {}})
        {'metadata': {'name': 'a'}}
    """
    paths = [*looks]
    branches = _branches(paths)
    return lambda cluster: _left(cluster, branches) if paths else {}


def _branches(looks: Iterable[Path]) -> _Branches:
    """The paths as a tree of keys; one without any below it is whole."""
    top: _Branches = {}
    for path in sorted(looks, key=len, reverse=True):
        branch = top
        for key in path:
            branch = branch.setdefault(key, {})
        branch.clear()
    return top


def _left(found: Any, branches: _Branches) -> Any:
    if not branches or not isinstance(found, Mapping):
        return found
    return {key: _left(found[key], below) for key, below in branches.items() if key in found}
