"""The test bed as fixtures: started once a session when the first test asks for it, with a namespace for each test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.testbed.runs import Run, logs

if TYPE_CHECKING:
    from tests.testbed.apiserver import ApiServer

KEPT_LOGS = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def testbed_run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """The run that everything of this session belongs to; its logs are kept when a test fails."""
    with Run() as run:
        yield run
        run.keep_logs = request.session.testsfailed > 0
        if run.keep_logs:
            request.config.stash[KEPT_LOGS] = str(logs() / run.name)


@pytest.fixture(scope="session")
def apiserver(testbed_run: Run) -> Iterator[ApiServer]:
    """An API server with controllers and no node; needs no root."""
    from tests.testbed.apiserver import ApiServer

    with ApiServer(testbed_run, "hub", controllers=True) as running:
        yield running


@pytest.fixture
def kube_namespace(apiserver: ApiServer) -> Iterator[str]:
    """A namespace of `apiserver` for one test."""
    name = f"test-{secrets.token_hex(4)}"
    apiserver.kubectl("create", "namespace", name)
    yield name
    apiserver.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
