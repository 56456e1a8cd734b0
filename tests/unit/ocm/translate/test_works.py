"""Works: in safe order, small enough, namespaces left alone, and conditions that never say more than is known."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from cel_expr_python import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from i4q_ai.errors import InvalidError, UnsupportedError
from i4q_ai.manifests import ITEM, REVISION, Object
from i4q_ai_ocm.translate import ordering, reporting, sizes, works
from tests.unit.ocm.translate import cases

_CONDITIONS = cel.NewEnv(variables={"object": cel.Type.DYN})


def config_map(name: str, size: int = 0, namespace: str = "factory") -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": "x" * size}}


# order, namespaces, sizes


def test_what_runs_comes_after_what_it_needs() -> None:
    found = works.template(reversed(cases.told("workload-path-claim")))["workload"]["manifests"]
    kinds = [each["kind"] for each in found]
    assert kinds[0] == "Namespace"
    assert kinds[-1] == "Deployment"
    assert kinds.index("Role") < kinds.index("RoleBinding")


def test_a_namespace_is_made_with_nothing_of_ours_and_never_deleted() -> None:
    spec = works.template(cases.told("files"))
    assert spec["workload"]["manifests"][0]["metadata"] == {"name": "factory"}
    assert spec["deleteOption"] == {
        "propagationPolicy": "SelectivelyOrphan",
        "selectivelyOrphans": {"orphaningRules": [{"group": "", "resource": "namespaces", "name": "factory"}]},
    }
    (config,) = (each for each in spec["manifestConfigs"] if each["resourceIdentifier"]["resource"] == "namespaces")
    assert config["updateStrategy"] == {"type": "CreateOnly"}


def test_a_namespace_that_is_given_stands_once() -> None:
    given = [ordering.namespace("factory"), *cases.told("files")]
    assert works.template(given) == works.template(cases.told("files"))
    assert works.split(given) == works.split(cases.told("files"))


def test_a_namespace_alone_is_a_work() -> None:
    assert works.split([ordering.namespace("empty")]) == [[ordering.namespace("empty")]]


def test_each_manifest_has_one_configuration() -> None:
    spec = works.template(cases.told("workload-path-claim"))
    told = [each["resourceIdentifier"] for each in spec["manifestConfigs"]]
    assert told == [ordering.resource(each) for each in spec["workload"]["manifests"]]


def test_fields_are_ours_at_the_edge_even_after_a_conflict() -> None:
    for config in works.template(cases.told("server-init-container"))["manifestConfigs"][1:]:
        assert config["updateStrategy"] == {
            "type": "ServerSideApply",
            "serverSideApply": {"fieldManager": "work-agent-i4q", "force": True},
        }


def test_what_is_given_is_not_changed() -> None:
    given = cases.told("server-init-container")
    before = copy.deepcopy(given)
    works.orphan(works.work("edge-1", "w", given))
    assert given == before


def test_small_things_are_one_work() -> None:
    (only,) = works.split(cases.told("workload-path-claim"))
    assert only == works.template(cases.told("workload-path-claim"))["workload"]["manifests"]


@settings(max_examples=25)
@given(st.lists(st.integers(0, 300_000), max_size=8))
def test_parts_are_small_enough_and_keep_the_order(amounts: list[int]) -> None:
    given = [config_map(f"c{number:02}", size) for number, size in enumerate(amounts)]
    parts = works.split(given)
    assert [each for part in parts for each in part if each["kind"] != "Namespace"] == given
    for part in parts:
        works.template(part)
        assert sum(sizes.size(each) for each in part) <= sizes.LIMIT
        assert part[0] == ordering.namespace("factory")
    assert len(parts) <= 1 + 2 * sum(amounts) // 450_000


def test_one_that_is_too_large_is_named() -> None:
    with pytest.raises(
        InvalidError, match=r"ConfigMap 'weights' has 600,1\d\d bytes.*push what is large to a registry"
    ):
        works.split([config_map("small"), config_map("weights", 600_000)])
    with pytest.raises(InvalidError, match=r"ConfigMap 'b'"):
        works.template([config_map("a", 300_000), config_map("b", 300_001)])


def test_a_size_is_that_of_the_hub_which_escapes() -> None:
    assert sizes.size(config_map("c", 1)) + 5 == sizes.size({**config_map("c"), "data": {"text": "<"}})
    assert sizes.size({**config_map("c"), "data": {"text": "ü"}}) == sizes.size(config_map("c", 2))


def test_a_kind_that_is_never_delivered_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"a Deployement is not delivered by works.*did you mean 'Deployment'"):
        works.template([{**config_map("x"), "kind": "Deployement"}])


def test_nothing_is_no_work() -> None:
    assert works.split([]) == []
    with pytest.raises(InvalidError, match="without manifests"):
        works.template([])


# leaving and handing over


@pytest.mark.parametrize("found", [cases.work("files"), cases.replica_set("files")], ids=["work", "replica set"])
def test_an_orphan_leaves_everything_and_nothing_else_changes(found: Object) -> None:
    left = works.orphan(found)
    assert not works.is_orphaned(found)
    assert works.is_orphaned(left)
    spec = left["spec"].get("manifestWorkTemplate", left["spec"])
    assert spec["deleteOption"] == {"propagationPolicy": "Orphan"}
    spec["deleteOption"] = found["spec"].get("manifestWorkTemplate", found["spec"])["deleteOption"]
    assert left == found


def test_a_replica_set_tells_what_works_of_their_own_tell() -> None:
    assert cases.replica_set("files")["spec"]["manifestWorkTemplate"] == cases.work("files")["spec"]


# conditions


def rules_of(case: str) -> dict[str, str]:
    """Condition → expression of the one manifest that has them."""
    (found,) = reporting.conditions(cases.told(case)).values()
    return {each["condition"]: " && ".join(f"({text})" for text in each["celExpressions"]) for each in found}


def holds(case: str, condition: str, found: Object) -> bool:
    """Whether a condition is true for an object; an error is false, as the work agent has it."""
    program = _CONDITIONS.compile(rules_of(case)[condition])
    return program.eval(data={"object": found}).value() is True


def live(**status: Any) -> Object:
    """A Deployment as it lies on a cluster, sent and rolled out, with a status that differs."""
    (found,) = (each for each in cases.told("server-replicas") if each["kind"] == "Deployment")
    found["metadata"] |= {"generation": 4}
    good = {"observedGeneration": 4, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3}
    return {**found, "status": {key: value for key, value in {**good, **status}.items() if value is not None}}


def test_a_deployment_is_done_when_all_its_pods_are_new_and_available() -> None:
    assert not holds("server-replicas", "Progressing", live())


@pytest.mark.parametrize(
    "status",
    [
        {"observedGeneration": 3},
        {"observedGeneration": None},
        {"updatedReplicas": 2},
        {"updatedReplicas": None},
        {"availableReplicas": 2},
        {"availableReplicas": None},
        {"replicas": 4},
    ],
    ids=str,
)
def test_a_deployment_is_on_its_way_until_then(status: dict[str, Any]) -> None:
    assert holds("server-replicas", "Progressing", live(**status))


def test_nothing_known_yet_is_on_its_way() -> None:
    bare = live()
    del bare["status"]
    assert holds("server-replicas", "Progressing", bare)
    assert holds("server-replicas", "Progressing", {**bare, "status": {}})


@pytest.mark.parametrize("key", [ITEM, REVISION])
def test_the_version_before_it_is_not_taken_for_it(key: str) -> None:
    old = live(conditions=[{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}])
    old["metadata"]["annotations"][key] = "2"
    assert holds("server-replicas", "Progressing", old)
    assert not holds("server-replicas", "Degraded", old)
    del old["metadata"]["annotations"]
    assert holds("server-replicas", "Progressing", old)
    assert not holds("server-replicas", "Degraded", old)


def test_no_replicas_are_soon_there() -> None:
    none = live(replicas=None, updatedReplicas=None, availableReplicas=None)
    none["spec"]["replicas"] = 0
    assert not holds("server-replicas", "Progressing", none)


@pytest.mark.parametrize(
    ("condition", "degraded"),
    [
        ({"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}, True),
        ({"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}, True),
        ({"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}, False),
        ({"type": "Progressing", "status": "Unknown"}, False),
        ({"type": "ReplicaFailure", "status": "False"}, False),
    ],
)
def test_a_deployment_is_degraded_when_it_cannot_go_on(condition: dict[str, str], degraded: bool) -> None:
    assert holds("server-replicas", "Degraded", live(conditions=[condition])) is degraded


def test_without_conditions_nothing_is_degraded() -> None:
    assert not holds("server-replicas", "Degraded", live())


def test_files_are_done_when_the_cluster_has_them() -> None:
    (sent,) = cases.told("files")
    old = copy.deepcopy(sent)
    old["metadata"]["annotations"][REVISION] = "2"
    assert list(rules_of("files")) == ["Progressing"]
    assert not holds("files", "Progressing", sent)
    assert holds("files", "Progressing", old)


def test_only_one_manifest_says_degraded() -> None:
    both = [*cases.told("server-init-container"), *cases.told("workload-url")]
    rules = [rule["condition"] for each in reporting.conditions(both).values() for rule in each]
    assert sorted(rules) == ["Degraded", "Progressing", "Progressing"]


def test_something_is_always_asked_so_that_roll_outs_have_an_end() -> None:
    conditions = reporting.conditions([config_map("without-stamps")])
    assert conditions == {0: [{"condition": "Progressing", "type": "CEL", "celExpressions": ["false"]}]}
