"""Two embedded hubs seen as one, and a roll-out with limits on real clusters."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from i4q_ai import Hub, Name, Placement, Rollout
from i4q_ai.errors import HubsError
from i4q_ai.hubs import Hubs
from i4q_ai.testing.samples import Samples
from tests.e2e.local.site import LIMIT, Site

ALL = Placement("all")


@pytest.fixture
def north(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "north")
    yield site
    site.end()


@pytest.fixture
def south(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "south")
    yield site
    site.end()


def test_two_hubs_seen_as_one(north: Site, south: Site, samples: Samples) -> None:
    for site, names in ((north, ["edge-1"]), (south, ["edge-1", "edge-2"])):
        for name in names:
            site.hub().clusters.add(name)
    with Hub({"north": f"embedded://{north.home}", "south": f"embedded://{south.home}"}, namespace="i4q") as hubs:
        assert isinstance(hubs, Hubs)
        assert sorted(hubs.clusters) == ["edge-2", "north/edge-1", "south/edge-1"]
        deployment = hubs.deploy(samples.one, to=ALL, flavour="files").wait(timeout=LIMIT)
        assert [row.cluster for row in deployment.status().clusters] == ["north/edge-1", "south/edge-1", "edge-2"]
        deployment.update(samples.two).wait(timeout=LIMIT)
        assert {row.version for row in deployment.status().clusters} == {samples.two.version}
        with pytest.raises(HubsError, match="hub 'north'"):
            deployment.update(samples.broken.replace(version="1"))
        assert deployment.delete(timeout=LIMIT) is None
        assert hubs.list() == []


def test_one_after_the_other_each_soaked(site: Site, samples: Samples) -> None:
    hub = site.hub()
    for name in ("edge-1", "edge-2"):
        hub.clusters.add(name)
    rollout = Rollout(max_concurrency=1, soak=0.5)
    deployment = hub.deploy(samples.one, to=Placement("all", Name("edge-1", "edge-2")), rollout=rollout)
    assert [row.cluster for row in deployment.status().clusters if row.desired] == ["edge-1"]
    deployment.wait(timeout=LIMIT)
    first, second = deployment.status().clusters
    assert first.since is not None
    assert second.since is not None
    assert (second.since - first.since).total_seconds() >= rollout.soak
