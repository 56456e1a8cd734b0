"""Fixtures of the tests of the Kubernetes API: a real one, and the ways to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from i4q_ai import yamls
from i4q_ai.deadline import Deadline
from i4q_ai.kube import Api
from tests.e2e.kube.link import Link
from tests.testbed.apiserver import ApiServer

Soon = Callable[[], Deadline]


@pytest.fixture
def soon() -> Soon:
    """Deadlines that a busy machine keeps."""
    return lambda: Deadline.after(120, "a test")


@pytest.fixture
def api(apiserver: ApiServer, tmp_path: Path) -> Iterator[Api]:
    """A real API, as its administrator."""
    with Api.open(kubeconfig=apiserver.kubeconfig, cache=tmp_path / "kinds") as opened:
        yield opened


@pytest.fixture
def link(apiserver: ApiServer) -> Iterator[Link]:
    """A link to the real API that can be broken."""
    with Link(apiserver.url) as made:
        yield made


@pytest.fixture
def far(apiserver: ApiServer, link: Link, tmp_path: Path) -> Iterator[Api]:
    """The real API by way of `link`."""
    config = yamls.load(apiserver.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = link.url
    path = tmp_path / "far"
    path.write_text(yamls.dump(config))
    with Api.open(kubeconfig=path, timeout=5) as opened:
        yield opened
