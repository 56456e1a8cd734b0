"""Requests to one API server: deadlines, retries and renewed credentials, decided here and nowhere else."""

from __future__ import annotations

import contextlib
import email.utils
import gc
import http.client
import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlencode

import urllib3

from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, I4qError, UnreachableError
from i4q_ai.kube.errors import Asked, Refused, innermost, translate
from i4q_ai.kube.link import Link, Opener
from i4q_ai.retrying import TransientError, call

_log = logging.getLogger(__name__)

_RETRIED = frozenset({429, 500, 502, 503, 504})
_PIECE = 256 * 1024
_LARGE = 1024 * 1024
_ERROR_BODY = 64 * 1024
_INSTANT = 0.001
_LONGEST_ASKED = 60.0
BROKEN: tuple[type[Exception], ...] = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ssl.SSLError)
_NEVER_SENT = (
    urllib3.exceptions.NewConnectionError,
    urllib3.exceptions.ConnectTimeoutError,
    urllib3.exceptions.SSLError,
)
HEADERS = {"Accept": "application/json", "User-Agent": "i4q-ai"}
"""Sent with every request."""

T = TypeVar("T")
Query = Sequence[tuple[str, str]]
Recheck = Callable[[Refused | None], dict[str, Any] | None]


@dataclass(frozen=True)
class Message:
    """What is sent.

    Args:
        method: of HTTP.
        path: below the server's address.
        query: that follows it.
        body: sent as JSON; None for none.
        media: its type.
    """

    method: str
    path: str
    query: Query = ()
    body: Mapping[str, Any] | None = None
    media: str = "application/json"

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


