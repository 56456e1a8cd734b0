"""From what a cluster was told and what is there to what is observed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from i4q_ai.backends.away import Away
from i4q_ai.desired import ModelItem
from i4q_ai.manifests import fingerprint
from i4q_ai.status import NO_CONSUMER, Observation, Phase, Report
from i4q_ai_kubectl import observing
from i4q_ai_kubectl.ledger import Row
from i4q_ai_kubectl.observing import Look, There, observe, sort
from tests.unit.kubectl.statuses import (
    NO_IMAGE,
    RUNNING,
    STARTS,
    TAKES_REQUESTS,
    WITHOUT_NODE,
    Status,
    available,
    config_map,
    container,
    deployment,
    ended,
    pod,
    progressing,
    status,
)
from tests.unit.kubectl.things import KEY, NEW, OLD, SITE, THEN, model, row
from tests.unit.manifests.cases import container as image_workload

LATER = THEN + timedelta(hours=1)
AWAY = Away("Unreachable", "no route to host")
DONE = {"replicas": 1, "updated": 1, "available": 1}
REFUSED = status(container(ended(3, "no opset 99"), restarts=1))
OLD_POD = pod(TAKES_REQUESTS, model("1"), name="old")


def seen(told: Row, *there: Status, others: tuple[str, ...] = (), **about: Any) -> Observation | None:
    """What is observed of a row, with these objects there."""
    by_kind = {kind: [each for each in there if each["kind"] == kind] for kind in ("Deployment", "Pod", "ConfigMap")}
    look = sort(*by_kind.values())
    if others:
        look = Look({told.key: There(others=others)}, look.reports)
    return observe(told, look, SITE, **about)


def of_model(*there: Status, told: Row | None = None) -> Observation:
    found = seen(told or row(model(), delivered=True), *there)
    assert found is not None
    return found


# servers


TABLE: dict[str, tuple[list[Status], Phase, str, str]] = {
    "nothing is there": ([], Phase.PENDING, "NotDelivered", "the cluster does not have it yet"),
    "an older version is there": (
        [deployment(model("1"), **DONE), OLD_POD], Phase.PENDING, "NotDelivered", "does not have this version yet",
    ),
    "no pod has been made": ([deployment()], Phase.PENDING, "NoPods", "no pod has been made yet"),
    "no room": ([deployment(replicas=1, updated=1), pod(WITHOUT_NODE)], Phase.PENDING, "Unschedulable", "0/1 nodes"),
    "no room, for a long time": (
        [
            deployment(replicas=1, updated=1, conditions=(progressing("ProgressDeadlineExceeded", is_so="False"),)),
            pod(WITHOUT_NODE),
        ],
        Phase.PENDING, "Unschedulable", "0/1 nodes",
    ),
    "starts": ([deployment(replicas=1, updated=1), pod(STARTS)], Phase.STARTING, "NotReady", "runs, and is not ready"),
    "an image that does not exist": (
        [deployment(replicas=1, updated=1), pod(status(container(NO_IMAGE)))], Phase.FAILED, "ImagePullBackOff",
        "Back-off pulling image",
    ),
    "a model that is refused": (
        [deployment(replicas=1, updated=1), pod(REFUSED)], Phase.FAILED, "ModelRefused", "no opset 99",
    ),
    "never ready": (
        [
            deployment(replicas=1, updated=1, conditions=(progressing("ProgressDeadlineExceeded", is_so="False"),)),
            pod(STARTS),
        ],
        Phase.FAILED, "ProgressDeadlineExceeded", "runs, and is not ready, for too long",
    ),
    "refused by a quota": (
        [
            deployment(
                conditions=(
                    {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"},
                    progressing("NewReplicaSetCreated"),
                ),
            ),
        ],
        Phase.FAILED, "FailedCreate", "exceeded quota",
    ),
    "a quota that let go": (
        [deployment(conditions=({"type": "ReplicaFailure", "status": "False", "reason": "FailedCreate"},))],
        Phase.PENDING, "NoPods", "no pod has been made yet",
    ),
    "the pods before it are ending": (
        [deployment(replicas=2, updated=1, available=2), pod(TAKES_REQUESTS), OLD_POD], Phase.STARTING, "Replacing",
        "the pods before it are ending",
    ),
    "only a terminating pod of it is there": (
        [deployment(replicas=1, updated=1), pod(status(container(NO_IMAGE)), leaving=True)], Phase.PENDING, "NoPods",
        "no pod has been made yet",
    ),
    "evicted, and made anew": (
        [deployment(replicas=1, updated=1), pod({"phase": "Failed", "reason": "Evicted"}), pod(STARTS, name="next")],
        Phase.STARTING, "NotReady", "runs, and is not ready",
    ),
    "the controller has not read it yet": (
        [deployment(**DONE, generation=2, seen=1), OLD_POD], Phase.PENDING, "NoPods", "no pod has been made yet",
    ),
    "ready": ([deployment(**DONE), pod(TAKES_REQUESTS)], Phase.READY, "", ""),
    "ready, and an old pod is leaving": (
        [deployment(**DONE), pod(TAKES_REQUESTS), pod(TAKES_REQUESTS, model("1"), name="old", leaving=True)],
        Phase.READY, "", "",
    ),
    "failed, and the version before it runs on": (
        [deployment(replicas=2, updated=1, available=1), pod(REFUSED), OLD_POD], Phase.ROLLED_BACK, "ModelRefused",
        "version 2 failed: container 'server': no opset 99; version 1 runs on",
    ),
    "failed, and the version before it is leaving": (
        [
            deployment(replicas=2, updated=1), pod(REFUSED),
            pod(TAKES_REQUESTS, model("1"), name="old", leaving=True),
        ],
        Phase.FAILED, "ModelRefused", "no opset 99",
    ),
    "one of three has failed": (
        [
            deployment(site=replace(SITE, replicas=3), replicas=3, updated=3, available=2),
            pod(TAKES_REQUESTS), pod(status(container(NO_IMAGE)), name="b"),
        ],
        Phase.FAILED, "ImagePullBackOff", "Back-off",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_how_far_a_server_is(case: str) -> None:
    there, phase, reason, message = TABLE[case]
    found = of_model(*there)
    assert (found.phase, found.reason) == (phase, reason)
    assert message in found.message
    assert (found.namespace, found.name, found.kind, found.desired, found.revision) == (*KEY, "model", NEW, 3)


def test_what_is_ready_says_where_and_since_when() -> None:
    found = of_model(deployment(**DONE, conditions=(available("2026-01-01T00:00:30Z"),)), pod(TAKES_REQUESTS))
    assert (found.running, found.version) == (NEW, "2")
    assert found.address == "http://model-wear.factory.svc:8080"
    assert found.since == datetime(2026, 1, 1, 0, 0, 30, tzinfo=UTC)


def test_what_is_ready_is_so_since_its_pods_were_replaced() -> None:
    replaced = {**progressing("NewReplicaSetAvailable"), "lastUpdateTime": "2026-01-01T00:02:00Z"}
    found = of_model(deployment(**DONE, conditions=(available("2026-01-01T00:00:30Z"), replaced)), pod(TAKES_REQUESTS))
    assert found.since == datetime(2026, 1, 1, 0, 2, tzinfo=UTC), "it was available all the time"


def test_what_is_ready_needs_no_pods_to_say_so() -> None:
    found = of_model(deployment(**DONE))
    assert (found.phase, found.running, found.since) == (Phase.READY, NEW, THEN)


def test_while_the_next_version_comes_the_last_one_answers() -> None:
    found = of_model(deployment(replicas=2, updated=1, available=1), pod(STARTS), OLD_POD)
    assert (found.phase, found.desired, found.running, found.version) == (Phase.STARTING, NEW, OLD, "1")
    assert found.address == "http://model-wear.factory.svc:8080"
    nothing = of_model(deployment(replicas=1, updated=1), pod(STARTS))
    assert (nothing.running, nothing.version, nothing.address) == (None, "", None)


def test_restarts_are_those_of_the_pod_that_was_started_most() -> None:
    found = of_model(
        deployment(replicas=2, updated=2),
        pod(status(container(RUNNING, restarts=2))),
        pod(status(container(RUNNING, restarts=5)), name="b"),
        pod(status(container(RUNNING, restarts=9)), name="c", leaving=True),
    )
    assert found.restarts == 5


def test_a_cluster_that_refuses_it_says_so_and_what_runs_on() -> None:
    told = row(model(), reason="Schema", error="spec.replicas: not a number")
    found = of_model(deployment(model("1"), **DONE), OLD_POD, told=told)
    assert (found.phase, found.reason, found.message) == (Phase.FAILED, "Schema", "spec.replicas: not a number")
    assert (found.running, found.version) == (OLD, "1")


def test_objects_of_other_deployments_do_not_count() -> None:
    other = model(name="chatter")
    assert of_model(deployment(other, **DONE), pod(TAKES_REQUESTS, other)).phase is Phase.PENDING
    foreign = {**deployment(**DONE), "metadata": {"name": "model-wear", "labels": {"app": "theirs"}}}
    assert of_model(foreign).phase is Phase.PENDING


def test_a_workload_that_waits_says_for_which_models() -> None:
    item = image_workload(uses={"wear": "url", "chatter": "path"})
    waits = status(init=(container(RUNNING, "wait"),))
    found = seen(row(item, namespace="factory", name="line"), deployment(item, replicas=1, updated=1), pod(waits, item))
    assert found is not None
    assert (found.phase, found.reason) == (Phase.WAITING, "ModelMissing")
    assert found.message == "waiting for its models: chatter, wear"


# files


FILES = model(flavour="files")
TOLD = row(FILES, delivered=True)


def placed(item: ModelItem = FILES) -> Status:
    stamps = {"i4q.ai/item": fingerprint(item), "i4q.ai/digest": item.digest, "i4q.ai/version": item.version}
    return config_map(item, annotations=stamps)


def consumer(*items: Observation, name: str = "line-1", workload: str = "line") -> list[Status]:
    """A pod of a workload, and the ConfigMap into which its agent reports."""
    item = image_workload(workload, uses={"wear": "path"})
    report = Report(cluster="edge-1", time=THEN, items=items)
    labels = pod({}, item)["metadata"]["labels"]
    data = {f"{name}.json": report.model_dump_json()}
    maps = config_map(item, data, name=f"workload-{workload}-status", labels=labels)
    return [pod(TAKES_REQUESTS, item, name=name), maps]


def reported(phase: Phase = Phase.READY, *, desired: str = NEW, running: str | None = NEW, **about: Any) -> Observation:
    fields: dict[str, Any] = {"cluster": "edge-1", "namespace": KEY[0], "name": KEY[1], "kind": "model"}
    return Observation(**{**fields, "phase": phase, "desired": desired, "running": running, "version": "2", **about})


def of_files(*there: Status) -> Observation:
    return of_model(*there, told=TOLD)


def test_files_that_are_not_there_yet() -> None:
    for there in ([], [placed(model("1", flavour="files"))]):
        found = of_files(*there)
        assert (found.phase, found.reason) == (Phase.PENDING, "NotDelivered")


def test_files_that_nobody_reads_wait_for_a_consumer() -> None:
    found = of_files(placed())
    assert (found.phase, found.reason, found.running) == (Phase.WAITING, NO_CONSUMER, NEW)
    assert found.delivered
    assert "waiting for a consumer" in found.message


def test_files_that_are_read_are_ready_when_all_have_them() -> None:
    found = of_files(placed(), *consumer(reported(since=LATER)))
    assert (found.phase, found.running, found.version, found.since) == (Phase.READY, NEW, "2", LATER)
    two = [*consumer(reported()), *consumer(reported(Phase.FETCHING, running=OLD), name="b-1", workload="b")]
    assert of_files(placed(), *two).phase is Phase.FETCHING
    assert of_files(placed(), *two).running == OLD


def test_files_of_a_version_that_its_consumers_have_not_read_are_pending() -> None:
    found = of_files(placed(), *consumer(reported(desired=OLD, running=OLD, version="1")))
    assert (found.phase, found.reason, found.running, found.version) == (Phase.PENDING, "NotRead", OLD, "1")


@pytest.mark.parametrize("phase", [Phase.FAILED, Phase.ROLLED_BACK])
def test_the_consumer_that_is_worst_off_says_why(phase: Phase) -> None:
    two = [*consumer(reported()), *consumer(reported(phase, message="digest differs"), name="b-1", workload="b")]
    found = of_files(placed(), *two)
    assert (found.phase, found.message) == (phase, "digest differs")


def test_reports_of_pods_that_are_gone_do_not_count() -> None:
    _, maps = consumer(reported(Phase.FAILED))
    assert of_files(placed(), maps).reason == NO_CONSUMER
    living = consumer(reported(Phase.FAILED))
    assert of_files(placed(), *living).phase is Phase.FAILED


def test_reports_that_cannot_be_read_do_not_count() -> None:
    living, maps = consumer(reported())
    for data in ({"line-1.json": "{"}, {"line-1.json": '{"new": 1}'}, {"line-1": "x"}, {"other": "x"}, None):
        assert of_files(placed(), living, {**maps, "data": data}).reason == NO_CONSUMER


# what must go


def test_what_is_not_wanted_is_being_removed_until_nothing_is_left() -> None:
    told = row(None, delivered=True, left=("Deployment", "Service"))
    ending = seen(told, pod(TAKES_REQUESTS, leaving=True))
    assert ending is not None
    assert (ending.phase, ending.message, ending.desired) == (Phase.REMOVING, "1 pods are ending", None)
    others = seen(told, others=("Service",))
    assert others is not None
    assert (others.phase, others.message) == (Phase.REMOVING, "objects are being deleted")
    assert seen(told) is None
    assert seen(told.model_copy(update={"gone": True}), pod(TAKES_REQUESTS)) is None


def test_what_the_cluster_was_not_told_is_still_there() -> None:
    found = seen(row(None), deployment(**DONE), pod(TAKES_REQUESTS))
    assert found is not None
    assert (found.phase, found.message, found.running) == (
        Phase.REMOVING, "the cluster has not been told yet", NEW,
    )  # fmt: skip
    assert seen(row(None)) is not None, "nothing seen is nothing confirmed"
    refused = seen(row(None, reason="Forbidden", error="no right to delete deployments"))
    assert refused is not None
    assert (refused.reason, refused.message) == ("Forbidden", "no right to delete deployments")


# out of reach


def away(told: Row) -> Observation | None:
    return observe(told, Look(away=AWAY), SITE, away_since=LATER)


def test_a_cluster_that_is_away_keeps_what_was_last_seen() -> None:
    last = Observation(
        cluster="edge-1", namespace=KEY[0], name=KEY[1], kind="model", phase=Phase.READY, running=OLD, version="1",
        restarts=2, address="http://x",
    )  # fmt: skip
    found = away(row(model(), last=last))
    assert found is not None
    assert (found.phase, found.reason, found.message, found.since) == (Phase.OFFLINE, *vars(AWAY).values(), LATER)
    assert (found.desired, found.running, found.version, found.restarts, found.last) == (NEW, OLD, "1", 2, Phase.READY)
    assert found.address is None


def test_a_cluster_that_never_said_anything() -> None:
    found = observe(row(model()), Look(away=AWAY), SITE)
    assert found is not None
    assert (found.running, found.last, found.since) == (None, None, THEN)


def test_what_a_cluster_that_is_away_has_lost_already_is_not_told() -> None:
    assert away(row(None, delivered=True)) is None
    assert away(row(None, gone=True)) is None
    waits = away(row(None))
    assert waits is not None
    assert waits.phase is Phase.OFFLINE


# without a ledger


def unknown(*there: Status) -> Observation | None:
    by_kind = {kind: [each for each in there if each["kind"] == kind] for kind in ("Deployment", "Pod", "ConfigMap")}
    return observing.unknown(KEY, "edge-1", sort(*by_kind.values()).there[KEY])


def test_objects_say_by_themselves_what_they_are() -> None:
    found = unknown(deployment(model(revision=7), **DONE), pod(TAKES_REQUESTS))
    assert found is not None
    assert (found.cluster, found.kind, found.phase, found.revision) == ("edge-1", "model", Phase.READY, 7)
    assert (found.desired, found.running, found.version) == (NEW, NEW, "2")
    failed = unknown(deployment(replicas=1, updated=1), pod(REFUSED))
    assert failed is not None
    assert (failed.phase, failed.reason) == (Phase.FAILED, "ModelRefused")


def test_files_say_by_themselves_what_they_are() -> None:
    found = unknown(placed())
    assert found is not None
    assert (found.phase, found.running, found.version) == (Phase.READY, NEW, "2")


def test_pods_alone_are_of_nothing_that_is_known() -> None:
    assert unknown(pod(TAKES_REQUESTS)) is None
