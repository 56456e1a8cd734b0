"""Lists: page by page, as of one moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from i4q_ai.kube.errors import ExpiredError
from i4q_ai.kube.kinds import Kind
from i4q_ai.kube.transport import Query

PAGE = 500
"""Objects that one answer carries."""

Keep = Callable[[dict[str, Any]], dict[str, Any]]
"""What is kept of an object: of thousands, only what is looked at."""


@dataclass(frozen=True)
class Listing:
    """All objects of a list, as of one moment.

    Args:
        items: the objects.
        revision: of the list, to watch from.
    """

    items: tuple[dict[str, Any], ...]
    revision: str


def whole(found: dict[str, Any]) -> dict[str, Any]:
    """All of an object."""
    return found


def listing(kind: Kind, query: Query, ask: Callable[[Query], dict[str, Any]], *, keep: Keep = whole) -> Listing:
    """All pages of a list.

    Args:
        kind: of its objects.
        query: that selects them.
        ask: gives the page that a query asks for.
        keep: what is kept of each object, page by page.
    """
    try:
        return _pages(kind, [("limit", str(PAGE)), *query], ask, keep)
    except ExpiredError:  # it took longer than the server remembers: take it in one piece
        return _pages(kind, query, ask, keep)


def _pages(kind: Kind, query: Query, ask: Callable[[Query], dict[str, Any]], keep: Keep) -> Listing:
    items: list[dict[str, Any]] = []
    page = ask(query)
    while True:
        # The objects of a list leave out what is the same for all of them.
        items += (keep({"apiVersion": kind.api_version, "kind": kind.name, **item}) for item in page.get("items") or ())
        about = page.get("metadata") or {}
        more = about.get("continue")
        if not more:
            return Listing(tuple(items), str(about.get("resourceVersion", "")))
        page = ask([*query, ("continue", more)])


def selecting(labels: Mapping[str, str] | str, fields: str = "") -> Query:
    """The query that selects by labels and fields.

    Example:
        >>> selecting({"app": "a", "line": "cnc"})
        [('labelSelector', 'app=a,line=cnc')]
    """
    chosen = labels if isinstance(labels, str) else ",".join(f"{key}={value}" for key, value in labels.items())
    return [(name, value) for name, value in (("labelSelector", chosen), ("fieldSelector", fields)) if value]
