from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from i4q_ai_ocm import managed


def _cluster(name: str = "edge-1", **about: Any) -> dict[str, Any]:
    labels = about.pop("labels", {"cluster.open-cluster-management.io/clusterset": "default"})
    return {"metadata": {"name": name, "labels": labels}, "spec": {"hubAcceptsClient": True}, **about}


def test_a_cluster_is_what_its_hub_says() -> None:
    taints = [
        {"key": "cluster.open-cluster-management.io/unreachable", "effect": "NoSelect"},
        {"key": "a", "effect": "NoSelect"},
    ]
    found = managed.cluster(
        _cluster(
            spec={"hubAcceptsClient": True, "taints": taints},
            status={
                "allocatable": {"cpu": "2", "memory": "nonsense"},
                "clusterClaims": [{"name": "region", "value": "Eu 1"}],
                "version": {"kubernetes": "v1.34.4"},
                "conditions": [
                    {"type": managed.AVAILABLE, "status": "Unknown", "reason": "LeaseLost",
                     "lastTransitionTime": "2026-01-01T00:00:00Z"},
                ],
            },
        )
    )  # fmt: skip
    assert (found.resources, found.claims, found.kube_version) == ({"cpu": "2"}, {"region": "Eu 1"}, "v1.34.4")
    assert [taint.key for taint in found.taints] == ["a"], "what the condition says already is no taint"
    assert (found.available.status, found.available.reason) == ("False", "LeaseLost")


def test_who_was_not_accepted_or_never_came_is_not_there() -> None:
    assert managed.available(_cluster(spec={})).reason == "NotAccepted"
    assert managed.available(_cluster()).reason == "NeverJoined"


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ({}, ["a"]),
        ({"selectorType": "ExclusiveClusterSetLabel"}, ["a"]),
        ({"selectorType": "LabelSelector", "labelSelector": {}}, ["a", "b"]),
        ({"selectorType": "LabelSelector"}, []),
        ({"selectorType": "LabelSelector", "labelSelector": {"matchLabels": {"line": "cnc"}}}, ["b"]),
        (
            {"selectorType": "LabelSelector",
             "labelSelector": {"matchExpressions": [{"key": "line", "operator": "DoesNotExist"}]}},
            ["a"],
        ),
    ],
)  # fmt: skip
def test_sets_have_members_by_label_or_selector(selector: dict[str, Any], names: list[str]) -> None:
    leaving = _cluster("c")
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    clusters = [_cluster("b", labels={"line": "cnc"}), _cluster("a"), leaving]
    sets = [{"metadata": {"name": "default"}, "spec": {"clusterSelector": selector}}]
    assert [each["metadata"]["name"] for each in managed.members(clusters, sets, ["default"])] == names


def test_scores_that_no_placement_of_ours_can_name_are_left_out() -> None:
    score = managed.score("edge-1", "model-score")
    status = managed.score_status({"accuracy": 93}, datetime(2026, 1, 1, 12, tzinfo=UTC))
    status["scores"].append({"name": "of/others", "value": 1})
    found = managed.cluster(_cluster(), [{**score, "status": status}, managed.score("edge-1", "no-status-yet")])
    assert {name: (each.value, str(each.valid_until)) for name, each in found.scores.items()} == {
        "model-score/accuracy": (93, "2026-01-01 12:00:00+00:00")
    }


def test_what_a_hub_does_not_say_of_capacity_is_nothing() -> None:
    assert managed.cluster(_cluster()).capacity == {}
