"""The fake registry with a single rule: whatever is asked, one function answers, the request's body being there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from i4q_ai.testing.fake_registry import Exchange, FakeRegistry, Seen


class Request:
    """One request; `answer` replies to it, and what else an `Exchange` can is at hand."""

    def __init__(self, exchange: Exchange, server: Liar) -> None:
        self.exchange, self.server = exchange, server
        self.body = exchange.body()

    def answer(self, status: int, body: bytes = b"", *, length: int | None = None, **headers: str) -> None:
        """Send an answer; a `length` that is not the body's cuts the connection after it."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.exchange.answer(status, body, told, length=length)

    @property
    def close_connection(self) -> bool:
        """Whether the connection ends with this answer."""
        return self.exchange.close_connection

    @close_connection.setter
    def close_connection(self, value: bool) -> None:
        self.exchange.close_connection = value

    def __getattr__(self, name: str) -> Any:
        return getattr(self.exchange, name)


class Liar(FakeRegistry):
    """Remembers what it was asked."""

    def __init__(self, reply: Callable[[Request], None]) -> None:
        super().__init__()

        def _reply(exchange: Exchange) -> None:
            reply(Request(exchange, self))

        self.when("", "", _reply)

    def asked(self, method: str, path: str = "") -> list[Seen]:
        """What it was asked with this method, and this in its path."""
        return [seen for seen in self.requests if seen.method == method and path in seen.path]


@contextmanager
def lying(reply: Callable[[Request], None]) -> Iterator[Liar]:
    """Run it."""
    with Liar(reply) as server:
        yield server
