"""Deploying: plans, updates, history, roll-back, deletion."""

from __future__ import annotations

import threading

import pytest

from i4q_ai.deployment import Deployment
from i4q_ai.errors import DeploymentFailed, NotFoundError, RuleError, StalePlanError, VersionExistsError
from i4q_ai.hub import Hub
from i4q_ai.model import Model
from i4q_ai.status import Phase
from i4q_ai.testing.beside import Beside, finish
from i4q_ai.testing.connection import Connection
from i4q_ai.testing.plant import LIMIT, Plant, answers, gone, on, rows
from i4q_ai.testing.samples import MODEL, Samples


class DeployingCases(Plant):
    """What holds for every deployment."""

    def test_a_plan_touches_nothing(self, hub: Hub, samples: Samples) -> None:
        plan = hub.plan(samples.one, to=on(*self.clusters))
        assert [action.cluster for action in plan.actions] == list(self.clusters)
        assert samples.one.digest in str(plan)
        assert hub.list() == []
        assert gone(hub, MODEL)

    def test_a_stale_plan_is_refused(self, hub: Hub, samples: Samples) -> None:
        where = on(self.clusters[0])
        first, second = hub.plan(samples.one, to=where), hub.plan(samples.two, to=where)
        hub.apply(first)
        with pytest.raises(StalePlanError):
            hub.apply(second)
        with pytest.raises(StalePlanError):
            hub.apply(first)
        assert hub.get(MODEL).spec.object == samples.one

    def test_nothing_has_drifted_where_nobody_has_changed_anything(self, hub: Hub, samples: Samples) -> None:
        deployment = hub.deploy(samples.one, to=on(*self.clusters)).wait(timeout=LIMIT)
        assert deployment.drift() == []
        before = rows(deployment)
        assert deployment.repair().drift() == []
        assert rows(deployment) == before

    def test_an_unknown_cluster_is_named(self, hub: Hub, samples: Samples) -> None:
        with pytest.raises(RuleError, match="edge-none"):
            hub.deploy(samples.one, to=on("edge-none"))
        deployment = hub.deploy(samples.one, to=on(self.clusters[0]))
        with pytest.raises(NotFoundError, match="edge-none"):
            deployment.client("edge-none")

    def test_life_of_a_deployment(self, hub: Hub, samples: Samples) -> None:
        first, second = self.clusters[:2]
        deployment = hub.deploy(samples.one, to=on(first, second)).wait(timeout=LIMIT)
        assert answers(hub, deployment, {first: 1, second: 1})
        assert hub.plan(samples.one, to=on(first, second)).empty, "deploying the same again changes nothing"
        hub.deploy(samples.one, to=on(first, second))
        assert [revision.revision for revision in deployment.history()] == [1]
        deployment.update(samples.two).wait(timeout=LIMIT)
        assert answers(hub, deployment, {first: 2, second: 2})
        deployment.rollback().wait(timeout=LIMIT)
        assert answers(hub, deployment, {first: 1, second: 1})
        assert [revision.version for revision in deployment.history()] == ["1", "2", "1"]
        assert deployment.delete(timeout=LIMIT) is None
        assert gone(hub, MODEL)
        with pytest.raises(NotFoundError):
            deployment.status()

    def test_a_name_can_be_used_again(self, hub: Hub, samples: Samples) -> None:
        where = on(self.clusters[0])
        hub.deploy(samples.one, to=where).update(samples.two).update(samples.three).wait(timeout=LIMIT)
        assert hub.get(MODEL).delete(timeout=LIMIT) is None
        again = hub.deploy(samples.two, to=where).wait(timeout=LIMIT)
        assert answers(hub, again, {self.clusters[0]: 2})
        assert [revision.version for revision in again.history()] == ["2"]

    def test_ten_revisions_are_kept(self, hub: Hub, samples: Samples) -> None:
        deployment = hub.deploy(samples.one, to=on(self.clusters[0]))
        for turn in range(11):
            deployment.update(samples.two if turn % 2 == 0 else samples.one)
        kept = deployment.history()
        assert [revision.revision for revision in kept][-10:] == list(range(3, 13))
        deployment.rollback(to=kept[-3].revision)
        assert deployment.spec.object.version == kept[-3].version
        deployment.wait(timeout=LIMIT)

    def test_a_broken_version_goes_back_by_itself(self, hub: Hub, samples: Samples) -> None:
        cluster = self.clusters[0]
        deployment = hub.deploy(samples.one, to=on(cluster)).wait(timeout=LIMIT)
        with pytest.raises(DeploymentFailed) as failed:
            deployment.update(samples.broken).wait(timeout=LIMIT)
        assert set(failed.value.reasons) == {cluster}
        row = rows(deployment)[cluster]
        assert (row.phase, row.running) == (Phase.ROLLED_BACK, samples.one.digest)
        assert row.message
        assert answers(hub, deployment, {cluster: 1})
        deployment.update(samples.two).wait(timeout=LIMIT)
        assert answers(hub, deployment, {cluster: 2})

    def test_a_version_does_not_change(self, hub: Hub, samples: Samples) -> None:
        hub.deploy(samples.one, to=on(self.clusters[0]))
        other = Model(**{**dict(samples.one), "reference": samples.two.reference})
        with pytest.raises(VersionExistsError):
            hub.deploy(other, to=on(self.clusters[0]))

    def test_a_second_process_sees_the_same(self, hub: Hub, samples: Samples, beside: Beside) -> None:
        cluster = self.clusters[0]
        deployment = hub.deploy(samples.one, to=on(cluster)).wait(timeout=LIMIT)
        assert beside.ask("status", name=MODEL) == deployment.status().model_dump(mode="json")
        assert finish(beside.deploy(samples.two, on(cluster))) == 0
        assert [revision.version for revision in deployment.history()] == ["1", "2"]
        assert answers(hub, deployment.wait(timeout=LIMIT), {cluster: 2})

    def test_a_watch_sees_what_another_process_changes(self, hub: Hub, samples: Samples, beside: Beside) -> None:
        deployment = hub.deploy(samples.one, to=on(self.clusters[0])).wait(timeout=LIMIT)
        statuses = deployment.watch(timeout=LIMIT)
        assert next(statuses).version == "1"
        assert finish(beside.deploy(samples.two, on(self.clusters[0]))) == 0
        assert any(status.version == "2" and status.ready for status in statuses)

    def test_two_hubs_at_once_agree_on_one_version(
        self, hub: Hub, connection: Connection, samples: Samples, namespace: str
    ) -> None:
        where, barrier, trouble = on(*self.clusters), threading.Barrier(2), list[BaseException]()

        def deploy(model: Model) -> None:
            try:
                with connection.hub(namespace) as own:
                    barrier.wait(LIMIT)
                    for _ in range(3):
                        own.deploy(model, to=where)
            except BaseException as error:
                trouble.append(error)

        writers = [threading.Thread(target=deploy, args=(model,)) for model in (samples.one, samples.two)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(LIMIT)
        assert trouble == []
        deployment = hub.get(MODEL).wait(timeout=LIMIT)
        winner = int(deployment.spec.object.version)
        assert answers(hub, deployment, dict.fromkeys(self.clusters, winner))
        assert _revisions(deployment) == list(range(_revisions(deployment)[0], _revisions(deployment)[-1] + 1))


def _revisions(deployment: Deployment) -> list[int]:
    return [revision.revision for revision in deployment.history()]
