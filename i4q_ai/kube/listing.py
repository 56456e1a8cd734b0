"""Lists: page by page, as of one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from i4q_ai.kube.errors import ExpiredError
from i4q_ai.kube.kinds import Kind
from i4q_ai.kube.shapes import Shape
from i4q_ai.kube.transport import Query, parsed, uncollected

PAGE = 500
"""Objects that one answer carries."""

Keep = Callable[[dict[str, Any]], dict[str, Any]]
"""What is kept of an object: of thousands, only what is looked at. A `Shape` reads no more than that."""


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


Ask = Callable[[Query, Callable[[bytes], "_Page"]], "_Page"]
"""Gives the page that a query asks for, made from its JSON."""


@dataclass(frozen=True)
class _Page:
    """A page, of which the objects are yet to be made."""

    items: Callable[[], Iterable[dict[str, Any]]]
    revision: str
    more: str


def listing(kind: Kind, query: Query, ask: Ask, *, keep: Keep = whole) -> Listing:
    """All pages of a list.

    Args:
        kind: of its objects.
        query: that selects them.
        ask: gives the page that a query asks for.
        keep: what is kept of each object, page by page.
    """

    def read(raw: bytes) -> _Page:
        return _shaped(raw, keep) if isinstance(keep, Shape) else _plain(raw, kind, keep)

    try:
        return _pages([("limit", str(PAGE)), *query], ask, read)
    except ExpiredError:  # it took longer than the server remembers: take it in one piece
        return _pages(query, ask, read)


def _pages(query: Query, ask: Ask, read: Callable[[bytes], _Page]) -> Listing:
    """The next page comes while the objects of one are made."""
    items: list[dict[str, Any]] = []
    page = ask(query, read)
    if not page.more:
        return Listing(tuple(page.items()), page.revision)
    with ThreadPoolExecutor(1, thread_name_prefix="i4q-list") as ahead:
        while page.more:
            coming = ahead.submit(ask, [*query, ("continue", page.more)], read)
            with uncollected():
                items += page.items()
            page = coming.result()
    with uncollected():
        items += page.items()
    return Listing(tuple(items), page.revision)


def _plain(raw: bytes, kind: Kind, keep: Keep) -> _Page:
    body = parsed(raw)
    about, items = body.get("metadata") or {}, body.get("items") or ()
    # The objects of a list leave out what is the same for all of them.
    made = ({"apiVersion": kind.api_version, "kind": kind.name, **item} for item in items)
    return _Page(lambda: map(keep, made), str(about.get("resourceVersion", "")), str(about.get("continue") or ""))


def _shaped(raw: bytes, keep: Shape[Any]) -> _Page:
    page = keep.page(raw)
    return _Page(lambda: map(keep.make, page.items or ()), page.metadata.revision, page.metadata.more)


def selecting(labels: Mapping[str, str] | str, fields: str = "") -> Query:
    """The query that selects by labels and fields.

    Example:
        >>> selecting({"app": "a", "line": "cnc"})
        [('labelSelector', 'app=a,line=cnc')]
    """
    chosen = labels if isinstance(labels, str) else ",".join(f"{key}={value}" for key, value in labels.items())
    return [(name, value) for name, value in (("labelSelector", chosen), ("fieldSelector", fields)) if value]
