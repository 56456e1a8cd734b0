"""Moving: labels, taints, versions by group, roll-out by stages."""

from __future__ import annotations

import pytest

from i4q_ai.errors import DeploymentFailed
from i4q_ai.hub import Hub
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Label, Name
from i4q_ai.rollout.rollout import Rollout
from i4q_ai.status import Phase
from i4q_ai.testing.plant import LIMIT, Plant, answers, mark, on, rows
from i4q_ai.testing.samples import Samples


class MovingCases(Plant):
    """Placements are live: what is deployed follows them."""

    def test_a_label_moves_the_model(self, hub: Hub, samples: Samples) -> None:
        first, second = self.clusters[:2]
        key = mark(hub, {first: "cnc"})
        deployment = hub.deploy(samples.one, to=Placement("cnc", Label(key) == "cnc")).wait(timeout=LIMIT)
        assert answers(hub, deployment, {first: 1})
        mark(hub, {second: "cnc", first: None})
        for status in deployment.watch(timeout=LIMIT):
            if status.ready and [row.cluster for row in status.clusters] == [second]:
                break
        assert answers(hub, deployment, {second: 1})
        mark(hub, {first: "cnc"})
        assert answers(hub, deployment.wait(timeout=LIMIT), {first: 1, second: 1})

    def test_a_taint_keeps_it_away(self, hub: Hub, samples: Samples) -> None:
        first, second = self.clusters[:2]
        deployment = hub.deploy(samples.one, to=on(first, second))
        hub.clusters.taint(first, f"{hub.namespace}=x:NoSelect")
        told = hub.engine.fleet.assigned(namespace=hub.namespace, deadline=hub.engine.deadline())
        assert [assignment.cluster for assignment in told] == [second]
        hub.clusters.untaint(first, hub.namespace)
        assert set(rows(deployment.wait(timeout=LIMIT))) == {first, second}

    def test_groups_have_versions_of_their_own(self, hub: Hub, samples: Samples) -> None:
        first, second, third = self.clusters
        key = mark(hub, {first: "new"})
        where = Placement("all", Name(*self.clusters), groups={"new": Label(key) == "new"})
        deployment = hub.deploy(samples.one, to=where, versions={"new": samples.two}).wait(timeout=LIMIT)
        assert answers(hub, deployment, {first: 2, second: 1, third: 1})
        mark(hub, {first: None, second: "new"})
        assert answers(hub, deployment.wait(timeout=LIMIT), {first: 1, second: 2, third: 1})

    def test_a_stage_is_waited_for(self, hub: Hub, samples: Samples) -> None:
        first, second = self.clusters[:2]
        where = Placement("staged", Name(first, second), groups={"canary": Name(first)})
        staged = Rollout(strategy="staged", stages=("canary", "*"))
        deployment = hub.deploy(samples.one, to=where, rollout=staged).wait(timeout=LIMIT)
        assert answers(hub, deployment, {first: 1, second: 1})
        self.cut(hub, first)
        deployment.update(samples.two).refresh()
        assert _told(hub) == {first: "2", second: "1"}, "the second stage is not told before the first is good"
        assert "canary" in deployment.status().message
        self.join(hub, first)
        assert answers(hub, deployment.wait(timeout=LIMIT), {first: 2, second: 2})

    def test_a_bad_stage_halts_the_rollout(self, hub: Hub, samples: Samples) -> None:
        first, second = self.clusters[:2]
        where = Placement("staged", Name(first, second), groups={"canary": Name(first)})
        staged = Rollout(strategy="staged", stages=("canary", "*"))
        deployment = hub.deploy(samples.one, to=where, rollout=staged).wait(timeout=LIMIT)
        with pytest.raises(DeploymentFailed):
            deployment.update(samples.broken).wait(timeout=LIMIT)
        deployment.refresh()
        assert _told(hub) == {first: "9", second: "1"}
        status = deployment.status()
        assert status.phase is Phase.FAILED
        assert "canary" in status.message
        assert answers(hub, deployment, {first: 1, second: 1})


def _told(hub: Hub) -> dict[str, str]:
    told = hub.engine.fleet.assigned(namespace=hub.namespace, deadline=hub.engine.deadline())
    return {assignment.cluster: assignment.item.version for assignment in told}
