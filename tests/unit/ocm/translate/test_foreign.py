from __future__ import annotations

from typing import Any

import pytest

from i4q_ai.errors import RuleError, UnsupportedError
from i4q_ai.placement import Placement, Toleration
from i4q_ai.placing.builders import Label, Resource
from i4q_ai_ocm import read_placement
from i4q_ai_ocm.translate.placements import placement

OURS = Placement(
    "cnc",
    (Label("line") == "cnc") & (Resource("memory") >= "1Gi"),
    count=3,
    tolerations=(Toleration(key="dedicated", operator="Exists"),),
    prefer={"memory": 2, "model-score/accuracy": 3},
)


def _theirs(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "theirs", "namespace": "line"}, "spec": spec}


def test_what_we_wrote_is_read_as_it_was() -> None:
    assert read_placement(placement("line", "cnc", OURS, sets=("global",))) == OURS


def test_selectors_as_people_write_them() -> None:
    selector = {"labelSelector": {"matchLabels": {"line": "cnc"}}}
    found = read_placement(_theirs(predicates=[{"requiredClusterSelector": selector}], clusterSets=["edge"]))
    assert found == Placement("theirs", Label("line") == "cnc")


def test_one_that_the_scheduler_cannot_read_is_refused_with_the_place() -> None:
    selector = {"celSelector": {"celExpressions": ['managedCluster.metadata.name.startWith("edge")']}}
    with pytest.raises(RuleError, match=r"celSelector.celExpressions\[0\].*line 1") as caught:
        read_placement(_theirs(predicates=[{"requiredClusterSelector": selector}]))
    assert caught.value.hint == "nothing was changed"


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"decisionStrategy": {"groupStrategy": {"clustersPerDecisionGroup": 2}}}, "decisionStrategy"),
        ({"spreadPolicy": {"spreadConstraints": [{"topologyKey": "site"}]}}, "spreadPolicy"),
        ({"prioritizerPolicy": {"mode": "Exact"}}, "mode Exact"),
        (
            {
                "prioritizerPolicy": {
                    "configurations": [{"scoreCoordinate": {"type": "BuiltIn", "builtIn": "Balance"}, "weight": 5}]
                }
            },
            "weighs Balance by 5",
        ),
    ],
)
def test_what_no_placement_of_ours_says_is_refused(spec: dict[str, Any], named: str) -> None:
    with pytest.raises(UnsupportedError, match=named):
        read_placement(_theirs(**spec))
