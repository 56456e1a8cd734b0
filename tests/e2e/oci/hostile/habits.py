"""What several of these registries do."""

from __future__ import annotations

from collections.abc import Callable

from i4q_ai.oci.artifact import Artifact
from i4q_ai.testing.fake_registry import Exchange


def weights_of(artifact: Artifact) -> str:
    return max(artifact.blobs, key=lambda blob: blob.size).digest


def after_reading(status: int, headers: dict[str, str] | None = None) -> Callable[[Exchange], None]:
    """An answer once the request's body is there."""

    def _reply(exchange: Exchange) -> None:
        exchange.body()
        exchange.answer(status, b"", headers)

    return _reply
