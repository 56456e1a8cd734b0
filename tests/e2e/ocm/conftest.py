"""Fixtures of the tests on Open Cluster Management: hubs on the plant, and what they deploy."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import i4q_ai as i4q
from i4q_ai.testing import samples as making
from i4q_ai.testing.samples import Samples
from tests.e2e.ocm.lone_hub import LoneHub
from tests.testbed.inventory import write_hub

if TYPE_CHECKING:
    from tests.testbed.apiserver import ApiServer
    from tests.testbed.images import EdgeImage
    from tests.testbed.ocm import Management
    from tests.testbed.runs import Run

PATIENCE = 240.0
"""Seconds after which something that must happen counts as not happening; far more than it takes."""


@pytest.fixture(scope="package")
def lone_hub(apiserver: ApiServer, testbed_run: Run) -> Iterator[LoneHub]:
    """A hub that no edge asks; the works on it are all that a test looks at."""
    with LoneHub(testbed_run, apiserver) as running:
        yield running


@pytest.fixture(scope="session")
def registry_of_ocm(ocm_plant: Management) -> Iterator[str]:
    """Where everybody pushes to and fetches from, over plain http."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "I4Q_PLAIN_HTTP", ocm_plant.registry.host)
        yield ocm_plant.registry.host


@pytest.fixture(scope="session")
def hub_settings(ocm_plant: Management, edge_image: EdgeImage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of somebody who can reach every edge from here, too."""
    return write_hub(tmp_path_factory.mktemp("hub"), ocm_plant.plant, edge_image)


@pytest.fixture
def hub(hub_settings: Path, registry_of_ocm: str, ocm_namespace: str) -> Iterator[i4q.Hub]:
    """A hub in a namespace of its own; what a test leaves there is taken away."""
    with i4q.Hub(f"ocm://{hub_settings}", namespace=ocm_namespace) as hub:
        yield hub
        for deployment in sorted(hub.list(), key=lambda each: each.kind == "model"):
            assert deployment.delete(timeout=PATIENCE) is None, "the test leaves something behind"


@pytest.fixture(scope="session")
def samples(registry_of_ocm: str, tmp_path_factory: pytest.TempPathFactory) -> Samples:
    """The contract's samples: small models, and programs that use them."""
    return making.push(tmp_path_factory.mktemp("samples"), f"{registry_of_ocm}/ocm/")


Label = Callable[[str, str | None], None]


@pytest.fixture
def line(hub: i4q.Hub) -> Iterator[Label]:
    """Give clusters a label that only this test looks at, as the hub's own kubectl would: nothing of ours follows."""
    given: set[str] = set()
    key = f"{hub.namespace}/line"

    def give(cluster: str, value: str | None) -> None:
        given.add(cluster)
        hub.clusters.label(cluster, {key: value}, refresh=False)

    yield give
    for cluster in given:
        give(cluster, None)


@pytest.fixture
def cnc(hub: i4q.Hub) -> i4q.Placement:
    """The clusters whose line is "cnc" or "canary"; the latter are a group of their own."""
    key = f"{hub.namespace}/line"
    return i4q.Placement("cnc", i4q.Label(key).is_in("cnc", "canary"), groups={"canary": i4q.Label(key) == "canary"})
