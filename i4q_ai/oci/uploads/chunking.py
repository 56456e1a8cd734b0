"""A large blob in chunks, carried on after a cut, and after the end of the process, where the registry stands.

Registries differ in what a cut leaves: distribution 3 keeps every byte and may still be writing some when it is asked
again, docker-registry 2.8 keeps whole chunks and forgets the upload when one was cut. So one goes on when two
answers agree, begins anew when the upload is gone, and stops, when one may choose, at the end of a chunk.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from typing import NoReturn

import requests

from i4q_ai.errors import ConflictError, I4qError, IntegrityError, NotFoundError, StorageError
from i4q_ai.oci.uploads.bodies import Body, Flow, cut
from i4q_ai.oci.uploads.resuming import Record, Standing, received
from i4q_ai.oci.uploads.uploading import Content, Teller, Terms, Uploads, closing, need_echo
from i4q_ai.oci.wire import quirks
from i4q_ai.retrying import TransientError, call

_log = logging.getLogger(__name__)

GRACE = 10.0
"""Seconds that a chunk may still take when the job was cancelled."""

_DRAINING = 0.1
_ANSWERS = 100
_NO_CHUNKS = frozenset({400, 405, 411, 413, 415, 416, 501})
_HOPELESS = (ConflictError, IntegrityError, NotFoundError, StorageError)


class _RefusedError(Exception):
    """The registry takes no chunks."""


class Chunked:
    """One upload in chunks.

    Args:
        uploads: of the repository.
        content: what is sent.
        terms: how.
    """

    def __init__(self, uploads: Uploads, content: Content, terms: Terms) -> None:
        self._uploads, self._content, self._terms = uploads, content, terms
        self._calm = dataclasses.replace(terms.deadline, cancel=None)
        self._teller = Teller(terms.progress, content.source)
        self._flow = Flow(self._calm, rate=terms.rate, told=self._teller.move, check=self._hurry)
        self._record = Record(f"{uploads.root} {content.source}")
        self._chunk = quirks.CHUNK
        self._location, self._sent, self._best = "", 0, 0
        self._sure = self._resumed = self._ended = False
        self._until: float | None = None

    def run(self, location: str | None = None) -> bool:
        """Send all of it.

        Args:
            location: of an upload that has begun.

        Returns:
            Whether it is there; False if the registry takes no chunks.
        """
        with self._record.held():
            self._restore(location)
            try:
                call(self._attempt, deadline=self._terms.deadline)
            except _RefusedError:
                self._give_up()
                return False
            except BaseException as error:
                if isinstance(error, _HOPELESS) or not self._record.kept or not self._sent:
                    self._give_up()
                raise
            self._record.drop()
        return True

    def _restore(self, location: str | None) -> None:
        standing = self._record.load(self._content.source)
        if standing is not None:
            self._location, self._sent, self._resumed = standing.location, standing.sent, True
            if location:
                self._uploads.abandon(location)
        elif location:
            self._location, self._sure = location, True

    def _give_up(self) -> None:
        self._teller.move(0)
        self._record.drop()
        if self._location:
            self._uploads.abandon(self._location)

    def _attempt(self) -> None:
        try:
            self._go_on()
        except TransientError as error:
            error.progressed = self._sent > self._best  # than ever: an upload that is lost again and again has an end
            self._best = max(self._best, self._sent)
            raise

    def _go_on(self) -> None:
        if self._ended and self._uploads.has(self._content.digest(), self._terms.deadline):
            return  # only the answer was lost
        if not self._location:
            self._begin()
        elif not self._sure:
            self._ask()
        while self._sent < self._content.size:
            self._terms.deadline.check()
            self._send_chunk()
        self._end()

    def _begin(self) -> None:
        location, response = self._uploads.begin(self._terms.deadline)
        self._chunk = quirks.chunk_size(response.headers.get("OCI-Chunk-Min-Length"))
        self._stand(location, 0)

    def _stand(self, location: str, sent: int) -> None:
        """What the registry has confirmed."""
        self._location, self._sent, self._sure = location, sent, True
        if sent:
            self._record.save(Standing(self._content.source, location, sent))
        else:
            self._record.drop()
        self._teller.move(sent)

    def _ask(self) -> None:
        """Find out where the registry stands: where two answers in a row agree, for it may still be writing."""
        last = -1
        for _ in range(_ANSWERS):
            response = self._uploads.http.send("GET", self._location, self._terms.deadline)
            if response.status_code not in (200, 202, 204):
                self._lost(self._uploads.http.refusal(response))
            self._uploads.http.finish(response)
            has = received(response.headers.get("Range"))
            if has == last:
                break
            last = has
            self._terms.deadline.pause(_DRAINING)
        if not 0 < last <= self._content.size:
            self._uploads.abandon(self._location)
            self._begin()
            return
        self._resumed = True
        self._stand(self._next(response), last)

    def _send_chunk(self) -> None:
        start, stop = self._sent, min(self._sent + self._chunk, self._content.size)
        headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{start}-{stop - 1}"}
        body = Body(cut(self._content.parts, start, stop), self._flow, start=start)
        self._sure = False
        response = self._uploads.http.send("PATCH", self._location, self._calm, headers=headers, body=body)
        if response.status_code == 201 and not start and stop < self._content.size:  # it takes this for all
            self._uploads.http.finish(response)
            raise _RefusedError
        if response.status_code not in (201, 202, 204):
            self._refused(response)
        self._uploads.http.finish(response)
        took = received(response.headers.get("Range")) or stop
        if not start < took <= stop:
            raise IntegrityError(f"{self._uploads.name}: the registry says that it has {took} bytes, not {stop}")
        self._stand(self._next(response), took)

    def _refused(self, response: requests.Response) -> NoReturn:
        error = self._uploads.http.refusal(response)
        if response.status_code in _NO_CHUNKS and not self._sent and not self._resumed:
            raise _RefusedError from error
        if response.status_code == 416:  # we are not where it is: ask
            raise TransientError(error)
        if response.status_code in (400, 404):
            self._lost(error)
        raise error

    def _end(self) -> None:
        """Close the upload, unless the files have changed meanwhile."""
        digest = self._content.digest()
        self._content.verify()
        self._sure, self._ended = False, True
        response = self._uploads.http.send("PUT", closing(self._location, digest), self._calm, body=b"")
        if response.status_code == 201:
            self._uploads.http.finish(response)
            need_echo(response, digest, self._uploads.name)
            return
        error = self._uploads.http.refusal(response)
        if response.status_code == 404 and self._uploads.has(digest, self._terms.deadline):
            return
        if response.status_code == 400:
            self._content.doubt()
        if response.status_code in (400, 404, 416) and self._resumed:
            self._resumed = False  # what was there from before was not what it should be; once
            self._lost(error)
        raise error

    def _lost(self, error: I4qError) -> NoReturn:
        """The upload is gone, or of no use: begin anew."""
        _log.info("%s: an upload begins anew: %s", self._uploads.name, error.what)
        self._best = max(self._best, self._sent)
        if self._location:
            self._uploads.abandon(self._location)
        self._stand("", 0)
        raise TransientError(error)

    def _next(self, response: requests.Response) -> str:
        location = response.headers.get("Location")
        return self._uploads.http.located(location, response.url) if location else self._location

    def _hurry(self) -> None:
        """A chunk may end when the job is cancelled, if that does not take long."""
        cancel = self._terms.deadline.cancel
        if cancel is None or not cancel.is_set():
            return
        self._until = self._until or time.monotonic() + GRACE
        if time.monotonic() > self._until:
            raise I4qError(f"{self._terms.deadline.what} was cancelled")
