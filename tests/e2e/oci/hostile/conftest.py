"""A registry that holds one model, and does what it is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from i4q_ai.oci.artifact import Artifact
from i4q_ai.testing.fake_registry import FakeRegistry
from tests.e2e.oci.holding import hold
from tests.e2e.oci.odd import artifact, impatient, model

__all__ = ["artifact", "impatient", "model"]


@pytest.fixture
def registry(artifact: Artifact) -> Iterator[FakeRegistry]:
    with hold(FakeRegistry(), artifact) as running:
        yield running
