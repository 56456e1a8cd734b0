"""What a PlacementRule can say of a placement, and what it cannot."""

from __future__ import annotations

import pytest

from i4q_ai import Claim, Label, Placement, Resource
from i4q_ai import Name as ClusterName
from i4q_ai.errors import UnsupportedError
from i4q_ai_ocm.subscribing.placementrules import rule
from i4q_ai_ocm.subscribing.translating import write


def test_labels_that_all_hold() -> None:
    where = Placement("cnc", (Label("line") == "cnc") & ~(Label("stage") == "test") & Label("gpu").exists(), count=2)
    assert write(rule("factory", "r", where))["spec"] == {
        "clusterReplicas": 2,
        "clusterSelector": {
            "matchExpressions": [
                {"key": "line", "operator": "In", "values": ["cnc"]},
                {"key": "stage", "operator": "NotIn", "values": ["test"]},
                {"key": "gpu", "operator": "Exists"},
            ]
        },
    }


def test_groups_leave_out_those_before_them() -> None:
    where = Placement("cnc", Label("line") == "cnc", groups={"canary": Label("stage") == "canary"})
    spec = write(rule("factory", "r", where))["spec"]
    assert spec["clusterSelector"]["matchExpressions"][1] == {"key": "stage", "operator": "NotIn", "values": ["canary"]}


def test_clusters_by_name() -> None:
    spec = write(rule("factory", "r", Placement("two", ClusterName("edge-1", "edge-2"))))["spec"]
    assert spec == {"clusters": [{"name": "edge-1"}, {"name": "edge-2"}]}


def test_everything_is_an_empty_selector() -> None:
    assert write(rule("factory", "r", Placement("all")))["spec"] == {"clusterSelector": {}}


@pytest.mark.parametrize(
    "where",
    [
        Placement("a", (Label("a") == "b") | (Label("c") == "d")),
        Placement("a", Claim("platform") == "AWS"),
        Placement("a", Resource("memory") >= "1Gi"),
        Placement("a", ClusterName("edge-1") & (Label("a") == "b")),
        Placement("a", ~ClusterName("edge-1")),
        Placement("a", prefer={"cpu": 1}),
    ],
)
def test_what_it_cannot_say_is_refused(where: Placement) -> None:
    with pytest.raises(UnsupportedError, match="PlacementRule"):
        rule("factory", "r", where)
