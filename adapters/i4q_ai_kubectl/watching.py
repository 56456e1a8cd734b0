"""Watching: one thread per kind and namespace follows a cluster, one asks now and then whether it is still there."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from i4q_ai.backends.away import Away
from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, ForbiddenError, I4qError, UnreachableError
from i4q_ai.kube import Api
from i4q_ai.kube.listing import Keep, Listing, whole

log = logging.getLogger(__name__)

HEARTBEAT = 2.0
"""Seconds between questions whether a cluster is there: a cut wire says nothing, neither does a watch on it."""
_PATIENCE = 3.0
_AGAIN = 1.0


@dataclass
class Stream:
    """Follows the objects of one kind in one namespace, or all, of one cluster.

    Args:
        api: of the cluster.
        kind, namespace, labels: of the objects.
        changed: called after each change, from the stream's own thread.
        stop: set when nobody wants to know any more.
        keep: what is kept of each object.
        begun: what was there at a moment, to go on from; None to begin with a list.

    Attributes:
        changes: how many there have been.
        refused: the right that is missing, as long as it is.
    """

    api: Api
    kind: str
    namespace: str | None
    labels: dict[str, str]
    changed: Callable[[], None]
    stop: threading.Event
    keep: Keep = whole
    begun: Listing | None = None
    changes: int = 0
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    synced: threading.Event = field(default_factory=threading.Event)
    refused: ForbiddenError | None = None

    def __post_init__(self) -> None:
        if self.begun is not None:
            self._replace(self.begun.items)

    def run(self) -> None:
        """Follow until told to stop; what breaks is begun anew."""
        while not self.stop.is_set():
            try:
                self._follow()
            except UnreachableError as error:
                log.debug("watch of %s: %s", self.kind, error)
            except ForbiddenError as error:
                self.refused = error
                self.changed()
            except I4qError as error:
                log.warning("%s in %s cannot be watched: %s", self.kind, self.namespace, error)
            self.stop.wait(_AGAIN)

    def _follow(self) -> None:
        deadline = Deadline.after(float("inf"), f"watching {self.kind}")
        revision, self.begun = self.begun.revision if self.begun else None, None
        for event in self.api.watch(
            self.kind,
            self.namespace,
            labels=self.labels,
            revision=revision,
            keep=self.keep,
            deadline=deadline,
            stop=self.stop,
        ):
            self.refused = None
            if event.type == "RESYNC":
                self._replace(event.items)
            elif event.type == "DELETED":
                self.objects.pop(_key(event.object), None)
            elif event.type != "BOOKMARK":
                self.objects[_key(event.object)] = self.keep(event.object)
            else:
                continue
            self.changes += 1
            self.changed()

    def _replace(self, items: Iterable[dict[str, Any]]) -> None:
        self.objects = {_key(each): each for each in items}
        self.synced.set()


class Heartbeat:
    """Asks a cluster whether it is there.

    Args:
        api: of the cluster.
        found: called with why it is out of reach, or None, after each question.
        stop: set when nobody wants to know any more.
    """

    def __init__(self, api: Api, found: Callable[[Away | None], None], stop: threading.Event) -> None:
        self._api = api
        self._found = found
        self._stop = stop

    def run(self) -> None:
        """Ask until told to stop."""
        while not self._stop.is_set():
            self._found(self._ask())
            self._stop.wait(HEARTBEAT)

    def _ask(self) -> Away | None:
        try:
            self._api.version(deadline=Deadline.after(_PATIENCE))
        except DeadlineError:
            return Away("Timeout", f"it does not answer within {_PATIENCE:g} s")
        except UnreachableError as error:
            return Away("Unreachable", error.what)
        except I4qError as error:
            log.debug("heartbeat: %s", error)  # it answers, if only to refuse
        return None


class Bell:
    """Rung by many threads, waited for by one; several rings in a row are one."""

    def __init__(self) -> None:
        self._rings: queue.Queue[None] = queue.Queue(maxsize=1)

    def ring(self) -> None:
        """Something may have changed."""
        try:
            self._rings.put_nowait(None)
        except queue.Full:
            log.debug("rings already")

    def wait(self, seconds: float) -> bool:
        """Wait for a ring; False if there was none in so many seconds."""
        try:
            self._rings.get(timeout=seconds)
        except queue.Empty:
            return False
        return True


def _key(found: dict[str, Any]) -> str:
    return f"{found['metadata'].get('namespace', '')}/{found['metadata']['name']}"
