"""Watches of a real API server, over a link that breaks."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import NotFoundError, UnreachableError
from i4q_ai.kube import Api, Event
from tests.e2e.kube.conftest import Soon
from tests.e2e.kube.link import Link
from tests.e2e.kube.test_objects import config_map

OURS = "app=a"


def _shape(event: Event) -> tuple[str, str]:
    return event.type, event.object.get("data", {}).get("k", "")


@contextmanager
def _watching(api: Api, namespace: str, soon: Soon) -> Iterator[Iterator[Event]]:
    stop = threading.Event()
    events = (
        event
        for event in api.watch("ConfigMap", namespace, labels=OURS, deadline=soon(), stop=stop)
        if event.type != "BOOKMARK"
    )
    yield events
    stop.set()
    assert next(events, None) is None


def test_changes_come_as_they_happen(api: Api, kube_namespace: str, soon: Soon) -> None:
    api.create(config_map(kube_namespace, k="0"), deadline=soon())
    with _watching(api, kube_namespace, soon) as events:
        first = next(events)
        assert first.type == "RESYNC"
        assert [item["data"] for item in first.items] == [{"k": "0"}]
        api.apply(config_map(kube_namespace, k="1"), manager="i4q", force=True, deadline=soon())
        assert _shape(next(events)) == ("MODIFIED", "1")
        api.create(config_map(kube_namespace, "other"), deadline=soon())  # of another label: not ours
        api.delete("ConfigMap", kube_namespace, "a", deadline=soon())
        assert _shape(next(events)) == ("DELETED", "1")


def test_a_watch_goes_on_from_a_revision(api: Api, kube_namespace: str, soon: Soon) -> None:
    revision = api.list("ConfigMap", kube_namespace, deadline=soon()).revision
    api.create(config_map(kube_namespace, k="1"), deadline=soon())
    event = next(api.watch("ConfigMap", kube_namespace, revision=revision, deadline=soon()))
    assert _shape(event) == ("ADDED", "1")


def test_nothing_is_missed_when_the_link_is_cut(
    far: Api, api: Api, link: Link, kube_namespace: str, soon: Soon
) -> None:
    with _watching(far, kube_namespace, soon) as events:
        assert next(events).items == ()
        for number in range(3):
            link.cut()
            api.apply(config_map(kube_namespace, k=str(number)), manager="i4q", deadline=soon())
            assert _shape(next(events)) == ("MODIFIED" if number else "ADDED", str(number))


def test_stopping_is_prompt_and_leaves_no_connection(far: Api, link: Link, kube_namespace: str, soon: Soon) -> None:
    stop, begun = threading.Event(), threading.Event()

    def _watch() -> None:
        for _ in far.watch("ConfigMap", kube_namespace, deadline=soon(), stop=stop):
            begun.set()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(_watch)
        assert begun.wait(60)
        stop.set()
        done.result(60)
    far.close()
    _wait_until_closed(link, soon())


def test_a_watch_that_nobody_reads_any_more_leaves_no_connection(
    far: Api, link: Link, kube_namespace: str, soon: Soon
) -> None:
    watch = far.watch("ConfigMap", kube_namespace, revision="0", deadline=soon())
    next(watch)
    watch.close()  # type: ignore[attr-defined]
    far.close()
    _wait_until_closed(link, soon())


def test_stopping_does_not_wait_for_a_server_that_says_nothing(
    far: Api, link: Link, kube_namespace: str, soon: Soon
) -> None:
    stop = threading.Event()
    link.stall()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(list, far.watch("ConfigMap", kube_namespace, deadline=soon(), stop=stop))
        until = soon()
        while not link.open:
            until.pause(0.02)
        stop.set()
        assert done.result(60) == []
    link.flow()


def test_it_ends_at_its_deadline(api: Api, kube_namespace: str) -> None:
    began = time.monotonic()
    events = list(api.watch("ConfigMap", kube_namespace, labels=OURS, deadline=Deadline.after(1)))
    assert [event.type for event in events] == ["RESYNC"]
    assert time.monotonic() - began >= 1


def test_where_nobody_answers_it_says_so(far: Api, link: Link, kube_namespace: str, soon: Soon) -> None:
    link.refuse()
    with pytest.raises(UnreachableError, match="Connection refused"):
        next(far.watch("ConfigMap", kube_namespace, deadline=soon()))


def test_a_kind_that_the_server_does_not_know(api: Api, soon: Soon) -> None:
    with pytest.raises(NotFoundError, match=r"no kind 'example.com/v1/Thing'"):
        next(api.watch("example.com/v1/Thing", None, deadline=soon()))


def _wait_until_closed(link: Link, until: Deadline) -> None:
    while link.open:
        until.pause(0.02)  # the other side's thread ends a moment later
