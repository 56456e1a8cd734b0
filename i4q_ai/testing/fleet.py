"""The fleet: what clusters are, and that what they are told stays told."""

from __future__ import annotations

import pytest

from i4q_ai.backends.base import Action, Fleet
from i4q_ai.cluster import Cluster, Taint
from i4q_ai.deadline import Deadline
from i4q_ai.desired import Item
from i4q_ai.errors import ConflictError, NotFoundError, UnreachableError
from i4q_ai.hub import Hub
from i4q_ai.model import Model
from i4q_ai.placement import REST
from i4q_ai.spec import Spec
from i4q_ai.testing.plant import LIMIT, Plant, on
from i4q_ai.testing.samples import MODEL, Samples


class FleetCases(Plant):
    """What every fleet must keep."""

    def test_clusters_say_whether_they_are_available(self, fleet: Fleet, deadline: Deadline) -> None:
        found = {cluster.name: cluster for cluster in fleet.clusters(deadline=deadline)}
        assert list(found) == sorted(found)
        assert {found[name].available.status for name in self.clusters} == {"True"}

    def test_a_name_is_given_once(self, fleet: Fleet, deadline: Deadline) -> None:
        with pytest.raises(ConflictError):
            fleet.add(Cluster(name=self.clusters[0]), deadline=deadline)

    def test_nobody_knows_an_unknown_cluster(
        self, fleet: Fleet, hub: Hub, samples: Samples, deadline: Deadline
    ) -> None:
        with pytest.raises(NotFoundError):
            fleet.annotate("edge-none", labels={"a": "b"}, deadline=deadline)
        with pytest.raises(NotFoundError):
            fleet.remove("edge-none", deadline=deadline)
        action = Action(verb="create", cluster="edge-none", after=_item(hub, samples.one), revision=1)
        assert [bool(outcome.error) for outcome in fleet.apply([action], deadline=deadline)] == [True]
        assert fleet.assigned(namespace=hub.namespace, deadline=deadline) == []

    def test_labels_are_merged_and_taints_are_set(self, fleet: Fleet, hub: Hub, deadline: Deadline) -> None:
        name, (one, two) = self.clusters[0], (f"{hub.namespace}/one", f"{hub.namespace}/two")
        before = hub.clusters.get(name)
        fleet.annotate(name, labels={one: "1", two: "2"}, deadline=deadline)
        fleet.annotate(name, labels={one: None}, taints=[Taint(key="full")], deadline=deadline)
        after = hub.clusters.get(name)
        assert after.labels == {**before.labels, two: "2"}
        assert after.taints == (Taint(key="full"),)

    def test_telling_twice_is_telling_once(self, fleet: Fleet, hub: Hub, samples: Samples, deadline: Deadline) -> None:
        deployment = hub.deploy(samples.one, to=on(*self.clusters[:1])).wait(timeout=LIMIT)
        told = fleet.assigned(namespace=hub.namespace, deadline=deadline)
        item, revision = told[0].item, deployment.history()[-1].revision
        action = Action(verb="update", cluster=self.clusters[0], before=item, after=item, revision=revision)
        seen = fleet.observe(namespace=hub.namespace, deadline=deadline)
        for _ in range(2):
            assert [outcome.error for outcome in fleet.apply([action], deadline=deadline)] == [""]
        assert fleet.assigned(namespace=hub.namespace, deadline=deadline) == told
        assert fleet.observe(namespace=hub.namespace, deadline=deadline) == seen

    def test_a_late_action_never_undoes_a_later_one(
        self, fleet: Fleet, hub: Hub, samples: Samples, deadline: Deadline
    ) -> None:
        deployment = hub.deploy(samples.one, to=on(*self.clusters[:1]))
        late = fleet.assigned(namespace=hub.namespace, deadline=deadline)[0].item
        deployment.update(samples.two)
        for action in (
            Action(verb="update", cluster=self.clusters[0], after=late, revision=1),
            Action(verb="remove", cluster=self.clusters[0], before=late, revision=1),
        ):
            fleet.apply([action], deadline=deadline)
            told = fleet.assigned(namespace=hub.namespace, deadline=deadline)
            assert [assignment.item.digest for assignment in told] == [samples.two.digest]

    def test_a_late_action_does_not_bring_back_what_was_taken_away(
        self, fleet: Fleet, hub: Hub, samples: Samples, deadline: Deadline
    ) -> None:
        first, second = self.clusters[:2]
        hub.deploy(samples.one, to=on(first, second))
        late = fleet.assigned(namespace=hub.namespace, deadline=deadline)[0].item
        deployment = hub.deploy(samples.one, to=on(second))
        fleet.apply([Action(verb="create", cluster=first, after=late, revision=1)], deadline=deadline)
        told = fleet.assigned(namespace=hub.namespace, deadline=deadline)
        assert [assignment.cluster for assignment in told] == [second]
        assert deployment.wait(timeout=LIMIT).status().ready

    def test_a_watch_says_at_once_and_ends_in_time(self, fleet: Fleet, hub: Hub, samples: Samples) -> None:
        hub.deploy(samples.one, to=on(*self.clusters[:1])).wait(timeout=LIMIT)
        seen = list(fleet.watch(namespace=hub.namespace, name=MODEL, deadline=Deadline.after(1)))
        assert [(row.cluster, row.running) for row in seen[0]] == [(self.clusters[0], samples.one.digest)]

    def test_what_does_not_run_cannot_be_reached(self, fleet: Fleet, hub: Hub, deadline: Deadline) -> None:
        with pytest.raises(UnreachableError):
            fleet.reach(self.clusters[0], hub.namespace, "nothing", deadline=deadline)


def _item(hub: Hub, model: Model) -> Item:
    return Spec(model=model, placement=on("edge-none")).item(hub.namespace, MODEL, REST, revision=1)
