"""A placement is read strictly: each mistake is found, at its field."""

from __future__ import annotations

from typing import Any

import pytest

from i4q_ai.errors import RuleError
from i4q_ai.placing.scheduler import check

GOOD: dict[str, Any] = {
    "clusterSets": ["edge"],
    "numberOfClusters": 3,
    "predicates": [
        {
            "requiredClusterSelector": {
                "labelSelector": {"matchLabels": {"line": "cnc"}},
                "claimSelector": {"matchExpressions": [{"key": "storage", "operator": "In", "values": ["ssd"]}]},
                "celSelector": {"celExpressions": ["managedCluster.metadata.name.startsWith('e')"]},
            }
        }
    ],
    "tolerations": [{"key": "cluster.open-cluster-management.io/unreachable", "operator": "Exists"}],
    "prioritizerPolicy": {
        "mode": "Additive",
        "configurations": [
            {"scoreCoordinate": {"builtIn": "ResourceAllocatableCPU"}, "weight": -10},
            {"scoreCoordinate": {"type": "AddOn", "addOn": {"resourceName": "model", "scoreName": "accuracy"}}},
        ],
    },
    "decisionStrategy": {
        "groupStrategy": {
            "clustersPerDecisionGroup": "25%",
            "decisionGroups": [
                {"groupName": "canary", "groupClusterSelector": {"labelSelector": {"matchLabels": {"tier": "c"}}}}
            ],
        }
    },
}


def findings(spec: dict[str, Any], **known: Any) -> Any:
    return check({"metadata": {"name": "p"}, "spec": spec}, **known)


def selecting(**selector: Any) -> dict[str, Any]:
    return {"predicates": [{"requiredClusterSelector": selector}]}


def scoring(**configuration: Any) -> dict[str, Any]:
    return {"prioritizerPolicy": {"configurations": [configuration]}}


def grouping(**strategy: Any) -> dict[str, Any]:
    return {"decisionStrategy": {"groupStrategy": strategy}}


def test_nothing_is_found_in_a_good_one() -> None:
    found = findings(GOOD, sets=["edge"], bindings=["edge"])
    assert found == ((), ())
    found.require_none("p")


SELECTOR = "spec.predicates[0].requiredClusterSelector"
CONFIGURATION = "spec.prioritizerPolicy.configurations[0]"
GROUPS = "spec.decisionStrategy.groupStrategy"


