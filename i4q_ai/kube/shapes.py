"""What is kept of the objects of a large list: read by its shape, so that nothing else is ever made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from msgspec import DecodeError, Struct, field, json

T = TypeVar("T")


class About(Struct, rename={"revision": "resourceVersion", "more": "continue"}):
    """What a page says of itself.

    Args:
        revision: of the list.
        more: asks for the next page; empty if there is none.
    """

    revision: str = ""
    more: str = ""


class Page(Struct, Generic[T]):
    """A page of a list."""

    items: list[T] | None = None
    metadata: About = field(default_factory=About)


class Shape(Generic[T]):
    """Keeps of objects what a msgspec Struct names; it stands wherever a `Keep` does.

    Args:
        shape: the Struct; what an object may lack must have a default.
        make: from one of them to what is kept.

    Example:
        >>> class Named(Struct):
        ...     metadata: dict[str, str]
        >>> keep = Shape(Named, lambda found: {"name": found.metadata["name"]})
        >>> keep({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "uid": "1"}})
        {'name': 'a'}
    """

    def __init__(self, shape: type[T], make: Callable[[T], dict[str, Any]]) -> None:
        self.make = make
        self._one = json.Decoder(shape)
        self._page = json.Decoder(Page[shape])  # type: ignore[valid-type]

    def __call__(self, found: dict[str, Any]) -> dict[str, Any]:
        """What is kept of an object that was read as a whole."""
        return self.make(self._one.decode(json.encode(found)))

    def page(self, raw: bytes) -> Page[T]:
        """A page of a list.

        Raises:
            ValueError: what it is instead: none, or one of other objects.
        """
        try:
            page: Page[T] = self._page.decode(raw)
        except DecodeError as error:  # a ValidationError is one, too
            raise ValueError(f"no such list: {error}") from error
        return page
