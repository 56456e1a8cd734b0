"""HTTP to one registry: deadlines, retries, redirects and credentials, decided here and nowhere else."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from i4q_ai import config
from i4q_ai.deadline import Deadline
from i4q_ai.errors import AuthError, I4qError, NotFoundError, RegistryError, UnreachableError
from i4q_ai.oci import answers
from i4q_ai.oci.artifact import Blob
from i4q_ai.oci.auth import Authorizer
from i4q_ai.oci.connecting import CONNECT_TIMEOUT, STALL_TIMEOUT, Sessions
from i4q_ai.oci.credentials import Credentials
from i4q_ai.oci.origins import origin_of
from i4q_ai.oci.receiving import Body
from i4q_ai.oci.reference import is_loopback
from i4q_ai.retrying import TransientError, call

_log = logging.getLogger(__name__)

TOKEN_TIMEOUT = 30.0
REFUSAL_TIMEOUT = 5.0
_INSTANT = 0.001
_HOPS = 5
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ERROR_BODY = 8 * 1024
_TOKEN_BODY = 128 * 1024
_TIMEOUTS = (requests.Timeout, urllib3.exceptions.TimeoutError)
_CUT = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


class _Upload:
    """A blob as a request body of known length; begins anew whenever it is iterated."""

    def __init__(self, blob: Blob) -> None:
        self._blob = blob

    def __len__(self) -> int:
        return self._blob.size

    def __iter__(self) -> Iterator[bytes]:
        return self._blob.chunks()


class Transport:
    """Requests to one registry; safe in several threads.

    Args:
        host: `host[:port]` that answers for the registry.
        credentials: maybe empty; or what finds them, asked when they are needed.
        plain_http: talk http; without it only to this machine and to those that `I4Q_PLAIN_HTTP` names.
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
        plain = plain_http or _is_plain(host)
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
        body: Blob | bytes | None = None,
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
            if found := self._auth.answer(challenge, tried, method, url, deadline):
                response.close()
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
        body: Blob | bytes | None,
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
            response.close()
            url = self.located(location, url)
        raise RegistryError(f"{self.host} redirects more than {_HOPS} times")

    def located(self, location: str, url: str) -> str:
        """The URL that a Location header means.

        Raises:
            RegistryError: it leads from https to http, or is no URL.
        """
        whole = urljoin(url, location)
        if origin_of(whole).scheme == "http" and origin_of(url).scheme == "https":
            raise RegistryError(f"{self.host} redirects from https to http")
        return whole

    def _exchange(
        self, method: str, url: str, deadline: Deadline, headers: Mapping[str, str], body: Blob | bytes | None
    ) -> requests.Response:
        deadline.check()
        timeout = (deadline.left(CONNECT_TIMEOUT) or _INSTANT, deadline.left(STALL_TIMEOUT) or _INSTANT)
        data: Any = body if body is None or isinstance(body, bytes) else (_Upload(body) if body.size else b"")
        try:
            return self._session(url).request(
                method, url, headers=headers, data=data, timeout=timeout, stream=True, allow_redirects=False
            )
        except requests.exceptions.SSLError as error:
            raise self._untrusted(url, error) from error
        except _CUT as error:
            self._raise_cut(error, deadline)
        except requests.RequestException as error:
            raise RegistryError(f"{self.host}: {method} failed: {type(error).__name__}") from error

    def _raise_cut(self, error: Exception, deadline: Deadline) -> NoReturn:
        deadline.check()
        reason = "does not answer in time" if isinstance(error, _TIMEOUTS) else _reason(error)
        unreachable = UnreachableError(f"registry {self.host} {reason}")
        unreachable.__cause__ = error
        raise TransientError(unreachable) from error

    def chunks(self, response: requests.Response, deadline: Deadline) -> Body:
        """The body of a response as it comes; raises TransientError when the connection is cut."""
        return Body(response, deadline, self._raise_cut)

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
        with contextlib.closing(response):
            reason = _told(response)
        path = urlsplit(response.url).path
        what = f"registry {self.host} answers {response.status_code} to {response.request.method} {path}{reason}"
        if response.status_code in (401, 403):
            return AuthError(what, hint=f"docker login {self.host}")
        return NotFoundError(what) if response.status_code == 404 else RegistryError(what)

    def _ask_token(self, realm: str, parameters: Mapping[str, Any], authorization: str | None) -> Mapping[str, Any]:
        """Ask a token service; it is another origin, gets only what it is due, and may not redirect."""
        form = "grant_type" in parameters
        try:
            response = self._session.request(
                "POST" if form else "GET",
                realm,
                params=None if form else parameters,
                data=parameters if form else None,
                headers={"Authorization": authorization} if authorization else None,
                timeout=(CONNECT_TIMEOUT, CONNECT_TIMEOUT),
                stream=True,
                allow_redirects=False,
            )
            with contextlib.closing(response):
                raw = next(response.iter_content(_TOKEN_BODY), b"") if response.status_code == 200 else b""
        except requests.RequestException as error:
            raise TransientError(UnreachableError(f"the token service of {self.host} cannot be reached")) from error
        if response.status_code in _RETRIED:
            raise TransientError(AuthError(f"the token service of {self.host} answers {response.status_code}"))
        try:
            answer = json.loads(raw)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            hint = f"docker login {self.host}"
            raise AuthError(f"the token service of {self.host} answers {response.status_code}", hint=hint)
        return answer


def _is_plain(host: str) -> bool:
    """Whether a registry is spoken to by plain http without being asked to: the only place that decides it."""
    return is_loopback(host) or host.lower() in config.plain_http()


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds to wait by a Retry-After header: a number or a date.

    Args:
        value: of the header.
        now: seconds since 1970.

    Example:
        >>> retry_after("Thu, 01 Jan 1970 00:00:09 GMT", 4.0)
        5.0
    """
    if value is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}\s*", value):
        return float(value)
    try:
        return max(email.utils.parsedate_to_datetime(value).timestamp() - now, 0.0)
    except (ValueError, OverflowError):
        return None


def _session(verify: bool | str, *, trust_env: bool) -> requests.Session:
    session = requests.Session()
    session.trust_env = trust_env
    session.auth = _no_auth  # or requests would take a password from ~/.netrc
    session.verify = verify
    session.headers["User-Agent"] = "i4q-ai"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # with cookies some think we are a browser
    return session


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _told(response: requests.Response) -> str:
    """The registry's own words, if they are words."""
    try:
        raw = next(response.iter_content(_ERROR_BODY), b"")
        errors = json.loads(raw)["errors"]
        told = "; ".join(f"{error.get('code', '')}: {error.get('message', '')}" for error in errors)
    except (requests.RequestException, ValueError, LookupError, TypeError, AttributeError):
        return ""
    printable = "".join(character for character in told if character.isprintable())
    return f" ({printable[:500]})" if printable else ""


def _reason(error: Exception) -> str:
    text = str(error)
    if "refused" in text:
        return "refuses connections"
    if "resolve" in text:
        return "has no address that can be found"
    return "cut the connection"
