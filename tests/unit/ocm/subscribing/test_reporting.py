"""What clusters say of what they take by themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from i4q_ai.backends.base import Pulled
from i4q_ai.cluster import Condition
from i4q_ai.status import Phase
from i4q_ai_ocm.subscribing import reporting
from i4q_ai_ocm.subscribing.making import COMMIT, GROUPED
from i4q_ai_ocm.subscribing.things import REFRESHED

ID = "0123456789abcdef0123456789abcdef01234567"
TOLD = "2026-11-28T09:00:00.500Z"
SINCE = datetime(2026, 11, 28, 8, tzinfo=UTC)
HERE = Condition(type="Available", status="True", reason="", message="")
AWAY = Condition(type="Available", status="False", reason="Unreachable", message="no lease", since=SINCE)
DONE = {"phase": "Subscribed", "overall": "Deployed", "applied": "2026-11-28T09:00:01Z", "refreshed": TOLD}


def subscription(**changes: Any) -> dict[str, Any]:
    """As the hub has it."""
    return {
        "metadata": {"name": "s", "namespace": "n", "annotations": {COMMIT: ID, REFRESHED: TOLD, GROUPED: "canary"}},
        "spec": {},
        "status": {"phase": "Propagated"},
        **changes,
    }


def work(refreshed: str | None = TOLD, *, applied: str | None = "True", **about: Any) -> dict[str, Any]:
    """As the hub has made it for a cluster."""
    copy = {"kind": "Subscription", "metadata": {"annotations": {REFRESHED: refreshed} if refreshed else {}}}
    conditions = [{"type": "Applied", "status": applied, "observedGeneration": 2}] if applied else []
    return {
        "metadata": {"generation": 2, **about},
        "spec": {"workload": {"manifests": [{"kind": "Namespace", "metadata": {}}, copy]}},
        "status": {"conditions": conditions},
    }


def said(**fields: Any) -> Pulled:
    """What edge-1 says, where all is well but for these."""
    given: dict[str, Any] = {
        "subscription": subscription(),
        "chosen": frozenset({"edge-1"}),
        "works": {"edge-1": work()},
        "reports": {"edge-1": "deployed"},
        "available": {"edge-1": HERE},
    }
    (found,) = reporting.report(reporting.Known(**{**given, **fields}))
    return found


def test_a_cluster_that_has_it_says_which_commit() -> None:
    found = said()
    assert (found.cluster, found.group, found.phase, found.commit) == ("edge-1", "canary", Phase.READY, ID)
    assert said(said={"edge-1": DONE}).since == datetime(2026, 11, 28, 9, 0, 1, tzinfo=UTC)


NOT_PROPAGATED = subscription(status={"phase": "PropagationFailed", "reason": "no path"})


@pytest.mark.parametrize(
    ("fields", "phase", "words"),
    [
        ({"works": {}}, Phase.PENDING, "the hub has not told it yet"),
        ({"works": {"edge-1": work("before")}}, Phase.PENDING, "newest commit"),
        ({"works": {"edge-1": work("before")}, "now": SINCE.replace(hour=10)}, Phase.FAILED, "nothing in the folder"),
        ({"works": {}, "now": SINCE.replace(hour=10)}, Phase.FAILED, "nothing in the folder"),
        ({"said": {"edge-1": {}}}, Phase.PENDING, "not come yet"),
        ({"said": {"edge-1": {}}, "reports": {"edge-1": "failed"}}, Phase.PENDING, "not come yet"),
        ({"works": {"edge-1": work(applied=None)}}, Phase.PENDING, "has not been told"),
        ({"works": {"edge-1": work(applied="False")}}, Phase.FAILED, "work agent"),
        ({"reports": {}}, Phase.PENDING, "not reported"),
        ({"reports": {"edge-1": "failed"}}, Phase.FAILED, "SubscriptionStatus"),
        ({"reports": {"edge-1": "propagationFailed"}}, Phase.FAILED, "could not tell"),
        ({"subscription": NOT_PROPAGATED}, Phase.FAILED, "no path"),
        ({"said": {"edge-1": {**DONE, "refreshed": "before"}}}, Phase.PENDING, "not read"),
        ({"said": {"edge-1": {**DONE, "applied": "2026-11-28T08:59:00Z"}}}, Phase.PENDING, "not read"),
        ({"said": {"edge-1": {**DONE, "phase": "Failed", "reason": "bad kustomization"}}}, Phase.FAILED, "bad kustom"),
        (
            {"said": {"edge-1": {**DONE, "overall": "Failed", "failed": "no right", "kind": "Role", "package": "r"}}},
            Phase.FAILED,
            "Role 'r': no right",
        ),
        ({"said": {"edge-1": {**DONE, "message": "Blocked"}}}, Phase.WAITING, "window"),
        ({"chosen": frozenset()}, Phase.REMOVING, "taken away"),
        ({"works": {"edge-1": work(deletionTimestamp="now")}}, Phase.REMOVING, "taken away"),
    ],
)  # fmt: skip
def test_why_it_has_it_not(fields: dict[str, Any], phase: Phase, words: str) -> None:
    found = said(**fields)
    assert found.phase is phase
    assert words in found.message
    assert found.commit == ""


def test_a_cluster_that_is_away_says_what_it_had() -> None:
    found = said(available={"edge-1": AWAY})
    assert (found.phase, found.reason, found.commit, found.since) == (Phase.OFFLINE, "Unreachable", ID, SINCE)
    assert said(available={"edge-1": AWAY}, works={"edge-1": work("before")}).commit == ""
    assert said(available={}).reason == "Unknown"


def test_reports_are_of_one_subscription() -> None:
    reports = [
        {
            "metadata": {"namespace": cluster},
            "reportType": "Cluster",
            "results": [{"source": "n/s", "result": result}, {"source": "n/other", "result": "failed"}],
        }
        for cluster, result in (("edge-1", "deployed"), ("edge-2", "failed"))
    ]
    assert reporting.results(reports, "n/s") == {"edge-1": "deployed", "edge-2": "failed"}
    assert reporting.results(reports, "n/none") == {}


def test_what_is_left_of_one_that_is_gone() -> None:
    here, away = reporting.gone({"edge-1": work(), "edge-2": work()}, {"edge-1": HERE, "edge-2": AWAY})
    assert (here.phase, away.phase) == (Phase.REMOVING, Phase.OFFLINE)
