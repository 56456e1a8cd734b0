from __future__ import annotations

from typing import Any

import pytest

from i4q_ai.cluster import Condition
from i4q_ai.status import Observation, Phase
from i4q_ai_ocm import observing, state
from i4q_ai_ocm.condensing import work as condensed
from i4q_ai_ocm.observing import Around
from tests.unit.ocm.things import KEY, NOW, item, running, work

HERE = Condition(type="Available", status="True")
AWAY = Condition(type="Available", status="False", reason="LeaseLost", message="no word", since=NOW)


def _seen(*works: dict[str, Any], available: Condition = HERE, pods: list[dict[str, Any]] | None = None) -> Observation:
    found = state.read([], works, [])[KEY]
    [seen] = observing.observe(found, KEY, {"a": Around(available, pods=pods)}, hub="h")
    return seen


def test_it_is_ready_when_all_pods_are_new_and_available() -> None:
    seen = _seen(work("a", item(), values=running(item())))
    assert (seen.phase, seen.running, seen.version) == (Phase.READY, item().digest, "1")
    assert seen.address == "http://model-tool-wear.factory.svc:8080"


def test_what_the_controller_has_not_seen_is_not_ready() -> None:
    assert _seen(work("a", item(), values=running(item(), observedGeneration=1))).phase is Phase.PENDING


def test_replicas_that_somebody_at_the_edge_has_changed_are_told() -> None:
    sent = work("a", item(), values=running(item(), wanted=0, replicas=0, updatedReplicas=0, availableReplicas=0))
    about = {"kind": "Deployment", "metadata": {"name": "model-tool-wear"}, "spec": {"replicas": 1}}
    sent["spec"] = {"workload": {"manifests": [about]}}
    seen = _seen(sent)
    assert (seen.phase, seen.reason, seen.running) == (Phase.PENDING, "Changed", None)
    assert "replicas to 0, not 1" in seen.message


def test_an_older_version_runs_until_the_new_one_is_there() -> None:
    seen = _seen(work("a", item("2"), values=running(item("1"))))
    assert (seen.phase, seen.running, seen.version) == (Phase.PENDING, item("1").digest, "1")


def test_a_version_that_does_not_get_ready_leaves_the_one_before_it() -> None:
    stuck = {"updatedReplicas": 1, "replicas": 2, "Progressing.reason": "ProgressDeadlineExceeded"}
    seen = _seen(work("a", item("2"), values=running(item("2"), **stuck)))
    assert (seen.phase, seen.version) == (Phase.ROLLED_BACK, "0")


def test_without_one_before_it_has_failed() -> None:
    stuck = {"availableReplicas": 0, "Progressing.reason": "ProgressDeadlineExceeded"}
    seen = _seen(work("a", item(), values=running(item(), **stuck)))
    assert (seen.phase, seen.reason) == (Phase.FAILED, "ProgressDeadlineExceeded")


def test_pods_say_why_where_they_can_be_seen() -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room"}
    pod = {"metadata": {"annotations": {"i4q.ai/digest": item().digest}}, "status": {"conditions": [condition]}}
    seen = _seen(work("a", item(), values=running(item(), availableReplicas=0)), pods=[pod])
    assert (seen.phase, seen.reason) == (Phase.PENDING, "Unschedulable")


@pytest.mark.parametrize(("values", "ran"), [(running(item()), Phase.READY), (running(item("0")), None)])
def test_a_cluster_that_is_away_ran_what_was_last_heard(values: dict[str, Any], ran: Phase | None) -> None:
    seen = _seen(work("a", item(), values=values), available=AWAY)
    assert (seen.phase, seen.last, seen.since) == (Phase.OFFLINE, ran, NOW)


def test_what_goes_is_seen_until_it_is_gone() -> None:
    seen = _seen(work("a", item(), deletionTimestamp="2026-01-01T00:00:00Z"))
    assert (seen.phase, seen.desired) == (Phase.REMOVING, None)


@pytest.mark.parametrize(
    ("message", "phase"),
    [
        ("exceeded quota", Phase.FAILED),
        ('Patch "https://10.0.0.1/apis/policy/v1/…": net/http: TLS handshake timeout', Phase.PENDING),
        ("etcdserver: leader changed", Phase.PENDING),
    ],
)
def test_what_the_edge_refuses_has_failed_unless_it_will_pass(message: str, phase: Phase) -> None:
    refused = work("a", item())
    condition = {"type": "Applied", "status": "False", "observedGeneration": 1, "message": message}
    refused["status"] = {
        "conditions": [condition],
        "resourceStatus": {
            "manifests": [{"resourceMeta": {"kind": "Service", "name": "s"}, "conditions": [condition]}]
        },
    }
    seen = _seen(refused)
    assert (seen.phase, seen.message) == (phase, f"Service 's': {message}")


@pytest.mark.parametrize(
    "values",
    [running(item()), running(item("0")), running(item(), wanted=0), running(item(), availableReplicas=0), {}],
)
@pytest.mark.parametrize("available", [HERE, AWAY])
def test_what_is_kept_of_a_work_says_all_that_the_whole_does(values: dict[str, Any], available: Condition) -> None:
    whole = {"apiVersion": "work.open-cluster-management.io/v1", **work("a", item(), values=values)}
    manifest = {"kind": "Deployment", "metadata": {"name": "model-tool-wear"}, "spec": {"replicas": 1}}
    whole["spec"] = {"workload": {"manifests": [manifest, {"kind": "Service", "metadata": {"name": "s"}}]}}
    whole["status"]["conditions"] = [
        {"type": "Applied", "status": "False", "observedGeneration": 1, "lastTransitionTime": NOW.isoformat()}
    ]
    whole["status"]["resourceStatus"]["manifests"][0]["conditions"] = [
        {"type": "Applied", "status": "False", "message": "admission webhook said no"}
    ]
    assert _seen(condensed(whole), available=available) == _seen(whole, available=available)
    del whole["status"]["conditions"]
    assert _seen(condensed(whole), available=available) == _seen(whole, available=available)


def test_what_looks_as_it_did_is_not_observed_again() -> None:
    works = {name: work(name, item(), values=running(item())) for name in ("a", "b", "c")}
    around = {name: Around(HERE) for name in works}
    known: observing.Known = {}

    def seen() -> list[Observation]:
        return observing.observe(state.read([], works.values(), [])[KEY], KEY, around, hub="h", known=known)

    first = seen()
    works["b"] = work("b", item(), values=running(item(), availableReplicas=0))
    around["c"] = Around(AWAY)
    second = seen()
    assert second[0] is first[0]
    assert [each.phase for each in second] == [Phase.READY, Phase.STARTING, Phase.OFFLINE]
    assert second == observing.observe(state.read([], works.values(), [])[KEY], KEY, around, hub="h")
    del works["a"]
    assert [each.cluster for each in seen()] == ["b", "c"]
