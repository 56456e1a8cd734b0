"""Changes of objects as they happen: lists, then watches, and goes on when the connection or the history is lost."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlencode

from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, I4qError, UnreachableError
from i4q_ai.kube.errors import Asked, ExpiredError, Refused, translate
from i4q_ai.kube.listing import Listing
from i4q_ai.kube.streaming import Halted, Patience, Stream, open_stream
from i4q_ai.kube.transport import BROKEN, Query, Transport
from i4q_ai.retrying import backoff

_log = logging.getLogger(__name__)

_LONGEST = 1800
"""Seconds that one watch lasts at the server; then the next one begins."""

_ENDINGS: tuple[type[Exception], ...] = (*BROKEN, ValueError)
"""Ways for a stream to end; a line that was cut off is no JSON."""


@dataclass(frozen=True)
class Event:
    """A change.

    Args:
        type: what happened; BOOKMARK: nothing but time; RESYNC: what was known before is to be replaced by `items`.
        object: that changed; for a BOOKMARK only its revision.
        items: all objects, with RESYNC.
        revision: to watch from when this event has been dealt with.
    """

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "RESYNC"]
    object: dict[str, Any] = field(default_factory=dict)
    items: tuple[dict[str, Any], ...] = ()
    revision: str = ""


class Watch:
    """One watch of one kind.

    Args:
        transport: to the server.
        asked: what is watched, for errors.
        path: of the objects.
        query: that selects them.
        listing: lists them anew, until a deadline.
        revision: to begin from; None: with a list.
        patience: how long to go on.
    """

    def __init__(
        self,
        transport: Transport,
        asked: Asked,
        path: str,
        query: Query,
        *,
        listing: Callable[[Deadline], Listing],
        revision: str | None,
        patience: Patience,
    ) -> None:
        self._transport, self._asked, self._path, self._query = transport, asked, path, query
        self._listing = listing
        self._revision = revision
        self._patience = patience
        self._barren = 0

    def events(self) -> Iterator[Event]:
        """The events until patience ends.

        Raises:
            NotFoundError: the server does not know the kind.
            ForbiddenError: the right to list or watch is missing.
            UnreachableError: nobody answers.
        """
        try:
            while True:
                yield from self._round()
                self._patience.pause(backoff(self._barren))
        except (Halted, DeadlineError):
            return
        except I4qError:
            if not self._patience.stopped:  # what is under way when it is time to stop says that it was cancelled
                raise

    def _round(self) -> Iterator[Event]:
        """A list if there is no revision to go on from, then a watch for as long as it lasts."""
        self._barren += 1
        try:
            if self._revision is None:
                yield self._resync()
            with self._patience.within(self._open, discard=Stream.close) as stream:
                yield from self._read(stream)
        except ExpiredError:
            _log.debug("%s: the history is gone, listing anew", self._asked)
            self._revision = None

    def _resync(self) -> Event:
        listing = self._patience.within(lambda: self._listing(self._patience.cancellable), discard=id)
        self._revision = listing.revision
        return Event("RESYNC", items=listing.items, revision=listing.revision)

    def _open(self) -> Stream:
        lasting = int(min(max(self._patience.deadline.left(), 1), _LONGEST))
        query = [
            *self._query,
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", self._revision or ""),
            ("timeoutSeconds", str(lasting)),
        ]
        target = f"{self._path}?{urlencode(query)}"
        return self._transport.persist(
            lambda: open_stream(self._transport, target, self._patience, headers_within=self._transport.timeout),
            self._asked,
            deadline=self._patience.cancellable,
        )

    def _read(self, stream: Stream) -> Iterator[Event]:
        lines = stream.lines()
        while (line := self._next(lines)) is not None:
            kind, obj = line["type"], line["object"]
            if kind == "ERROR":
                error = translate(Refused(int(obj.get("code") or 0), json.dumps(obj).encode()), self._asked)
                if isinstance(error, UnreachableError) and not isinstance(error, ExpiredError):
                    _log.debug("%s: the server ends the watch: %s", self._asked, error)
                    return
                raise error
            self._revision = str(obj["metadata"]["resourceVersion"])
            self._barren = 0
            yield Event(kind, obj, revision=self._revision)

    def _next(self, lines: Iterator[bytes]) -> dict[str, Any] | None:
        """The next line; None when the stream has ended, however it did."""
        try:
            line = next(lines, None)
            return None if line is None else json.loads(line)
        except I4qError:
            raise
        except _ENDINGS as error:
            _log.debug("%s: cut off: %s", self._asked, error)
            return None
