"""Tokens that registries have us fetch: each asked for once, shared by all threads, renewed before it expires."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from i4q_ai.deadline import Deadline
from i4q_ai.errors import AuthError
from i4q_ai.oci.wire.challenges import Challenge
from i4q_ai.oci.wire.credentials import Credentials
from i4q_ai.oci.wire.origins import Origin

_DEFAULT_LIFE = 60.0
_LONGEST_LIFE = 24 * 3600.0
_MARGIN = 10.0
_MOST = 1000


class Key(NamedTuple):
    """What a token is good for, and for whom."""

    registry: Origin
    realm: str
    service: str
    scopes: tuple[str, ...]
    identity: Credentials


@dataclass
class _Slot:
    """A token, or the place for one."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str = ""
    until: float = 0.0


class TokenCache:
    """Tokens by what they are good for; safe in several threads.

    Args:
        clock: monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._slots: dict[Key, _Slot] = {}
        self._challenges: dict[Origin, Challenge] = {}

    def challenge(self, registry: Origin) -> Challenge | None:
        """What the registry wanted to see the last time."""
        return self._challenges.get(registry)

    def remember(self, registry: Origin, challenge: Challenge) -> None:
        """What it wants to see, so that the next request brings it along."""
        with self._lock:
            if len(self._challenges) >= _MOST:
                self._challenges.clear()
            self._challenges[registry] = challenge

    def forget(self, registry: Origin, challenge: Challenge) -> None:
        """It does not want to see this any more, as far as can be told."""
        with self._lock:
            if self._challenges.get(registry) == challenge:
                del self._challenges[registry]

    def get(
        self, key: Key, ask: Callable[[], Mapping[str, Any]], deadline: Deadline, *, refused: str | None = None
    ) -> str:
        """A token; whoever comes while it is being fetched waits for it.

        Args:
            key: what it is good for.
            ask: fetches the answer of the token service.
            deadline: of the whole job.
            refused: a token that the registry did not like, if there is one.

        Raises:
            AuthError: the answer holds no token.
            DeadlineError: another thread is fetching it for longer than there is time.
        """
        slot = self._slot(key)
        if not slot.lock.acquire(timeout=deadline.left()):
            deadline.check()
        try:
            if slot.token and slot.token != refused and self._clock() < slot.until:
                return slot.token
            asked = self._clock()
            answer = ask()
            slot.token = _token(answer, key)
            life = _life(answer.get("expires_in"))
            slot.until = asked + life - min(_MARGIN, life / 4)
            return slot.token
        finally:
            slot.lock.release()

    def _slot(self, key: Key) -> _Slot:
        with self._lock:
            if key not in self._slots and len(self._slots) >= _MOST:
                now = self._clock()
                self._slots = {one: slot for one, slot in self._slots.items() if now < slot.until} or {}
                if len(self._slots) >= _MOST:
                    self._slots.clear()
            return self._slots.setdefault(key, _Slot())


def _token(answer: Mapping[str, Any], key: Key) -> str:
    token = answer.get("token") or answer.get("access_token")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
        raise AuthError(f"the token service of {key.registry.host} gave no token")
    return token


def _life(seconds: Any) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
        return _DEFAULT_LIFE
    return float(min(seconds, _LONGEST_LIFE))


SHARED = TokenCache()
"""Of this process: a token fetched for one call is there for the next."""
