"""The test bed as fixtures: started once a session when the first test asks for it, with a namespace for each test."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.testbed import network
from tests.testbed.leftovers import left
from tests.testbed.runs import Run, logs

if TYPE_CHECKING:
    from tests.testbed.apiserver import ApiServer
    from tests.testbed.controlplane import ControlPlane
    from tests.testbed.gitserver import GitServer
    from tests.testbed.ocm import Management
    from tests.testbed.subscriptions import Subscriptions

KEPT_LOGS = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def testbed_run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """The run that everything of this session belongs to; its logs are kept when a test fails."""
    if os.geteuid() == 0 and shutil.which("ip"):
        network.sweep()
    with Run() as run:
        yield run
        run.keep_logs = request.session.testsfailed > 0
        if run.keep_logs:
            request.config.stash[KEPT_LOGS] = str(logs() / run.name)
    assert not left(run.name)


@pytest.fixture(scope="session")
def apiserver(testbed_run: Run) -> Iterator[ApiServer]:
    """An API server with controllers and no node; needs no root."""
    from tests.testbed.apiserver import ApiServer

    with ApiServer(testbed_run, "apiserver", controllers=True) as running:
        yield running


@pytest.fixture(scope="session")
def plant(testbed_run: Run) -> Iterator[ControlPlane]:
    """A hub and three edges with a node each, and a registry that all of them reach; needs root.

    A test that cuts an edge off, or ends a part of it, puts it back.
    """
    from tests.testbed.controlplane import ControlPlane

    with ControlPlane(testbed_run, edges=3, nodes=3) as running:
        yield running


@pytest.fixture(scope="session")
def ocm_plant(plant: ControlPlane, testbed_run: Run) -> Iterator[Management]:
    """Open Cluster Management on `plant`: all of its edges are joined and available.

    A test that cuts an edge off, ends an agent or changes a ManagedCluster puts it back.
    """
    from tests.testbed.ocm import Management

    with Management(testbed_run, plant) as running:
        yield running


@pytest.fixture(scope="session")
def acm(ocm_plant: Management, testbed_run: Run) -> Iterator[Subscriptions]:
    """Delivery from Git on `ocm_plant`, by Channels and Subscriptions.

    A test that cuts an edge off, or ends an agent or controller, puts it back.
    """
    from tests.testbed.subscriptions import Subscriptions

    with Subscriptions(testbed_run, ocm_plant) as running:
        yield running


@pytest.fixture
def kube_namespace(apiserver: ApiServer) -> Iterator[str]:
    """A namespace of `apiserver` for one test."""
    with _namespace([apiserver]) as name:
        yield name


@pytest.fixture
def plant_namespace(plant: ControlPlane) -> Iterator[str]:
    """A namespace of the hub and of every edge of `plant` for one test."""
    with _namespace([plant.hub, *(edge.server for edge in plant.edges.values())]) as name:
        yield name


@pytest.fixture
def ocm_namespace(ocm_plant: Management) -> Iterator[str]:
    """A name for a namespace that is nowhere yet; afterwards it is nowhere again, nor is any work for it."""
    name = f"test-{secrets.token_hex(4)}"
    yield name
    ocm_plant.remove_namespace(name)


@pytest.fixture
def git_server(tmp_path: Path) -> Iterator[GitServer]:
    """A Git server with no repository yet."""
    from tests.testbed.gitserver import GitServer

    folder = tmp_path / "git"
    folder.mkdir()
    with GitServer(folder) as running:
        yield running


@pytest.fixture
def hub_git(plant: ControlPlane, tmp_path: Path) -> Iterator[GitServer]:
    """A Git server that hub and edges of `plant` reach, with no repository yet."""
    from tests.testbed.gitserver import GitServer

    folder = tmp_path / "git"
    folder.mkdir()
    with GitServer(folder, address=network.HUB) as running:
        yield running


@contextmanager
def _namespace(clusters: list[ApiServer]) -> Iterator[str]:
    name = f"test-{secrets.token_hex(4)}"
    for cluster in clusters:
        cluster.kubectl("create", "namespace", name)
    yield name
    for cluster in clusters:  # deleted in the background: the name is not used again
        cluster.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
