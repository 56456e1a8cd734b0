"""Answers to a registry's 401: Basic, or a bearer token from the realm that it names, if that realm may be trusted."""

from __future__ import annotations

import base64
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import AuthError
from i4q_ai.oci.wire.challenges import Challenge, challenges, merged, needed
from i4q_ai.oci.wire.credentials import Credentials
from i4q_ai.oci.wire.origins import Origin, need_trusted, origin_of
from i4q_ai.oci.wire.tokens import SHARED, Key, TokenCache
from i4q_ai.retrying import TransientError

_log = logging.getLogger(__name__)

CLIENT_ID = "i4q-ai"

AskToken = Callable[[str, Mapping[str, Any], str | None, Deadline], Mapping[str, Any]]
"""`ask(realm, parameters, authorization, deadline)` → the JSON answer; with a grant_type they are posted as a form."""


class Authorizer:
    """The Authorization header for one registry; for no other origin.

    Args:
        registry: its origin.
        credentials: maybe empty, for many registries hand out tokens to anybody; or what finds them, asked when the
            registry first wants to know, and again when it refuses what was found.
        ask: how to ask a token service.
        cache: of tokens; this process's if not given.
    """

    def __init__(
        self,
        registry: Origin,
        credentials: Credentials | Callable[[], Credentials],
        ask: AskToken,
        cache: TokenCache | None = None,
    ) -> None:
        self._registry, self._ask, self._cache = registry, ask, SHARED if cache is None else cache
        self._find = credentials if callable(credentials) else None
        self._credentials = None if callable(credentials) else credentials
        self._lock = threading.Lock()
        self._wanted: dict[str, str] = {}

    def want(self, scopes: Iterable[str]) -> None:
        """Ask for these from now on whenever a token for their resource is fetched."""
        with self._lock:
            known = [f"{resource}:{actions}" for resource, actions in self._wanted.items()]
            self._wanted = _by_resource(merged([*known, *scopes]))

    def header(self, method: str, url: str, deadline: Deadline) -> str | None:
        """The header's value for a request; None for another origin, or before anybody asked."""
        challenge = self._cache.challenge(self._registry)
        if challenge is None or origin_of(url) != self._registry:
            return None
        try:
            return self._authorization(challenge, self._scopes(method, url), None, deadline)
        except (AuthError, TransientError) as error:  # it may want something else by now: let it say so
            _log.debug("%s is asked anew what it wants: %s", self._registry.host, error)
            self._cache.forget(self._registry, challenge)
            return None

    def answer(self, header: str, tried: str | None, method: str, url: str, deadline: Deadline) -> str | None:
        """Find an answer to a 401.

        Args:
            header: `WWW-Authenticate`.
            tried: the Authorization that was refused.
            method, url: of the request.
            deadline: of the whole job.

        Returns:
            Another one to try; None if there is none.

        Raises:
            AuthError: the registry names a token service that may not see our credentials, or that refuses them.
        """
        asked = challenges(header)
        self.want(scope for challenge in asked for scope in challenge.scopes)
        found = self._first(asked, tried, method, url, deadline)
        return found or (self._first(asked, tried, method, url, deadline) if self._renewed() else None)

    def _first(
        self, asked: list[Challenge], tried: str | None, method: str, url: str, deadline: Deadline
    ) -> str | None:
        for challenge in asked:
            scopes = merged([*self._scopes(method, url), *challenge.scopes])
            found = self._authorization(challenge, scopes, tried, deadline)
            if found is not None and found != tried:
                self._cache.remember(self._registry, challenge)
                return found
        return None

    def _scopes(self, method: str, url: str) -> list[str]:
        """What this request needs, with what else is wanted of the same resources."""
        scopes = needed(method, url)
        return merged(
            [*scopes, *(f"{each}:{self._wanted[each]}" for each in _by_resource(scopes) if each in self._wanted)]
        )

    def _authorization(
        self, challenge: Challenge, scopes: list[str], refused: str | None, deadline: Deadline
    ) -> str | None:
        who = self._login()
        if challenge.scheme == "basic" and who.username:
            return _basic(who)
        if challenge.scheme != "bearer":
            return None
        if who.registry_token:
            return f"Bearer {who.registry_token}"
        try:
            return self._bearer(challenge, scopes, who, refused, deadline)
        except AuthError:
            if not self._renewed():
                raise
        return self._bearer(challenge, scopes, self._login(), refused, deadline)

    def _bearer(
        self, challenge: Challenge, scopes: list[str], who: Credentials, refused: str | None, deadline: Deadline
    ) -> str:
        realm, service = challenge.params.get("realm", ""), challenge.params.get("service", "")
        need_trusted(realm, self._registry)
        key = Key(self._registry, realm, service, tuple(scopes), who)
        token = (refused or "").removeprefix("Bearer ")
        return f"Bearer {self._cache.get(key, lambda: self._fetch(key, deadline), deadline, refused=token)}"

    def _fetch(self, key: Key, deadline: Deadline) -> Mapping[str, Any]:
        if key.identity.identity_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": key.identity.identity_token,
                "service": key.service,
                "client_id": CLIENT_ID,
                "scope": " ".join(key.scopes),
            }
            return self._ask(key.realm, form, None, deadline)
        query = {
            **({"service": key.service} if key.service else {}),
            **({"scope": list(key.scopes)} if key.scopes else {}),
        }
        return self._ask(key.realm, query, _basic(key.identity) if key.identity.username else None, deadline)

    def _login(self) -> Credentials:
        with self._lock:
            if self._credentials is None:
                self._credentials = self._find() if self._find else Credentials()
            return self._credentials

    def _renewed(self) -> bool:
        """Whether somebody has logged in anew meanwhile, or a helper gives another password (those of ECR expire)."""
        if self._find is None:
            return False
        found = self._find()
        with self._lock:
            changed = bool(found) and found != self._credentials
            self._credentials = found or self._credentials
        return changed


def _basic(who: Credentials) -> str:
    pair = f"{who.username}:{who.password}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


def _by_resource(scopes: Iterable[str]) -> dict[str, str]:
    return {resource: actions for resource, _, actions in (scope.rpartition(":") for scope in scopes)}