class Transport:
    """Requests to one server; safe in several threads.

    Args:
        opener: makes the link, and makes it anew when credentials are no longer accepted.
        timeout: in seconds, for connecting, and for each wait for an answer.

    Attributes:
        changes: how many messages were sent that may have changed something.
    """

    def __init__(self, opener: Opener, timeout: float) -> None:
        self._opener = opener
        self._lock = threading.Lock()
        self.timeout = timeout
        self.link = opener()
        self.changes = 0

    @property
    def server(self) -> str:
        """Its address."""
        return self.link.server

    def request(
        self, message: Message, asked: Asked, *, deadline: Deadline, recheck: Recheck | None = None
    ) -> dict[str, Any]:
        """Send a message until it is answered by something that another try would not change.

        Args:
            message: to send.
            asked: what it means, for errors.
            deadline: of all tries.
            recheck: what a try that was cut off has done, or None; asked when the next one is refused, or (with None)
                when there is no next one.

        Returns:
            The body of the answer.

        Raises:
            UnreachableError: nobody answers, or only to say that it cannot.
            DeadlineError: the answer took too long.
            I4qError: as `translate` says.
        """
        self.changes += message.method != "GET"
        return self.persist(lambda: self._send(message, parsed, deadline), asked, deadline=deadline, recheck=recheck)

    def fetch(self, message: Message, asked: Asked, *, read: Callable[[bytes], T], deadline: Deadline) -> T:
        """What is made of an answer; arguments and errors as for `request`.

        Args:
            message: to send; it changes nothing.
            asked: what it means, for errors.
            read: makes it; a ValueError says what the answer is instead.
            deadline: of all tries.
        """
        return self.persist(lambda: self._send(message, read, deadline), asked, deadline=deadline)

    def persist(
        self,
        job: Callable[[], T],
        asked: Asked,
        *,
        deadline: Deadline,
        recheck: Callable[[Refused | None], T | None] | None = None,
    ) -> T:
        """Do something until another try would not change what comes of it; arguments and errors as for `request`."""
        tries = _Tries(asked)

        def _attempt() -> T:
            try:
                return job()
            except I4qError:
                raise
            except Refused as refused:
                done = _done_before(recheck, refused) if tries.cut_off else None
                if done is not None:
                    return done
                raise tries.refused(refused) from refused
            except BROKEN as error:
                raise tries.broken(error, deadline) from error

        try:
            return call(_attempt, deadline=deadline)
        except DeadlineError as late:
            raise tries.late(late) from None
        except UnreachableError:
            done = _done_before(recheck, None) if tries.cut_off else None
            if done is None:
                raise
            return done

    def _send(self, message: Message, read: Callable[[bytes], T], deadline: Deadline) -> T:
        link = self.link
        try:
            return self._exchange(link, message, read, deadline)
        except Refused as refused:
            if refused.status != 401 or not self.renew(link):
                raise
            return self._exchange(self.link, message, read, deadline)

    def renew(self, used: Link) -> bool:
        """Read the credentials anew, unless another thread has done so since.

        Args:
            used: the link whose credentials were not accepted.

        Returns:
            Whether it is worth another try.
        """
        with self._lock:
            if self.link is not used:
                return True
            try:
                self.link = self._opener()
            except I4qError as error:
                _log.warning("%s: credentials cannot be renewed: %s", used.server, error)
                return False
            used.close()
            return True

    def _exchange(self, link: Link, message: Message, read: Callable[[bytes], T], deadline: Deadline) -> T:
        deadline.check()
        left = max(deadline.left(self.timeout), _INSTANT)
        response = link.pool.request(
            message.method,
            link.server + message.target,
            body=None if message.body is None else json.dumps(message.body).encode(),
            headers={**HEADERS, "Content-Type": message.media, **link.authorization()},
            timeout=urllib3.Timeout(connect=left, read=left),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        try:
            refuse(response.status, response.headers.get("Retry-After"), lambda: response.read(_ERROR_BODY))
            raw = _body(response, deadline)
        except BaseException:
            response.close()  # half read, it is of no use to the next request
            raise
        finally:
            response.release_conn()
        try:
            return read(raw)
        except ValueError as error:
            raise http.client.HTTPException(f"the answer is {error}") from None

    def close(self) -> None:
        """End all connections."""
        self.link.close()


class _Tries:
    """What became of the tries so far."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._last: I4qError | None = None
        self._connected = True
        self.cut_off = False

    def refused(self, refused: Refused) -> Exception:
        """What to raise for an answer that is no success."""
        told = translate(refused, self._asked)
        if refused.status not in _RETRIED or not isinstance(told, UnreachableError):
            return told
        self._last, self._connected = told, True
        self.cut_off = self.cut_off or refused.status not in (429, 503)
        return TransientError(told, after=refused.after)

    def broken(self, error: Exception, deadline: Deadline) -> Exception:
        """What to raise for a connection that failed."""
        told = translate(error, self._asked)
        self._last, self._connected = told, not isinstance(error, _NEVER_SENT)
        self.cut_off = self.cut_off or self._connected
        if self._connected and deadline.passed:
            return DeadlineError(f"{deadline.what} took longer than it was given", hint="give it a longer timeout")
        return told if is_final(error) else TransientError(told)

    def late(self, late: DeadlineError) -> I4qError:
        """What to raise when there is no time for another try: that nobody answers says more than that it took long."""
        if self._last is None:
            return late
        return DeadlineError(f"{late.what}; {self._last.what}", hint=late.hint) if self._connected else self._last


def _done_before(recheck: Callable[[Refused | None], T | None] | None, refused: Refused | None) -> T | None:
    """What a try that was cut off has done, as far as can be told."""
    try:
        return recheck(refused) if recheck is not None else None
    except I4qError:  # there is no saying; what is known already remains to be told
        return None


def is_final(error: BaseException) -> bool:
    """Whether no other try will end otherwise: the server is not whom it should be."""
    return isinstance(innermost(error), ssl.SSLCertVerificationError)


def refuse(status: int, after: str | None, read: Callable[[], bytes]) -> None:
    """Raise unless an answer is a success.

    Args:
        status: of HTTP.
        after: its header Retry-After.
        read: gives its body, of which a part is enough.

    Raises:
        Refused: it is none.
    """
    if not 200 <= status < 300:
        raise Refused(status, read(), after=_after(after))


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Without looks for garbage, while so much is made that stays: they would take most of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _after(value: str | None) -> float | None:
    """Seconds that a Retry-After asks for, given in seconds or as a date."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return min(max(seconds, 0.0), _LONGEST_ASKED)


def parsed(raw: bytes) -> dict[str, Any]:
    """A JSON object.

    Raises:
        ValueError: what it is instead.
    """
    try:
        with uncollected() if len(raw) > _LARGE else contextlib.nullcontext():
            body = json.loads(raw or b"{}")
    except ValueError:
        raise ValueError("no JSON") from None
    if not isinstance(body, dict):
        raise ValueError("no object")
    return body


def _body(response: Any, deadline: Deadline) -> bytes:
    """The body, as long as it keeps coming in time."""
    pieces = []
    for piece in response.stream(_PIECE):
        pieces.append(piece)
        deadline.check()
    return b"".join(pieces)
