"""How a test, or a process beside it, gets at the backend under test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from i4q_ai.backends import open_backend
from i4q_ai.backends.base import Backend
from i4q_ai.hub import Hub


@dataclass(frozen=True)
class Connection:
    """What `Hub` needs to open the backend; another process gets it as JSON.

    Args:
        address: as `Hub(address)`.
        options: keywords of the backend; JSON.
    """

    address: str
    options: Mapping[str, Any] = field(default_factory=dict)

    def hub(self, namespace: str, *, owner: str | None = None) -> Hub:
        """A new hub on the same state."""
        return Hub(self.address, namespace=namespace, owner=owner, **self.options)

    def backend(self) -> Backend:
        """The bare port on the same state."""
        return open_backend(self.address, **self.options)
