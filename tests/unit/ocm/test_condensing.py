"""What is kept of a hub's objects says all that the whole objects do."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from i4q_ai_ocm import condensing, feedback, managed, state
from i4q_ai_ocm.translate import works
from tests.unit.ocm.things import NOW, item, running, work

TIME = NOW.isoformat()
TEXTS = st.text(max_size=8)
CONDITIONS = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from((managed.AVAILABLE, "ManagedClusterJoined")),
            "status": st.sampled_from(("True", "Unknown")),
        },
        optional={"reason": TEXTS, "message": TEXTS},
    ).map(lambda each: {**each, "lastTransitionTime": TIME}),
    max_size=3,
)
AMOUNTS = st.dictionaries(st.sampled_from(("cpu", "memory", "pods")), st.sampled_from(("4", "8Gi", "much", "-1")))
CLUSTERS = st.fixed_dictionaries(
    {
        "apiVersion": st.just("cluster.open-cluster-management.io/v1"),
        "kind": st.just("ManagedCluster"),
        "metadata": st.fixed_dictionaries(
            {"name": st.just("a"), "uid": TEXTS},
            optional={
                "labels": st.none() | st.dictionaries(st.just("line"), st.sampled_from(("cnc", ""))),
                "deletionTimestamp": st.just(TIME),
            },
        ),
    },
    optional={
        "spec": st.fixed_dictionaries(
            {"hubAcceptsClient": st.booleans()},
            optional={"taints": st.lists(st.just({"key": "a", "effect": "NoSelect", "timeAdded": TIME}), max_size=2)},
        ),
        "status": st.fixed_dictionaries(
            {},
            optional={
                "conditions": CONDITIONS,
                "allocatable": AMOUNTS,
                "capacity": AMOUNTS,
                "version": st.dictionaries(st.just("kubernetes"), st.just("v1.34.0")),
                "clusterClaims": st.lists(st.fixed_dictionaries({"name": TEXTS, "value": TEXTS}), max_size=3),
            },
        ),
    },
)


@given(CLUSTERS)
def test_a_cluster_is_to_placements_what_the_whole_is(whole: dict[str, Any]) -> None:
    kept = condensing.cluster(whole)
    assert managed.cluster(kept) == managed.cluster(whole)
    sets = [
        {"metadata": {"name": "s"}, "spec": {"clusterSelector": {"selectorType": "LabelSelector", "labelSelector": {}}}}
    ]
    assert len(managed.members([kept], sets, ["s"])) == len(managed.members([whole], sets, ["s"]))


@given(st.lists(CLUSTERS, max_size=3))
def test_a_cluster_of_a_page_is_kept_as_one_by_itself(clusters: list[dict[str, Any]]) -> None:
    page = condensing.cluster.page(json.dumps({"items": clusters}).encode())
    assert [condensing.cluster.make(each) for each in page.items or ()] == [
        condensing.cluster(each) for each in clusters
    ]


def test_a_work_says_what_the_whole_does() -> None:
    whole = {
        "apiVersion": "work.open-cluster-management.io/v1",
        "kind": "ManifestWork",
        **work("a", item(), values=running(item())),
    }
    whole["metadata"] |= {"uid": "1", "generation": 3, "managedFields": [{"manager": "m"}]}
    whole["spec"] = {
        "deleteOption": {"propagationPolicy": "Orphan"},
        "workload": {"manifests": [{"kind": "Service", "metadata": {"name": "s"}}]},
    }
    kept = condensing.work(whole)
    assert feedback.reported(kept) == feedback.reported(whole)
    assert feedback.is_applied(kept) == feedback.is_applied(whole)
    assert feedback.done_since(kept) == feedback.done_since(whole)
    assert works.is_orphaned(kept) == works.is_orphaned(whole) is True
    assert state.read([], [kept], []).keys() == state.read([], [whole], []).keys()
    assert state.told_by(kept) == state.told_by(whole)
    assert "managedFields" not in kept["metadata"]


def test_works_that_say_the_same_share_what_they_say() -> None:
    one, other = (condensing.work(work(name, item(), values=running(item()))) for name in ("a", "b"))
    assert one["metadata"]["namespace"] != other["metadata"]["namespace"]
    assert one[feedback.READ][0] is other[feedback.READ][0]
    assert one["spec"] is other["spec"]


def test_a_number_and_a_truth_that_are_equal_are_told_apart() -> None:
    def told(value: dict[str, Any]) -> str:
        found = work("a", item(), values={"x": 1})
        found["status"]["resourceStatus"]["manifests"][0]["statusFeedback"]["values"] = [
            {"name": "x", "fieldValue": value}
        ]
        return feedback.reported(condensing.work(found))[0].text("x")

    assert told({"type": "Integer", "integer": 1}) == "1"
    assert told({"type": "Boolean", "boolean": True}) == "True"


def test_a_work_of_which_nobody_has_said_anything() -> None:
    bare = work("a", item())
    for part in ("spec", "status"):
        bare.pop(part, None)
    assert feedback.reported(condensing.work(bare)) == []
    assert feedback.is_applied(condensing.work(bare)) is None
