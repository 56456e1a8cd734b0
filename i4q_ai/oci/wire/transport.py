"""HTTP to one registry: deadlines, retries, redirects and credentials, decided here and nowhere else."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn, Protocol
from urllib.parse import urljoin, urlsplit

import requests

from i4q_ai import config
from i4q_ai.deadline import Deadline
from i4q_ai.errors import AuthError, DeadlineError, I4qError, NotFoundError, RegistryError
from i4q_ai.oci.reference import is_loopback
from i4q_ai.oci.wire import answers
from i4q_ai.oci.wire.auth import Authorizer
from i4q_ai.oci.wire.connecting import CONNECT_TIMEOUT, Sessions, folder_of
from i4q_ai.oci.wire.connections import STALL_TIMEOUT
from i4q_ai.oci.wire.credentials import Credentials
from i4q_ai.oci.wire.exchanging import exchange
from i4q_ai.oci.wire.failing import failure
from i4q_ai.oci.wire.origins import origin_of
from i4q_ai.oci.wire.receiving import Body
from i4q_ai.retrying import TransientError, call

_log = logging.getLogger(__name__)

TOKEN_TIMEOUT = 30.0
REFUSAL_TIMEOUT = 5.0
_INSTANT = 0.001
_HOPS = 5
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ERROR_BODY = 8 * 1024
_LITTLE = 64 * 1024
_TOKEN_BODY = 128 * 1024


class Sent(Protocol):
    """A request body of known length; begins anew whenever it is iterated."""

    def __len__(self) -> int:
        """Bytes."""

    def __iter__(self) -> Iterator[Any]:
        """The bytes in pieces, or what sends itself."""


class Transport:
    """Requests to one registry; safe in several threads.

    Args:
        host: `host[:port]` that answers for the registry.
        credentials: maybe empty; or what finds them, asked when they are needed.
        plain_http: talk http; without it only to those that `I4Q_PLAIN_HTTP` names, and to this machine if there are
            no certificates for it.
        verify: False, or a file of certificates, instead of the system's.
        client: files with our certificate and its key, for registries that ask who we are by TLS.
        proxy: URL of one; without it as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.

    Raises:
        InvalidError: a certificate cannot be read, or the proxy is no URL.
    """

    def __init__(
        self,
        host: str,
        credentials: Credentials | Callable[[], Credentials],
        *,
        plain_http: bool = False,
        verify: bool | str = True,
        client: tuple[str, str] | None = None,
        proxy: str | None = None,
    ) -> None:
        self.host = host
        known = client is not None or isinstance(verify, str) or folder_of(host) is not None
        plain = plain_http or _is_plain(host, certificates=known)
        self.base = f"{'http' if plain else 'https'}://{host}"
        self._origin = origin_of(self.base)
        self._auth = Authorizer(self._origin, credentials, self._ask_token)
        self._sessions = Sessions(host, secure=not plain, verify=verify, client=client, proxy=proxy)

    def want(self, *scopes: str) -> None:
        """Fetch tokens that are good for these, too, so that a later request needs no other one.

        Example:
            `want("repository:models/x:pull,push")` before the first request of a push.
        """
        self._auth.want(scopes)

    def request(self, method: str, url: str, deadline: Deadline, **options: Any) -> requests.Response:
        """Send a request until it is answered by something that another try would not change.

        Args:
            method: of HTTP.
            url: whole.
            deadline: for all tries.
            options: as for `send`.
        """
        return call(lambda: self.send(method, url, deadline, **options), deadline=deadline)

    def send(
        self,
        method: str,
        url: str,
        deadline: Deadline,
        *,
        headers: Mapping[str, str] | None = None,
        body: Sent | bytes | None = None,
    ) -> requests.Response:
        """Send a request once, following redirects and answering one challenge.

        The response's body is not read yet: the caller reads and closes it.

        Args:
            method: of HTTP.
            url: whole; its origin decides whether it gets our Authorization.
            deadline: of the whole job.
            headers: besides those that are always sent.
            body: may be sent twice.

        Raises:
            TransientError: the connection was cut, or the registry asks to try again.
            AuthError: it wants other credentials.
        """
        tried = self._auth.header(method, url, deadline)
        response = self._follow(method, url, deadline, headers, body, tried)
        if response.status_code == 401 and origin_of(response.url) == self._origin:
            challenge = response.headers.get("WWW-Authenticate", "")
            try:
                found = self._auth.answer(challenge, tried, method, url, deadline)
            except BaseException:
                self.finish(response)
                raise
            if found:
                self.finish(response)
                response = self._follow(method, url, deadline, headers, body, found)
        self._show_warnings(response)
        if response.status_code in _RETRIED:
            after = answers.retry_after(response.headers.get("Retry-After"), time.time())
            raise TransientError(self.refusal(response), after=after)
        if response.status_code in (401, 403):
            raise self.refusal(response)
        return response

    def _follow(
        self,
        method: str,
        url: str,
        deadline: Deadline,
        headers: Mapping[str, str] | None,
        body: Sent | bytes | None,
        authorization: str | None,
    ) -> requests.Response:
        for _ in range(_HOPS):
            told = {"Accept-Encoding": "identity", **(headers or {})}
            if authorization and origin_of(url) == self._origin:
                told["Authorization"] = authorization
            response = self._exchange(method, url, deadline, told, body)
            location = response.headers.get("Location")
            keeps = response.status_code in (307, 308) or method in ("GET", "HEAD")
            if response.status_code not in _REDIRECTS or not location or not keeps:
                return response
            self.finish(response)
            url = self.located(location, url)
        raise RegistryError(f"{self.host} redirects more than {_HOPS} times")

    def located(self, location: str, url: str) -> str:
        """The URL that a Location header means.

        Raises:
            RegistryError: it leads from https to http, or is no URL.
        """
        try:
            whole = urljoin(url, location)
        except ValueError as error:
            raise RegistryError(f"{self.host} sends us to something that is no URL") from error
        if origin_of(whole).scheme == "http" and origin_of(url).scheme == "https":
            raise RegistryError(f"{self.host} redirects from https to http")
        return whole

    def _exchange(
        self, method: str, url: str, deadline: Deadline, headers: Mapping[str, str], body: Sent | bytes | None
    ) -> requests.Response:
        deadline.check()
        timeout = (deadline.left(CONNECT_TIMEOUT) or _INSTANT, deadline.left(STALL_TIMEOUT) or _INSTANT)
        data: Any = body if body is None or len(body) else b""
        try:
            return exchange(self._session(url), method, url, headers=headers, body=data, timeout=timeout)
        except requests.RequestException as error:
            deadline.check()
            raise failure(error, self._who(url)) from error

    def chunks(self, response: requests.Response, deadline: Deadline) -> Body:
        """The body of a response as it comes; raises TransientError when the connection is cut."""

        def _cut(error: Exception, deadline: Deadline) -> NoReturn:
            deadline.check()
            raise failure(error, self._who(response.url)) from error

        return Body(response, deadline, _cut)

    def finish(self, response: requests.Response) -> None:
        """Be done with an answer that nobody reads; its connection carries the next request if little is to come."""
        left = getattr(response.raw, "length_remaining", None)
        if left is not None and left <= _LITTLE:
            response.raw.drain_conn()
        response.close()

    def body(self, response: requests.Response, deadline: Deadline, limit: int) -> bytes:
        """The whole body of a response, which is closed.

        Raises:
            RegistryError: it is longer than `limit` bytes.
        """
        data = bytearray()
        with contextlib.closing(response):
            for piece in self.chunks(response, deadline):
                data += piece
                if len(data) > limit:
                    raise RegistryError(f"{self.host} answers with more than {limit} bytes")
        return bytes(data)

    def refusal(self, response: requests.Response) -> I4qError:
        """The error for an answer that is not what was hoped for; closes the response."""
        asked = f"{response.request.method} {urlsplit(response.url).path}"
        who = self._who(response.url)
        what = f"{who} answers {response.status_code} to {asked}{self._told(response)}"
        if response.status_code in (401, 403):
            return AuthError(what, hint=self._hint())
        return NotFoundError(what) if response.status_code == 404 else RegistryError(what)

    def _told(self, response: requests.Response) -> str:
        """The registry's own words about an error, as far as they come soon."""
        deadline, raw = Deadline.after(REFUSAL_TIMEOUT, "reading an error"), bytearray()
        with contextlib.closing(response), contextlib.suppress(TransientError, DeadlineError):
            for piece in self.chunks(response, deadline):
                raw += piece
                if len(raw) > _ERROR_BODY:
                    return ""
        return answers.told(bytes(raw))

    def _show_warnings(self, response: requests.Response) -> None:
        for text in answers.warnings(response.headers.get("Warning")):
            if _WARNED.is_new((self.host, text)):
                _log.warning("registry %s warns: %s", self.host, text)

    def _ask_token(
        self, realm: str, parameters: Mapping[str, Any], authorization: str | None, deadline: Deadline
    ) -> Mapping[str, Any]:
        """Ask a token service; it may be another origin, gets only what it is due, and may not redirect."""
        form = "grant_type" in parameters
        who = f"the token service of {self.host}"
        deadline = Deadline(deadline.clock() + deadline.left(TOKEN_TIMEOUT), f"asking {who}", deadline.cancel)
        deadline.check()
        headers = {"Accept-Encoding": "identity", **({"Authorization": authorization} if authorization else {})}
        try:
            session = self._session(realm)
            response = session.request(
                "POST" if form else "GET",
                realm,
                params=None if form else parameters,
                data=parameters if form else None,
                headers=headers,
                timeout=(deadline.left(CONNECT_TIMEOUT) or _INSTANT, deadline.left() or _INSTANT),
                stream=True,
                allow_redirects=False,
                verify=session.verify,
            )
        except requests.RequestException as error:
            deadline.check()
            raise failure(error, who) from error
        if response.status_code in _RETRIED:
            self.finish(response)
            after = answers.retry_after(response.headers.get("Retry-After"), time.time())
            raise TransientError(AuthError(f"{who} answers {response.status_code}"), after=after)
        if response.status_code != 200:
            raise AuthError(f"{who} answers {response.status_code}{self._told(response)}", hint=self._hint())
        try:
            answer = json.loads(self.body(response, deadline, _TOKEN_BODY))
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise AuthError(f"{who} gave no token")
        return answer

    def _hint(self) -> str:
        return f"docker login {self.host}"

    def _session(self, url: str) -> requests.Session:
        """Who asks: our certificate is for the registry alone."""
        return self._sessions.own if origin_of(url) == self._origin else self._sessions.other

    def _who(self, url: str) -> str:
        """Who was asked, for people."""
        if origin_of(url) == self._origin:
            return f"registry {self.host}"
        return f"{urlsplit(url).netloc}, where registry {self.host} sends us,"


class _Once:
    """Remembers what has been said; no more than so much, whoever says it."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._said: set[tuple[str, str]] = set()

    def is_new(self, what: tuple[str, str]) -> bool:
        with self._lock:
            if what in self._said or len(self._said) >= self._most:
                return False
            self._said.add(what)
            return True


_WARNED = _Once(200)


def _is_plain(host: str, *, certificates: bool) -> bool:
    """Whether a registry is spoken to by plain http without being asked to: the only place that decides it.

    Args:
        host: of the registry, with its port.
        certificates: there are some for it, so it speaks TLS even on this machine.
    """
    return host.lower() in config.plain_http() or (is_loopback(host) and not certificates)
