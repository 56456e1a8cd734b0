"""Faults: clusters that are away, processes that die half-way."""

from __future__ import annotations

import pytest

from i4q_ai.hub import Hub
from i4q_ai.status import Phase
from i4q_ai.testing.beside import KILLED, Beside, finish
from i4q_ai.testing.plant import LIMIT, Plant, answers, gone, on, refreshed_until, rows, until
from i4q_ai.testing.samples import MODEL, Samples


class FaultCases(Plant):
    """What goes wrong stays small, and heals."""

    def test_a_cluster_that_is_away_catches_up(self, hub: Hub, samples: Samples) -> None:
        first, second = self.clusters[:2]
        deployment = hub.deploy(samples.one, to=on(first, second)).wait(timeout=LIMIT)
        self.cut(hub, second)
        row = until(deployment, second, Phase.OFFLINE)
        assert row.running == samples.one.digest, "the last that was heard of it"
        deployment.update(samples.two).wait(timeout=LIMIT)
        assert {cluster: row.phase for cluster, row in rows(deployment).items()} == {
            first: Phase.READY,
            second: Phase.OFFLINE,
        }
        self.join(hub, second)
        for status in deployment.watch(timeout=LIMIT):
            if {row.phase for row in status.clusters} == {Phase.READY}:
                break
        assert answers(hub, deployment, {first: 2, second: 2})

    def test_deleting_reaches_a_cluster_that_is_away_when_it_is_back(self, hub: Hub, samples: Samples) -> None:
        first, second = self.clusters[:2]
        deployment = hub.deploy(samples.one, to=on(first, second)).wait(timeout=LIMIT)
        self.cut(hub, second)
        left = deployment.delete(timeout=LIMIT)
        assert left is not None
        assert [(row.cluster, row.phase) for row in left.clusters] == [(second, Phase.OFFLINE)]
        assert [each.name for each in hub.list()] == [MODEL]
        self.join(hub, second)
        refreshed_until(hub, MODEL)
        assert gone(hub, MODEL)

    def test_stop_and_start(self, hub: Hub, samples: Samples) -> None:
        cluster = self.clusters[0]
        deployment = hub.deploy(samples.one, to=on(cluster)).wait(timeout=LIMIT)
        hub.clusters.stop(cluster)
        hub.clusters.stop(cluster)
        assert hub.clusters.get(cluster).available.status == "False"
        assert rows(deployment)[cluster].phase is Phase.OFFLINE
        hub.clusters.start(cluster)
        hub.clusters.start(cluster)
        assert hub.clusters.get(cluster).available.status == "True"
        assert answers(hub, deployment.wait(timeout=LIMIT), {cluster: 1})

    @pytest.mark.parametrize("where", ["untold", "half-told"])
    def test_a_deploy_that_is_killed_half_way_can_be_run_again(
        self, hub: Hub, samples: Samples, beside: Beside, where: str
    ) -> None:
        first, second = self.clusters[:2]
        deployment = hub.deploy(samples.one, to=on(first, second)).wait(timeout=LIMIT)
        assert finish(beside.deploy(samples.two, on(first, second), kill=where)) == KILLED
        told = hub.engine.fleet.assigned(namespace=hub.namespace, deadline=hub.engine.deadline())
        versions = [assignment.item.version for assignment in told]
        assert versions == (["1", "1"] if where == "untold" else ["2", "1"]), "it died where it was to die"
        assert finish(beside.deploy(samples.two, on(first, second))) == 0
        assert answers(hub, deployment.wait(timeout=LIMIT), {first: 2, second: 2})
        assert [revision.version for revision in deployment.history()] == ["1", "2"]
