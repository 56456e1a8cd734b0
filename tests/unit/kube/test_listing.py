from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from msgspec import Struct

from i4q_ai.kube.errors import ExpiredError, Refused
from i4q_ai.kube.kinds import KINDS
from i4q_ai.kube.listing import PAGE, Keep, Listing, listing, selecting, whole
from i4q_ai.kube.shapes import Shape
from i4q_ai.kube.transport import Query

T = TypeVar("T")
POD = KINDS["Pod"]


class Metadata(Struct):
    name: str
    labels: dict[str, str] | None = None


class Named(Struct):
    metadata: Metadata
    status: str = "none"


NAMES = Shape(Named, lambda found: {"name": found.metadata.name, "status": found.status})


def pod(number: int) -> dict[str, Any]:
    return {"metadata": {"name": f"pod-{number}", "uid": f"{number}"}, "spec": {"nodeName": None, "deep": [{}]}}


class Pages:
    """A server with some objects, two a page.

    Args:
        objects: all there are.
        expires: whether it forgets a list before its second page is asked for.
    """

    def __init__(self, *objects: dict[str, Any], expires: bool = False) -> None:
        self.objects = objects
        self.expires = expires
        self.asked: list[dict[str, str]] = []

    def ask(self, query: Query, read: Callable[[bytes], T]) -> T:
        asked = dict(query)
        self.asked.append(asked)
        begin = int(asked.get("continue", 0))
        if begin and self.expires:
            raise ExpiredError("forgotten")
        end = begin + 2 if "limit" in asked else len(self.objects)
        about = {"resourceVersion": "77", **({"continue": str(end)} if end < len(self.objects) else {})}
        page = {"kind": "PodList", "items": [*self.objects[begin:end]], "metadata": about}
        return read(json.dumps(page).encode())

    def list(self, keep: Keep = whole) -> Listing:
        return listing(POD, selecting({"app": "a"}), self.ask, keep=keep)


def test_objects_of_all_pages_say_what_they_are() -> None:
    pages = Pages(*map(pod, range(5)))
    assert pages.list() == Listing(tuple({"apiVersion": "v1", "kind": "Pod", **pod(each)} for each in range(5)), "77")
    assert [each.get("continue") for each in pages.asked] == [None, "2", "4"]
    assert all(each["labelSelector"] == "app=a" and each["limit"] == str(PAGE) for each in pages.asked)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 6])
def test_of_each_object_is_kept_what_was_asked_for(count: int) -> None:
    expected = tuple({"name": f"pod-{each}", "status": "none"} for each in range(count))
    assert Pages(*map(pod, range(count))).list(NAMES) == Listing(expected, "77")
    assert Pages(*map(pod, range(count))).list(lambda each: NAMES(each)) == Listing(expected, "77")


@pytest.mark.parametrize("keep", [whole, NAMES])
def test_a_list_that_is_forgotten_meanwhile_is_taken_in_one_piece(keep: Keep) -> None:
    pages = Pages(*map(pod, range(5)), expires=True)
    assert len(pages.list(keep).items) == 5
    assert "limit" not in pages.asked[-1]


def test_the_next_page_comes_while_objects_are_made() -> None:
    pages = Pages(*map(pod, range(3)))
    second = threading.Event()
    ask = pages.ask

    def asking(query: Query, read: Callable[[bytes], T]) -> T:
        if "continue" in dict(query):
            second.set()
        return ask(query, read)

    def keep(found: dict[str, Any]) -> dict[str, Any]:
        assert second.wait(60)
        return found

    assert len(listing(POD, [], asking, keep=keep).items) == 3


def test_what_goes_wrong_with_a_later_page_is_told() -> None:
    pages = Pages(*map(pod, range(5)))
    ask = pages.ask

    def asking(query: Query, read: Callable[[bytes], T]) -> T:
        if dict(query).get("continue") == "2":
            raise Refused(500, b"")
        return ask(query, read)

    with pytest.raises(Refused):
        listing(POD, [], asking, keep=NAMES)


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{", b'{"items": [{"metadata": {}}]}', b'{"items": [{"metadata": {"name": 1}}]}']
)
def test_a_page_of_something_else_is_broken(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        NAMES.page(raw)


def test_a_page_without_objects_may_say_nothing_or_null() -> None:
    for raw in (b"{}", b'{"items": null, "metadata": {}}'):

        def ask(_: Query, read: Callable[[bytes], T], raw: bytes = raw) -> T:
            return read(raw)

        assert listing(POD, [], ask, keep=NAMES) == Listing((), "")
