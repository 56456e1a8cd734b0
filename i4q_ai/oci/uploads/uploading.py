"""One blob to a registry: not at all if it is there, mounted from a neighbour, or sent in one or many requests."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeGuard
from urllib.parse import quote

import requests

from i4q_ai import progress as progresses
from i4q_ai.deadline import Deadline
from i4q_ai.errors import AuthError, I4qError, IntegrityError
from i4q_ai.oci import together
from i4q_ai.oci.artifact import Blob
from i4q_ai.oci.rates import Rate
from i4q_ai.oci.uploads import neighbours
from i4q_ai.oci.uploads.bodies import Body, ChunkBody, Flow, Part
from i4q_ai.oci.wire import quirks
from i4q_ai.oci.wire.transport import Transport
from i4q_ai.progress import Progress, Silent
from i4q_ai.retrying import TransientError, call

_log = logging.getLogger(__name__)

_DATA = {"Content-Type": "application/octet-stream"}
_GIVING_UP = 5.0


class Spanned(Blob, Protocol):
    """A blob that can be sent from anywhere on, by files."""

    def spans(self) -> Iterator[Part]:
        """Its bytes, as bytes and stretches of files."""

    def verify(self) -> None:
        """Make sure that the files are what they were when the digest was found.

        Raises:
            ConflictError: they are not.
        """

    def doubt(self) -> None:
        """Make sure by reading all of it, as somebody says that it is something else; nothing is taken from memory.

        Raises:
            ConflictError: it is.
        """


def is_spanned(blob: Blob) -> TypeGuard[Spanned]:
    """Whether a blob can be sent from anywhere on."""
    return hasattr(blob, "spans")


@dataclass(frozen=True)
class Content:
    """What a large upload sends.

    Args:
        source: names it; equal only if the bytes are.
        parts: its bytes.
        size: of all.
        digest: waits until it is known.
        verify, doubt: as of `Spanned`.
    """

    source: str
    parts: Sequence[Part]
    size: int
    digest: Callable[[], str]
    verify: Callable[[], None]
    doubt: Callable[[], None]


@dataclass(frozen=True)
class Terms:
    """How things are sent.

    Args:
        deadline: of the whole job.
        progress: told of bytes sent.
        rate: shared by all blobs.
        mounts: repositories of the same registry that may hold the blobs.
    """

    deadline: Deadline
    progress: Progress = field(default_factory=Silent)
    rate: Rate = field(default_factory=lambda: Rate(None))
    mounts: Sequence[str] = ()


class Uploads:
    """The uploads of one repository.

    Args:
        http: to its registry.
        repository: its name there.
        name: for people.
    """

    def __init__(self, http: Transport, repository: str, name: str) -> None:
        self.http, self.name, self.repository = http, name, repository
        self.root = f"{http.base}/v2/{repository}"
        self.takes_chunks = quirks.takes_chunks(http.host)

    def has(self, digest: str, deadline: Deadline) -> bool:
        """Whether a blob is there."""
        response = self.http.request("HEAD", f"{self.root}/blobs/{digest}", deadline)
        self.http.finish(response)
        if response.status_code not in (200, 404):
            raise self.http.refusal(response)
        return response.status_code == 200

    def send_all(self, blobs: Sequence[Blob], terms: Terms) -> None:
        """Send blobs, some at once, the largest first.

        Args:
            blobs: all different.
            terms: how; blobs are also mounted from where they were sent to from here before.
        """
        worthy = [blob.digest for blob in blobs if blob.size >= neighbours.SMALLEST]
        near = neighbours.of(self.http.base, self.repository, worthy)

        def _send(blob: Blob, deadline: Deadline) -> None:
            mounts = [*terms.mounts, *filter(None, [near.get(blob.digest)])]
            self.send(blob, dataclasses.replace(terms, deadline=deadline, mounts=mounts))

        with progresses.whole(terms.progress, self.name, sum(blob.size for blob in blobs)):
            together.each(sorted(blobs, key=lambda blob: -blob.size), _send, terms.deadline)
        neighbours.remember(self.http.base, self.repository, worthy)

    def send(self, blob: Blob, terms: Terms) -> bool:
        """Send a blob, if it is not there yet.

        Returns:
            Whether its bytes were sent.
        """
        terms.progress.start(blob.digest, blob.size)
        try:
            if is_spanned(blob) and blob.size > quirks.CHUNK and self.takes_chunks:
                return self._send_large(blob, terms)
            return call(lambda: self._try_whole(blob, terms), deadline=terms.deadline)
        finally:
            terms.progress.done(blob.digest)

    def _send_large(self, blob: Spanned, terms: Terms) -> bool:
        from i4q_ai.oci.uploads.chunking import Chunked

        if self.has(blob.digest, terms.deadline):
            return False
        location = call(lambda: self.mounted(blob.digest, terms), deadline=terms.deadline) if terms.mounts else None
        if location == "":
            return False
        content = Content(blob.digest, tuple(blob.spans()), blob.size, lambda: blob.digest, blob.verify, blob.doubt)
        if Chunked(self, content, terms).run(location):
            return True
        return call(lambda: self._try_whole(blob, terms), deadline=terms.deadline)

    def _try_whole(self, blob: Blob, terms: Terms) -> bool:
        if self.has(blob.digest, terms.deadline):  # also when only the answer to the last try was lost
            return False
        location = self.mounted(blob.digest, terms) if terms.mounts else self.begin(terms.deadline, blob.digest)[0]
        if not location:
            return False
        body, back = self._body(blob, terms)
        try:
            response = self.http.send("PUT", closing(location, blob.digest), terms.deadline, headers=_DATA, body=body)
        except (I4qError, TransientError) as error:
            back()
            if not isinstance(error, TransientError):
                self.abandon(location)
            raise
        if response.status_code != 201:
            back()
            refused = self.http.refusal(response)
            if is_spanned(blob) and response.status_code == 400:
                blob.doubt()
            raise refused
        self.http.finish(response)
        need_echo(response, blob.digest, self.name)
        return True

    def _body(self, blob: Blob, terms: Terms) -> tuple[Body | ChunkBody | bytes, Callable[[], None]]:
        """What to send; and what tells that it was in vain."""
        if not blob.size:
            return b"", lambda: None
        teller = Teller(terms.progress, blob.digest)
        flow = Flow(terms.deadline, rate=terms.rate, told=teller.move)
        if is_spanned(blob):
            return Body(tuple(blob.spans()), flow, last=blob.verify), lambda: teller.move(0)
        return ChunkBody(blob.size, blob.chunks, flow), lambda: teller.move(0)

    def begin(self, deadline: Deadline, digest: str = "", query: str = "") -> tuple[str, requests.Response]:
        """Begin an upload; returns its URL and the answer, which is closed."""
        if digest.startswith("sha512:"):
            query = f"{query}{'&' if query else '?'}digest-algorithm=sha512"
        response = self.http.send("POST", f"{self.root}/blobs/uploads/{query}", deadline, body=b"")
        self.http.finish(response)
        if response.status_code == 201:
            return "", response
        if response.status_code != 202 or "Location" not in response.headers:
            raise self.http.refusal(response)
        return self.http.located(response.headers["Location"], response.url), response

    def mounted(self, digest: str, terms: Terms) -> str:
        """Let the registry take a blob from a repository that has it.

        Returns:
            "" if it has; else the URL of an upload that began instead.
        """
        for source in terms.mounts:
            try:
                location, _ = self.begin(terms.deadline, digest, f"?mount={digest}&from={quote(source, safe='')}")
            except AuthError as error:  # no right there, or none on both at once
                _log.debug("%s: no mount from %s: %s", self.name, source, error.what)
                continue
            if location == "" or source == terms.mounts[-1]:
                return location
            self.abandon(location)
        return self.begin(terms.deadline, digest)[0]

    def abandon(self, location: str) -> None:
        """Tell the registry that the rest will not come; it would find out by itself, only later."""
        try:
            self.http.finish(self.http.send("DELETE", location, Deadline.after(_GIVING_UP, "giving up an upload")))
        except Exception as error:  # the upload's own error matters more
            _log.debug("giving up an upload to %s: %s", self.name, error)


class Teller:
    """Tells a progress where a blob stands; the same bytes twice count once.

    Args:
        progress: who is told.
        what: the blob.
    """

    def __init__(self, progress: Progress, what: str) -> None:
        self._progress, self._what = progress, what
        self._told = 0

    def move(self, position: int) -> None:
        """It stands there now."""
        if position != self._told:
            self._progress.advance(self._what, position - self._told)
            self._told = position


def closing(location: str, digest: str) -> str:
    """The URL that ends an upload; what stands in its query stays as it is.

    Example:
        >>> closing("/u?state=a%2Fb", "sha256:0")
        '/u?state=a%2Fb&digest=sha256:0'
    """
    return f"{location}{'&' if '?' in location else '?'}digest={digest}"


def need_echo(response: requests.Response, digest: str, name: str) -> None:
    """The digest in the answer must be ours, if it is by the same algorithm.

    Raises:
        IntegrityError: it is another one.
    """
    echo = response.headers.get("Docker-Content-Digest", "")
    if echo.partition(":")[0] == digest.partition(":")[0] and echo != digest:
        raise IntegrityError(f"{name}: the registry says {echo[:71]} of the bytes of {digest}")
