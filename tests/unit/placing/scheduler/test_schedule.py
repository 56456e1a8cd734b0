"""The steps that recorded cases do not reach, and what holds for every schedule."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.errors import NotFoundError, RuleError
from i4q_ai.placing.scheduler import Index, Scheduled, World, decide, reason, reasons, schedule
from tests.unit.placing.scheduler.objects import (
    ADD_ON,
    NOW,
    bound,
    built_in,
    cluster,
    decision,
    placement,
    score,
    with_resources,
)

TAINT = {"key": "maintenance", "value": "night", "effect": "NoSelect", "timeAdded": "2025-12-31T23:00:00Z"}


def run(*objects: dict[str, Any]) -> Scheduled:
    return schedule(World.of([*bound(), *objects]), "ai", "p", now=NOW)


def satisfied(scheduled: Scheduled) -> str:
    return scheduled.conditions[1].reason


def test_a_toleration_with_a_time_runs_out_and_says_when() -> None:
    objects = [cluster("a", taints=[TAINT]), decision("p", "a")]
    tolerated = placement(tolerations=[{"key": "maintenance", "operator": "Exists", "tolerationSeconds": 3601}])
    over = placement(tolerations=[{"key": "maintenance", "operator": "Exists", "tolerationSeconds": 3600}])
    assert run(*objects, tolerated).selected == ["a"]
    assert run(*objects, tolerated).again == timedelta(seconds=1)
    assert decide([*bound(), *objects, tolerated], "ai", "p", now=NOW)["requeueAfter"] == "1s"
    assert run(*objects, over).selected == []
    assert run(*objects, over).again is None


def test_a_taint_for_newcomers_spares_those_that_are_there() -> None:
    taints = [TAINT | {"effect": "NoSelectIfNew"}]
    scheduled = run(cluster("a", taints=taints), cluster("b", taints=taints), placement(), decision("p", "b"))
    assert scheduled.selected == ["b"]


@pytest.mark.parametrize(
    ("wrong", "filters"),
    [
        ({"tolerations": [{"operator": "Equal", "value": "x"}]}, 1),
        ({"tolerations": [{"key": "a", "operator": "Exists", "value": "x"}]}, 1),
        ({"prioritizerPolicy": {"mode": "Sometimes"}}, 2),
        ({"prioritizerPolicy": {"configurations": [built_in("Steadi")]}}, 2),
        ({"prioritizerPolicy": {"configurations": [{"weight": 1}]}}, 2),
        ({"prioritizerPolicy": {"configurations": [{"scoreCoordinate": {"type": "AddOn"}}]}}, 2),
        ({"predicates": [{"requiredClusterSelector": {"labelSelector": {"matchLabels": {"a b": "c"}}}}]}, 0),
    ],
)
def test_what_is_misconfigured_selects_nobody_and_keeps_the_steps_before(wrong: Any, filters: int) -> None:
    scheduled = run(cluster("a"), placement(**wrong))
    assert scheduled.selected == []
    assert scheduled.conditions[0].status == "True"
    assert len(scheduled.filters) == filters
    assert reason(scheduled, "a").step == "misconfigured"


def test_without_candidates_nothing_is_read_that_could_be_wrong() -> None:
    scheduled = run(placement(tolerations=[{"operator": "Equal"}]))
    assert scheduled.conditions[0].reason == "Succeedconfigured"
    assert satisfied(scheduled) == "AllManagedClusterSetsEmpty"


def test_weight_0_is_dropped_even_of_an_unknown_score() -> None:
    scheduled = run(cluster("a"), placement(prioritizerPolicy={"configurations": [built_in("Steadi", 0)]}))
    assert [name for name, _, _ in scheduled.scores] == ["Balance", "Steady"]


def test_equal_add_on_scores_both_count_equal_built_in_ones_do_not() -> None:
    both = placement(
        prioritizerPolicy={
            "mode": "Exact",
            "configurations": [ADD_ON, ADD_ON, built_in("Steady"), built_in("Steady", 2)],
        }
    )
    scheduled = run(cluster("a"), cluster("b"), both, score("a", 7), decision("p", "b"))
    assert scheduled.totals == {"a": 14, "b": 200}


def test_a_score_is_worth_nothing_after_its_time() -> None:
    ranked = placement(numberOfClusters=1, prioritizerPolicy={"mode": "Exact", "configurations": [ADD_ON]})
    late = score("b", 90, validUntil="2025-12-31T00:00:00Z")
    assert run(cluster("a"), cluster("b"), ranked, score("b", 90)).selected == ["b"]
    assert run(cluster("a"), cluster("b"), ranked, late).selected == ["a"]


def test_balance_counts_other_placements_of_any_namespace_and_not_its_own() -> None:
    only = placement(prioritizerPolicy={"mode": "Exact", "configurations": [built_in("Balance")]})
    others = [decision("p", "a", "a"), decision("p", "a", namespace="b"), decision("q", "a", "b", "gone")]
    assert run(cluster("a"), cluster("b"), cluster("c"), only, *others).totals == {"a": -100, "b": 0, "c": 100}


def test_resources_are_compared_among_those_left_and_silence_is_0() -> None:
    only = placement(
        prioritizerPolicy={"mode": "Exact", "configurations": [built_in("ResourceAllocatableMemory")]},
        predicates=[
            {"requiredClusterSelector": {"celSelector": {"celExpressions": ["managedCluster.metadata.name < 'd'"]}}}
        ],
    )
    clusters = [with_resources("a", memory="1Gi"), with_resources("b", memory="3Gi"), cluster("c")]
    scheduled = run(*clusters, with_resources("d", memory="9Gi"), only)
    assert scheduled.scores == (("ResourceAllocatableMemory", 1, {"a": -100, "b": 100}),)
    assert scheduled.totals == {"a": -100, "b": 100, "c": 0}


def test_named_groups_come_first_in_chunks_and_the_rest_follows() -> None:
    clusters = [cluster(f"e{n}", tier="canary" if n in (1, 3, 5) else "prod") for n in range(6)]
    canary = {"groupName": "canary", "groupClusterSelector": {"labelSelector": {"matchLabels": {"tier": "canary"}}}}
    strategy = {"groupStrategy": {"decisionGroups": [canary], "clustersPerDecisionGroup": 2}}
    told = decide([*bound(), *clusters, placement(decisionStrategy=strategy)], "ai", "p", now=NOW)
    assert [(each["decisionGroupName"], each["clusterCount"]) for each in told["groups"]] == [
        ("canary", 2),
        ("canary", 1),
        ("", 2),
        ("", 1),
    ]
    assert [each["clusterName"] for each in told["decisions"][0]["status"]["decisions"]] == ["e1", "e3"]


def test_a_group_of_many_is_cut_into_decisions_of_100_that_count_on() -> None:
    clusters = [cluster(f"e{n:03}") for n in range(250)]
    told = decide([*bound(), *clusters, placement()], "ai", "p", now=NOW)
    assert told["groups"][0]["decisions"] == ["p-decision-1", "p-decision-2", "p-decision-3"]
    assert [len(each["status"]["decisions"]) for each in told["decisions"]] == [100, 100, 50]


def test_groups_made_before_a_wrong_one_stand() -> None:
    good = {"groupName": "good", "groupClusterSelector": {"labelSelector": {"matchLabels": {"tier": "x"}}}}
    bad = {"groupName": "bad", "groupClusterSelector": {"labelSelector": {"matchLabels": {"a b": "x"}}}}
    strategy = {"groupStrategy": {"decisionGroups": [good, bad]}}
    scheduled = run(cluster("a", tier="x"), cluster("b"), placement(decisionStrategy=strategy))
    assert [group.name for group in scheduled.groups] == ["good"]
    assert [each.reason for each in scheduled.conditions] == ["Misconfigured", "AllDecisionsScheduled"]


@pytest.mark.parametrize("size", ["x%", "2", "nan%"])
def test_a_group_size_that_is_none_is_misconfigured(size: str) -> None:
    strategy = {"groupStrategy": {"clustersPerDecisionGroup": size}}
    assert run(cluster("a"), placement(decisionStrategy=strategy)).conditions[0].status == "True"


def test_a_set_by_labels_and_a_cluster_being_deleted() -> None:
    chosen = bound("arm", selectorType="LabelSelector", labelSelector={"matchLabels": {"arch": "arm64"}})
    leaving = cluster("b", arch="arm64")
    leaving["metadata"]["deletionTimestamp"] = "2025-12-31T00:00:00Z"
    world = World.of([*chosen, cluster("a", arch="arm64"), leaving, cluster("c"), placement()])
    scheduled = schedule(world, "ai", "p", now=NOW)
    assert scheduled.selected == ["a"]
    assert reason(scheduled, "b").clause == "it is being deleted"
    assert reason(scheduled, "c").clause == "in none of the sets arm"


@pytest.mark.parametrize("labels", [None, {"matchLabels": {}}])
def test_a_set_without_a_selector_is_empty_one_with_an_empty_selector_is_everybody(labels: Any) -> None:
    world = World.of([*bound("all", selectorType="LabelSelector", labelSelector=labels), cluster("a"), placement()])
    assert schedule(world, "ai", "p", now=NOW).selected == ([] if labels is None else ["a"])


def test_where_the_scheduler_itself_fails_it_says_so() -> None:
    with pytest.raises(RuleError, match="-1"):
        run(placement(numberOfClusters=-1))
    with pytest.raises(RuleError, match="selectorType 'Legacy'"):
        schedule(World.of([*bound("s", selectorType="Legacy"), placement()]), "ai", "p", now=NOW)


def test_a_name_that_is_not_there_suggests_the_nearest() -> None:
    with pytest.raises(NotFoundError, match="did you mean 'press'"):
        schedule(World.of([placement("press")]), "ai", "pres", now=NOW)


def test_lists_are_opened_and_other_kinds_left_out() -> None:
    listed = {
        "kind": "List",
        "items": [*bound(), cluster("a"), placement(), {"kind": "Pod", "metadata": {"name": "x"}}],
    }
    assert decide([listed], "ai", "p", now=NOW)["ordered"] == ["a"]


def test_every_cluster_says_why() -> None:
    wanted = placement(
        numberOfClusters=1,
        predicates=[
            {
                "requiredClusterSelector": {
                    "labelSelector": {"matchExpressions": [{"key": "line", "operator": "In", "values": ["cnc"]}]},
                    "celSelector": {"celExpressions": ["managedCluster.metadata.name != 'e'"]},
                }
            }
        ],
    )
    clusters = [
        cluster("a", line="cnc"),
        cluster("b", line="cnc"),
        cluster("c", line="press"),
        cluster("d", line="cnc", taints=[TAINT]),
        cluster("e", line="cnc"),
        cluster("f"),
    ]
    told = {each.cluster: each for each in reasons(run(*clusters, wanted, decision("p", "b")))}
    assert {name: each.step for name, each in told.items()} == {
        "a": "rank",
        "b": "rank",
        "c": "predicate",
        "d": "taint",
        "e": "predicate",
        "f": "predicate",
    }
    assert told["a"].clause == "rank 2 of 2, score 100, beyond the 1 asked for"
    assert told["b"].selected
    assert told["b"].scores == (("Balance", 1, 100), ("Steady", 1, 100))
    assert told["c"].clause == "label line In [cnc] is not met: line is 'press'"
    assert told["d"].clause == "taint maintenance=night:NoSelect is not tolerated"
    assert told["e"].clause == "CEL managedCluster.metadata.name != 'e' is not true"
    assert told["f"].clause == "label line In [cnc] is not met: there is no line"


@given(
    st.lists(
        st.tuples(st.sampled_from(["cnc", "press"]), st.integers(1, 2**40), st.booleans(), st.integers(-100, 100)),
        max_size=60,
    ),
    st.integers(0, 12),
    st.integers(-10, 10),
)
def test_the_chosen_are_the_first_by_total_then_name(
    rows: list[tuple[str, int, bool, int]], count: int, weight: int
) -> None:
    objects = [with_resources(f"e{n:02}", memory=str(memory)) for n, (_, memory, _, _) in enumerate(rows)]
    objects += [score(f"e{n:02}", value) for n, (_, _, _, value) in enumerate(rows)]
    objects += [decision("p", *(f"e{n:02}" for n, row in enumerate(rows) if row[2])), decision("q", "e00", "e01")]
    policy = {"configurations": [built_in("ResourceAllocatableMemory", weight), ADD_ON]}
    scheduled = run(*objects, placement(numberOfClusters=count, prioritizerPolicy=policy))
    best = sorted(scheduled.totals, key=lambda name: (-scheduled.totals[name], name))[:count]
    assert scheduled.selected == sorted(best)
    assert scheduled.ordered == best


def test_one_world_answers_for_many_placements_as_worlds_of_their_own_do() -> None:
    clusters = [with_resources(f"e{n}", memory=f"{n + 1}Gi", cpu=f"{9 - n}") for n in range(8)]
    others = [*bound(), decision("a", "e1", "e2"), decision("b", "e2", "e3"), *(score(f"e{n}", n) for n in range(4))]
    policies = [{}, {"configurations": [ADD_ON]}, {"configurations": [built_in("ResourceAllocatableCPU", -2)]}]
    placements = [placement(f"p{n}", numberOfClusters=3, prioritizerPolicy=each) for n, each in enumerate(policies)]
    shared = World(Index(clusters), [*others, *placements])
    for each in placements:
        name = each["metadata"]["name"]
        alone = World(Index(clusters), [*others, each])
        assert schedule(shared, "ai", name, now=NOW).ordered == schedule(alone, "ai", name, now=NOW).ordered
