"""OCM's own scheduler, running."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.testbed.oracle import Oracle, oracle


@pytest.fixture(scope="session")
def placement_oracle() -> Iterator[Oracle]:
    """OCM's own scheduling controller; built from its Go module the first time."""
    with oracle() as running:
        yield running
