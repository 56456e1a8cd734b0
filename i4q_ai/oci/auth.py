"""Answers to a registry's 401: Basic, or a bearer token from the realm that it names, if that realm may be trusted."""

from __future__ import annotations

import base64
import ipaddress
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from i4q_ai.errors import AuthError
from i4q_ai.oci.credentials import Credentials
from i4q_ai.oci.origins import Origin, origin_of
from i4q_ai.oci.reference import is_loopback

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - the grammar of a word in HTTP
_PART = re.compile(
    rf'\s*(?P<word>{_TOKEN})(?:\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"]*)))?\s*(?P<comma>,?)'
)
_DEFAULT_LIFE = 60.0
_MARGIN = 10.0
CLIENT_ID = "i4q-ai"


@dataclass(frozen=True)
class Challenge:
    """What a registry wants to see.

    Args:
        scheme: lower-case: "bearer", "basic", …
        params: name (lower-case) → value.
    """

    scheme: str
    params: Mapping[str, str] = field(default_factory=dict)


def challenges(header: str) -> list[Challenge]:
    """Read a `WWW-Authenticate` header; several schemes, quoted commas and bare words may stand in it.

    Example:
        >>> challenges('Bearer realm="https://a/t",scope="repository:x:pull,push"')[0].params["scope"]
        'repository:x:pull,push'
    """
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    while at < len(header) and (match := _PART.match(header, at)):
        at = match.end()
        word, quoted, bare = match["word"].lower(), match["quoted"], match["bare"]
        if quoted is None and bare is None:
            found.append((word, {}))
        elif found:
            found[-1][1][word] = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
    return [Challenge(scheme, params) for scheme, params in found]


def merged(scopes: Iterable[str]) -> list[str]:
    """One scope per resource, with all actions.

    Example:
        >>> merged(["repository:x:pull", "repository:x:pull,push"])
        ['repository:x:pull,push']
    """
    actions: dict[str, set[str]] = {}
    for scope in scopes:
        resource, _, wanted = scope.rpartition(":")
        actions.setdefault(resource, set()).update(filter(None, wanted.split(",")))
    return [f"{resource}:{','.join(sorted(wanted))}" for resource, wanted in sorted(actions.items())]


def need_trusted(realm: str, registry: Origin) -> None:
    """Refuse to send credentials to a realm that a registry has no business to name.

    Raises:
        AuthError: plain http for a https registry, or an address inside somebody's network.
    """
    parts = urlsplit(realm)
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host or parts.username is not None:
        raise AuthError(f"{registry.host} names a token service that is no URL")
    if parts.scheme == "http" and registry.scheme == "https":
        raise AuthError(f"{registry.host} wants its credentials sent by plain http to {host}")
    if parts.scheme == "http" and host != registry.host and not is_loopback(host):
        raise AuthError(f"{registry.host} wants its credentials sent by plain http to {host}")
    if host != registry.host and _is_inside(host):
        raise AuthError(f"{registry.host} wants its credentials sent to {host}, which is not its own")


def _is_inside(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private or address.is_link_local or address.is_unspecified


AskToken = Callable[[str, Mapping[str, Any], str | None], Mapping[str, Any]]
"""`ask(realm, parameters, authorization)` → the JSON answer; parameters with a grant_type are posted as a form."""


class Authorizer:
    """The Authorization header for one registry; for no other origin.

    Args:
        registry: its origin.
        credentials: maybe empty: many registries hand out tokens to anybody.
        ask: how to ask a token service.
    """

    def __init__(self, registry: Origin, credentials: Credentials, ask: AskToken) -> None:
        self._registry, self._credentials, self._ask = registry, credentials, ask
        self._lock = threading.Lock()
        self._header: str | None = None
        self._until = float("inf")
        self._scopes: set[str] = set()
        self._challenge: Challenge | None = None

    def header(self, url: str) -> str | None:
        """The header's value for a request to `url`; None for another origin, or before anybody asked."""
        if origin_of(url) != self._registry:
            return None
        with self._lock:
            if self._challenge is not None and time.monotonic() > self._until:
                self._header = self._bearer(self._challenge)
            return self._header

    def answer(self, header: str, tried: str | None) -> bool:
        """Find an answer to a 401.

        Args:
            header: `WWW-Authenticate`.
            tried: the Authorization that was refused.

        Returns:
            Whether there is another one to try.
        """
        with self._lock:
            if self._header != tried:  # another thread was faster
                return True
            for challenge in challenges(header):
                found = self._authorization(challenge)
                if found is not None and found != tried:
                    self._header = found
                    return True
            return False

    def _authorization(self, challenge: Challenge) -> str | None:
        if challenge.scheme == "bearer":
            return self._bearer(challenge)
        if challenge.scheme == "basic" and self._credentials.username:
            self._challenge, self._until = None, float("inf")
            return self._basic()
        return None

    def _bearer(self, challenge: Challenge) -> str | None:
        if self._credentials.registry_token:
            return f"Bearer {self._credentials.registry_token}"
        realm = challenge.params.get("realm", "")
        need_trusted(realm, self._registry)
        self._scopes.update(filter(None, challenge.params.get("scope", "").split(" ")))
        service, scopes = challenge.params.get("service", ""), merged(self._scopes)
        if self._credentials.identity_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": self._credentials.identity_token,
                "service": service,
                "client_id": CLIENT_ID,
                "scope": " ".join(scopes),
            }
            answer = self._ask(realm, form, None)
        else:
            query = {**({"service": service} if service else {}), **({"scope": scopes} if scopes else {})}
            answer = self._ask(realm, query, self._basic() if self._credentials.username else None)
        token = answer.get("token") or answer.get("access_token")
        if not isinstance(token, str) or not token or not token.isprintable():
            raise AuthError(f"the token service of {self._registry.host} gave no token")
        life = answer.get("expires_in")
        self._until = time.monotonic() + (float(life) if isinstance(life, int | float) else _DEFAULT_LIFE) - _MARGIN
        self._challenge = challenge
        return f"Bearer {token}"

    def _basic(self) -> str:
        pair = f"{self._credentials.username}:{self._credentials.password}"
        return f"Basic {base64.b64encode(pair.encode()).decode()}"