@pytest.mark.parametrize(
    ("spec", "path", "said"),
    [
        ({"numberOfClusters": -1}, "spec.numberOfClusters", "-1"),
        ({"numberOfClusters": True}, "spec.numberOfClusters", "True"),
        (
            selecting(celSelector={"celExpressions": ["true", "managedCluster.nam("]}),
            f"{SELECTOR}.celSelector.celExpressions[1]",
            "line 1, column 20",
        ),
        (
            selecting(celSelector={"celExpressions": ["1 + 1"]}),
            f"{SELECTOR}.celSelector.celExpressions[0]",
            "gives int",
        ),
        (selecting(labelSelector={"matchLabels": {"a b": "c"}}), f"{SELECTOR}.labelSelector.matchLabels", "'a b'"),
        (selecting(labelSelector={"matchLabels": {"a": "x" * 64}}), f"{SELECTOR}.labelSelector.matchLabels", "xxx"),
        (
            selecting(labelSelector={"matchLabels": {"Ex_ample/a": "x"}}),
            f"{SELECTOR}.labelSelector.matchLabels",
            "DNS",
        ),
        (
            selecting(claimSelector={"matchExpressions": [{"key": "a", "operator": "in", "values": ["b"]}]}),
            f"{SELECTOR}.claimSelector.matchExpressions[0].operator",
            "'in'",
        ),
        (
            selecting(labelSelector={"matchExpressions": [{"key": "a", "operator": "In"}]}),
            f"{SELECTOR}.labelSelector.matchExpressions[0].values",
            "at least one",
        ),
        (
            selecting(labelSelector={"matchExpressions": [{"key": "a", "operator": "Exists", "values": ["b"]}]}),
            f"{SELECTOR}.labelSelector.matchExpressions[0].values",
            "takes none",
        ),
        ({"tolerations": [{"operator": "Equal", "value": "a"}]}, "spec.tolerations[0]", "key is empty"),
        ({"tolerations": [{"key": "a", "operator": "Exists", "value": "b"}]}, "spec.tolerations[0]", "value should"),
        ({"tolerations": [{"key": "a", "operator": "Exist"}]}, "spec.tolerations[0].operator", "'Exist'"),
        ({"tolerations": [{"key": "a", "effect": "NoSchedule"}]}, "spec.tolerations[0].effect", "'NoSchedule'"),
        ({"prioritizerPolicy": {"mode": "additive"}}, "spec.prioritizerPolicy.mode", "'additive'"),
        (scoring(scoreCoordinate={"builtIn": "Steady"}, weight=11), f"{CONFIGURATION}.weight", "11"),
        (scoring(weight=1), f"{CONFIGURATION}.scoreCoordinate", "missing"),
        (scoring(scoreCoordinate={"builtIn": "Stedy"}), f"{CONFIGURATION}.scoreCoordinate.builtIn", "'Stedy'"),
        (scoring(scoreCoordinate={"type": "Addon"}), f"{CONFIGURATION}.scoreCoordinate.type", "'Addon'"),
        (
            scoring(scoreCoordinate={"type": "AddOn", "addOn": {"resourceName": "a"}}),
            f"{CONFIGURATION}.scoreCoordinate.addOn.scoreName",
            "missing",
        ),
        (grouping(clustersPerDecisionGroup="101%"), f"{GROUPS}.clustersPerDecisionGroup", "'101%'"),
        (grouping(clustersPerDecisionGroup="5"), f"{GROUPS}.clustersPerDecisionGroup", "'5'"),
        (grouping(clustersPerDecisionGroup=0), f"{GROUPS}.clustersPerDecisionGroup", "0"),
        (grouping(decisionGroups=[{"groupName": "-a"}]), f"{GROUPS}.decisionGroups[0].groupName", "'-a'"),
    ],
)
def test_each_mistake_is_found_at_its_field(spec: dict[str, Any], path: str, said: str) -> None:
    (error,) = findings(spec).errors
    assert error.path == path
    assert said in error.what
    with pytest.raises(RuleError, match="placement 'p' is not applied"):
        findings(spec).require_none("p")


def test_sets_must_exist_and_be_bound() -> None:
    (unknown,) = findings({"clusterSets": ["edg"]}, sets=["edge"], bindings=["edge"]).errors
    (unbound,) = findings({"clusterSets": ["lab"]}, sets=["edge", "lab"], bindings=["edge"]).errors
    (nothing,) = findings({}, sets=["edge"], bindings=[]).errors
    assert (unknown.path, unknown.hint) == ("spec.clusterSets[0]", "did you mean 'edge'?")
    assert "not bound" in unbound.what
    assert "no set is bound" in nothing.what


def test_what_is_accepted_and_ignored_is_a_warning() -> None:
    spec = {"spreadPolicy": {}, "numberOfCluster": 3, "numberOfClusters": 0, "prioritizerPolicy": {"sortBy": "Score"}}
    found = findings(spec)
    assert found.errors == ()
    assert [each.path for each in found.warnings] == [
        "spec.spreadPolicy",
        "spec.numberOfCluster",
        "spec.prioritizerPolicy.sortBy",
        "spec.numberOfClusters",
    ]
    assert found.warnings[1].hint == "did you mean 'numberOfClusters'?"


def test_what_only_the_hub_can_judge_is_no_error() -> None:
    assert findings(selecting(celSelector={"celExpressions": ["format.uuid().validate('a').hasValue()"]})).errors == ()
