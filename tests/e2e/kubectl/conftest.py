"""Fixtures of the kubectl backend's tests: pushed samples, and namespaces of one API server that stand for clusters."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from i4q_ai.testing import samples as making
from i4q_ai.testing.samples import Samples
from tests.e2e.kubectl.crowd import Crowd
from tests.testbed.apiserver import ApiServer
from tests.testbed.registry import Registry


@pytest.fixture(scope="session")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    """Models and workloads in a registry; clusters without nodes never pull them."""
    with Registry(tmp_path_factory.mktemp("registry")) as registry, pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "I4Q_PLAIN_HTTP", registry.host)
        yield making.push(tmp_path_factory.mktemp("samples"), f"{registry.host}/kubectl/")


@pytest.fixture
def crowd(apiserver: ApiServer, tmp_path: Path) -> Iterator[Crowd]:
    """Makes many clusters out of one API server."""
    made = Crowd(apiserver, tmp_path, prefix=f"c{secrets.token_hex(3)}")
    yield made
    made.close()
