"""ConfigMaps of one namespace, by the few requests that an edge agent may make: list and watch one, patch one."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from i4q_ai.edge.account import Account
from i4q_ai.errors import ForbiddenError, I4qError, NotFoundError, UnreachableError

_CONNECT, _ANSWER = 5.0, 15.0
WATCH = 240.0
"""Seconds after which the API server ends a watch, and it is begun anew."""
_SLACK = 15.0
_SILENCE = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
"""A connection is given up after 25 s without a sign of life."""
_LONGEST_REASON = 300


class ExpiredError(Exception):
    """The API server does not remember that far back: list again."""


@dataclass(frozen=True)
class Seen:
    """A ConfigMap at one moment.

    Args:
        revision: from which to watch on.
        data: None if it is not there.
    """

    revision: str
    data: Mapping[str, str] | None


class ConfigMaps:
    """The ConfigMaps of one namespace; safe in several threads.

    Args:
        account: who asks.
        namespace: of all of them.
    """

    def __init__(self, account: Account, namespace: str) -> None:
        self._account = account
        self._namespace = namespace
        self._url = f"{account.server}/api/v1/namespaces/{namespace}/configmaps"

    def list(self, name: str) -> Seen:
        """What one ConfigMap is now.

        Raises:
            ForbiddenError: the account may not.
            UnreachableError: nobody answers, or not with a list.
        """
        with self._asked("list", name, params=_only(name), timeout=(_CONNECT, _ANSWER)) as response:
            answer = _object(response.content)
        revision = str((answer.get("metadata") or {}).get("resourceVersion", ""))
        found = [item for item in answer.get("items") or [] if _name(item) == name]
        return Seen(revision, _data(found[0]) if found else None)

    def watch(self, name: str, known: Seen) -> Iterator[Seen]:
        """What one ConfigMap becomes; ends when the API server thinks that it has lasted long enough.

        Args:
            name: of the ConfigMap.
            known: what was seen of it last.

        Raises:
            ExpiredError: the revision is too old.
            ForbiddenError: the account may not.
            UnreachableError: the connection broke.
        """
        params = {
            **_only(name),
            "watch": "1",
            "resourceVersion": known.revision,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": f"{WATCH:.0f}",
        }
        with self._asked("watch", name, params=params, stream=True, timeout=(_CONNECT, WATCH + _SLACK)) as response:
            try:
                for line in response.iter_lines(chunk_size=None):
                    if line:
                        known = _event(_object(line), name, known)
                        yield known
            except requests.RequestException as error:
                raise UnreachableError(f"the watch of ConfigMap '{name}' broke: {type(error).__name__}") from error

    def patch(self, name: str, data: Mapping[str, str | None], *, timeout: float = _ANSWER) -> None:
        """Set keys of one ConfigMap and leave the others alone; None takes a key away.

        Raises:
            NotFoundError: there is no such ConfigMap.
            ForbiddenError: the account may not.
            UnreachableError: nobody answers.
        """
        kind = {"Content-Type": "application/merge-patch+json"}
        body = json.dumps({"data": dict(data)}).encode()
        with self._asked("patch", name, path=f"/{name}", headers=kind, body=body, timeout=(_CONNECT, timeout)):
            return

    @contextlib.contextmanager
    def _asked(
        self,
        verb: str,
        name: str,
        *,
        timeout: tuple[float, float],
        path: str = "",
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        stream: bool = False,
    ) -> Iterator[requests.Response]:
        told = {"Authorization": f"Bearer {self._account.token()}", "Accept": "application/json", **(headers or {})}
        with _session() as session:
            try:
                response = session.request(
                    "PATCH" if verb == "patch" else "GET",
                    self._url + path,
                    params=params,
                    headers=told,
                    data=body,
                    timeout=timeout,
                    stream=stream,
                    verify=str(self._account.authority),
                    allow_redirects=False,
                )
            except (requests.RequestException, OSError) as error:
                raise self._unreachable(error) from error
            with contextlib.closing(response):
                if response.status_code != 200:
                    raise self._refusal(response, verb, name)
                yield response

    def _unreachable(self, error: Exception) -> UnreachableError:
        server = f"the API server {self._account.server}"
        if isinstance(error, requests.exceptions.SSLError):
            return UnreachableError(f"{server} has no certificate that {self._account.authority} vouches for")
        if isinstance(error, requests.Timeout):
            return UnreachableError(f"{server} does not answer in time")
        if isinstance(error, requests.RequestException):
            return UnreachableError(f"{server} cannot be reached")
        return UnreachableError(f"{server} cannot be asked: {error}")  # a file of the account is not there

    def _refusal(self, response: requests.Response, verb: str, name: str) -> I4qError | ExpiredError:
        status, reason = response.status_code, _reason(response)
        what = f"{verb} of ConfigMap '{name}' in namespace '{self._namespace}'"
        if status == 410:
            return ExpiredError(what)
        if status in (401, 403):
            hint = f"a Role with {verb} on configmaps, resourceNames ['{name}'], bound to the pod's ServiceAccount"
            return ForbiddenError(
                f"{what} is not allowed: {reason}",
                verb=verb,
                resource="configmaps",
                namespace=self._namespace,
                hint=hint if status == 403 else "",
            )
        if status == 404:
            return NotFoundError(f"{what}: it is not there")
        return UnreachableError(f"{what}: the API server answers {status}: {reason}")


def _event(event: Mapping[str, Any], name: str, known: Seen) -> Seen:
    kind, about = event.get("type"), event.get("object") or {}
    if kind == "ERROR":
        if about.get("code") == 410:
            raise ExpiredError(name)
        raise UnreachableError(f"the watch of ConfigMap '{name}' broke: {str(about.get('message'))[:_LONGEST_REASON]}")
    revision = str((about.get("metadata") or {}).get("resourceVersion", ""))
    if kind == "BOOKMARK":
        return Seen(revision, known.data)
    if kind not in ("ADDED", "MODIFIED", "DELETED") or _name(about) != name:
        return known
    return Seen(revision, None if kind == "DELETED" else _data(about))


def _only(name: str) -> dict[str, str]:
    """A Role that names its ConfigMaps allows to list and watch with just this selector."""
    return {"fieldSelector": f"metadata.name={name}"}


def _name(about: Mapping[str, Any]) -> object:
    return (about.get("metadata") or {}).get("name")


def _data(about: Mapping[str, Any]) -> dict[str, str]:
    return {str(key): str(value) for key, value in (about.get("data") or {}).items()}


def _object(raw: bytes) -> dict[str, Any]:
    try:
        data = json.loads(raw)
    except ValueError as error:
        raise UnreachableError("the API server answers with something that is no JSON") from error
    if not isinstance(data, dict):
        raise UnreachableError("the API server answers with something that is no object")
    return data


def _reason(response: requests.Response) -> str:
    try:
        return str(json.loads(response.content)["message"])[:_LONGEST_REASON]
    except (requests.RequestException, ValueError, LookupError, TypeError):
        return response.reason or "without a reason"


class _Alive(HTTPAdapter):
    """Connections that notice when the other side is gone without a word, also while nothing is said for minutes."""

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, socket_options=_keepalive(), **options)


def _keepalive() -> list[tuple[int, int, int]]:
    chosen = [(socket.SOL_SOCKET, "SO_KEEPALIVE", 1), (socket.IPPROTO_TCP, "TCP_NODELAY", 1)]
    chosen += [(socket.IPPROTO_TCP, name, value) for name, value in _SILENCE]
    return [(level, getattr(socket, name), value) for level, name, value in chosen if hasattr(socket, name)]


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy is between a pod and its API server, and no password of a netrc is meant
    session.mount("https://", _Alive())
    return session
