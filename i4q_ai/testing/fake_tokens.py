"""Doors of the fake registry: who may come in, by Basic or by token."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from i4q_ai.testing.fake_repository import name_in

if TYPE_CHECKING:
    from i4q_ai.testing.fake_registry import Exchange, FakeRegistry


class BasicDoor:
    """Lets in who knows a password.

    Args:
        registry: gets the door.
        accounts: user → password; may be changed later.
    """

    def __init__(self, registry: FakeRegistry, accounts: Mapping[str, str]) -> None:
        self.accounts = dict(accounts)
        registry.when("", "^/v2/", self._enter)

    def _enter(self, exchange: Exchange) -> bool:
        if who(exchange, self.accounts) is not None:
            return False
        exchange.refuse(401, "UNAUTHORIZED", headers={"WWW-Authenticate": 'Basic realm="a, fake one"'})
        return True


class TokenDoor:
    """Lets in who has a token, and gives tokens at `/token`; maybe of another server.

    Args:
        registry: gets the door.
        accounts: user → password; without any, everybody gets tokens.
        service: the server that gives the tokens; the registry itself if not given.
        realm: says that tokens are there instead.
        answer: more of the answer of the token service, such as `expires_in`.

    Attributes:
        given: the scopes of the tokens that were given, oldest first.
    """

    def __init__(
        self,
        registry: FakeRegistry,
        accounts: Mapping[str, str] | None = None,
        *,
        service: FakeRegistry | None = None,
        realm: str = "",
        **answer: Any,
    ) -> None:
        self.accounts, self.answer = dict(accounts or {}), answer
        self.given: list[list[str]] = []
        self.identity_tokens: dict[str, str] = {}
        self._good: dict[str, list[tuple[str, str]]] = {}
        self._lock = threading.Lock()
        at = service or registry
        self._realm = realm or f"{at.url}/token"
        registry.when("", "^/v2/", self._enter)
        at.when("", "^/token", self._give)

    def revoke(self) -> None:
        """All tokens are over, before their time."""
        with self._lock:
            self._good.clear()

    def _enter(self, exchange: Exchange) -> bool:
        token = exchange.headers.get("Authorization", "").removeprefix("Bearer ")
        wanted = _wanted(exchange)
        with self._lock:
            if set(wanted) <= set(self._good.get(token, [])) and token in self._good:
                return False
        scope = " ".join(f"{resource}:{action}" for resource, action in wanted)
        challenge = f'Bearer realm="{self._realm}",service="fake",scope="{scope}"'
        exchange.refuse(401, "UNAUTHORIZED", headers={"WWW-Authenticate": challenge})
        return True

    def _give(self, exchange: Exchange) -> None:
        form = parse_qs(exchange.body().decode()) if exchange.command == "POST" else exchange.query
        scopes = [scope for value in form.get("scope", []) for scope in value.split()]
        if not self._known(exchange, form):
            exchange.refuse(401, "UNAUTHORIZED", "no such account")
            return
        with self._lock:
            self.given.append(scopes)
            token = f"token-{len(self.given)}"
            self._good[token] = [pair for scope in scopes for pair in _pairs(scope)]
        exchange.answer(200, json.dumps({"token": token, **self.answer}).encode(), {"Content-Type": "application/json"})

    def _known(self, exchange: Exchange, form: Mapping[str, list[str]]) -> bool:
        if exchange.command == "POST":
            return form.get("refresh_token", [""])[0] in self.identity_tokens
        return not self.accounts or who(exchange, self.accounts) is not None


def who(exchange: Exchange, accounts: Mapping[str, str]) -> str | None:
    """The user that a request proves to be; None if it does not."""
    scheme, _, encoded = exchange.headers.get("Authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(encoded).decode().partition(":")
    except ValueError:
        return None
    return user if scheme == "Basic" and user in accounts and accounts[user] == password else None


def _wanted(exchange: Exchange) -> list[tuple[str, str]]:
    """What a request must have a token for, as (resource, action)."""
    name = name_in(exchange.route)
    if not name:
        return []
    actions = (
        ["pull"] if exchange.command in ("GET", "HEAD") and "/uploads/" not in exchange.route else ["pull", "push"]
    )
    wanted = [(f"repository:{name}", action) for action in actions]
    return [*wanted, *((f"repository:{source}", "pull") for source in exchange.query.get("from", []))]


def _pairs(scope: str) -> list[tuple[str, str]]:
    resource, _, actions = scope.rpartition(":")
    return [(resource, action) for action in actions.split(",")]
