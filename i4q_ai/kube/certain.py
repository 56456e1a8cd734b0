"""Whether a write that was cut off has happened: what was sent, compared with what is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SERVERS = frozenset({"resourceVersion", "uid", "generation", "creationTimestamp", "managedFields", "selfLink"})
"""Metadata that the server sets."""


def holds(live: Mapping[str, Any], sent: Mapping[str, Any], *, subresource: str = "") -> bool:
    """Whether an object has all that was sent; the server may have filled in more.

    Args:
        live: as it is.
        sent: what was sent.
        subresource: that it was sent to, of which nothing but that part is kept; empty for all but the status.

    Example:
        >>> holds({"data": {"a": "1", "b": "2"}, "metadata": {"resourceVersion": "7"}}, {"data": {"a": "1"}})
        True
    """
    if subresource:
        return _within(sent.get(subresource), live.get(subresource))
    meta = {key: value for key, value in (sent.get("metadata") or {}).items() if key not in _SERVERS}
    return _within({**sent, "metadata": meta or None, "status": None}, live)


def _within(sent: Any, live: Any) -> bool:
    if isinstance(sent, Mapping):
        return isinstance(live, Mapping) and all(
            value is None or _within(value, live.get(key)) for key, value in sent.items()
        )
    if isinstance(sent, list | tuple):
        return isinstance(live, list) and len(sent) == len(live) and all(map(_within, sent, live))
    return bool(sent == live) or (live is None and sent in ("", False, 0))
