"""Refusing: what a backend cannot do it says before anything is touched."""

from __future__ import annotations

import pytest

from i4q_ai.backends.base import Subscription
from i4q_ai.errors import UnsupportedError
from i4q_ai.hub import Hub
from i4q_ai.testing.plant import Plant, gone, on
from i4q_ai.testing.samples import MODEL, WORKLOAD, Samples
from i4q_ai.workload import Workload


class RefusingCases(Plant):
    """Each is run where the table of cases says that the capability is missing."""

    def test_refuses_files(self, hub: Hub, samples: Samples) -> None:
        with pytest.raises(UnsupportedError, match="files"):
            hub.plan(samples.one, to=on(*self.clusters), flavour="files")
        assert gone(hub, MODEL)

    def test_refuses_charts(self, hub: Hub, samples: Samples) -> None:
        with pytest.raises(UnsupportedError, match="chart"):
            hub.plan(samples.one, to=on(*self.clusters), flavour="chart")
        assert gone(hub, MODEL)

    def test_refuses_images(self, hub: Hub) -> None:
        image = Workload(name=WORKLOAD, version="1", image=f"registry.example/line@sha256:{'0' * 64}")
        with pytest.raises(UnsupportedError, match="image"):
            hub.plan(image, to=on(*self.clusters))
        assert gone(hub, WORKLOAD)

    def test_refuses_commands(self, hub: Hub, samples: Samples) -> None:
        with pytest.raises(UnsupportedError, match="command"):
            hub.plan(samples.by_url, to=on(*self.clusters))
        assert gone(hub, WORKLOAD)

    def test_refuses_addresses(self, hub: Hub, samples: Samples) -> None:
        deployment = hub.deploy(samples.one, to=on(self.clusters[0]))
        with pytest.raises(UnsupportedError):
            deployment.client(self.clusters[0])

    def test_refuses_logs(self, hub: Hub, samples: Samples) -> None:
        deployment = hub.deploy(samples.one, to=on(self.clusters[0]))
        with pytest.raises(UnsupportedError):
            deployment.logs(self.clusters[0])

    def test_refuses_to_stop(self, hub: Hub) -> None:
        with pytest.raises(UnsupportedError):
            hub.clusters.stop(self.clusters[0])
        assert hub.clusters.get(self.clusters[0]).available.status == "True"

    def test_refuses_to_compare(self, hub: Hub, samples: Samples) -> None:
        deployment = hub.deploy(samples.one, to=on(self.clusters[0]))
        with pytest.raises(UnsupportedError):
            deployment.drift()

    def test_refuses_to_take_from_git(self, hub: Hub) -> None:
        fleet, about = hub.engine.fleet, (hub.namespace, MODEL)
        wanted = Subscription(
            namespace=hub.namespace, name=MODEL, repo="https://git.example/plant.git",
            folders={"*": "edge"}, placement=on(*self.clusters),
        )  # fmt: skip
        for refused in (
            lambda: fleet.check_subscription(wanted, deadline=hub.engine.deadline()),
            lambda: fleet.subscribe(wanted, deadline=hub.engine.deadline()),
            lambda: fleet.unsubscribe(*about, deadline=hub.engine.deadline()),
            lambda: fleet.pulled(*about, deadline=hub.engine.deadline()),
        ):
            with pytest.raises(UnsupportedError, match="Git"):
                refused()

    def test_refuses_scores(self, hub: Hub) -> None:
        with pytest.raises(UnsupportedError, match="scores"):
            hub.scores.publish({self.clusters[0]: {"accuracy": 93}})
        assert hub.scores.list() == []

    def test_refuses_to_let_join(self, hub: Hub) -> None:
        with pytest.raises(UnsupportedError):
            hub.clusters.join("newcomer")
        assert "newcomer" not in [cluster.name for cluster in hub.clusters]
