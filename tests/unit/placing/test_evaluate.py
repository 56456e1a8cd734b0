"""Placement × clusters → decision."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.cluster import Cluster
from i4q_ai.errors import RuleError
from i4q_ai.placement import Placement
from i4q_ai.placing import evaluate as deciding
from i4q_ai.placing.builders import Label, Name, Resource
from i4q_ai.placing.evaluate import Decision, group_of, require_some
from tests.unit import things

currents = st.frozensets(things.cluster_names)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def evaluate(placement: Placement, clusters: list[Cluster], *, current: frozenset[str] = frozenset()) -> Decision:
    return deciding.evaluate(placement, clusters, current=current, now=NOW)


@given(things.placements, things.fleets, currents)
def test_every_cluster_gets_one_verdict_with_a_reason(placement: Placement, fleet: list[Cluster], current: Any) -> None:
    decision = evaluate(placement, fleet, current=current)
    assert [verdict.cluster for verdict in decision.verdicts] == sorted(cluster.name for cluster in fleet)
    assert all(verdict.clause for verdict in decision.verdicts)


@given(things.placements, things.fleets, currents)
def test_who_is_in_meets_the_rule(placement: Placement, fleet: list[Cluster], current: Any) -> None:
    chosen = evaluate(placement, fleet, current=current).selected
    for cluster in fleet:
        if cluster.name in chosen:
            assert placement.rule is None or placement.rule.matches(cluster)
            assert chosen[cluster.name] == group_of(placement, cluster)


@given(things.placements, things.fleets, currents)
def test_no_group_has_more_than_the_count_and_none_is_short_without_need(
    placement: Placement, fleet: list[Cluster], current: Any
) -> None:
    decision = evaluate(placement, fleet, current=current)
    chosen = Counter(decision.selected.values())
    everybody = Counter(evaluate(placement.replace(count=None), fleet, current=current).selected.values())
    for group in placement.group_names:
        assert chosen[group] == min(everybody[group], placement.count or len(fleet))


@given(things.placements, things.fleets, currents, st.randoms())
def test_the_order_of_the_clusters_does_not_matter(
    placement: Placement, fleet: list[Cluster], current: Any, random: Any
) -> None:
    shuffled = fleet[:]
    random.shuffle(shuffled)
    assert evaluate(placement, shuffled, current=current) == evaluate(placement, fleet, current=current)


@given(things.placements, things.fleets, currents)
def test_who_has_it_keeps_it(placement: Placement, fleet: list[Cluster], current: Any) -> None:
    first = evaluate(placement, fleet, current=current).selected
    assert evaluate(placement, fleet, current=frozenset(first)).selected == first


@given(things.placements, things.fleets)
def test_a_new_cluster_takes_nothing_away(placement: Placement, fleet: list[Cluster]) -> None:
    placement = placement.replace(prefer={})  # a preference may weigh more than having it
    *before, newest = [*fleet, Cluster(name="a-new-one", labels={"line": "cnc"})]
    had = evaluate(placement, before).selected
    assert had.items() <= evaluate(placement, [*before, newest], current=frozenset(had)).selected.items()


@given(things.groups, things.fleets)
def test_groups_partition_the_clusters(groups: Any, fleet: list[Cluster]) -> None:
    placement = Placement("p", groups=groups, tolerations=[{"operator": "Exists"}])
    chosen = evaluate(placement, fleet).selected
    assert chosen.keys() == {cluster.name for cluster in fleet}
    assert set(chosen.values()) <= set(placement.group_names)


def fleet() -> list[Cluster]:
    return [
        Cluster(name="edge-1", labels={"line": "cnc", "site": "north"}, resources={"memory": "8Gi"}),
        Cluster(name="edge-2", labels={"line": "cnc", "site": "south"}, resources={"memory": "1Gi"}),
        Cluster(name="edge-3", labels={"line": "paint", "site": "north"}),
    ]


def test_the_first_group_that_matches_takes_the_cluster() -> None:
    placement = Placement("p", groups={"north": Label("site") == "north", "cnc": Label("line") == "cnc"})
    assert evaluate(placement, fleet()).selected == {"edge-1": "north", "edge-2": "cnc", "edge-3": "north"}


def test_the_count_is_of_each_group() -> None:
    placement = Placement("p", groups={"north": Label("site") == "north"}, count=1)
    decision = evaluate(placement, fleet())
    assert decision.selected == {"edge-1": "north", "edge-2": "*"}
    assert decision.verdicts[2].clause == "rank 2, beyond count 1 in group north"
    assert decision.verdicts[2].group == "north"


def test_the_explanation_is_a_table() -> None:
    told = str(evaluate(Placement("cnc", Label("line") == "cnc", count=1), fleet()))
    assert told.splitlines() == [
        "cnc: label line == cnc, 1 at most: 1 of 3 clusters",
        "CLUSTER  DECISION  GROUP  RANK  TAINT  CLAUSE",
        "edge-1   in        *      1     -      label line == cnc",
        "edge-2   out       *      2     -      rank 2, beyond count 1",
        "edge-3   out       -      -     -      label line == cnc (is paint)",
    ]


@pytest.mark.parametrize(
    ("effect", "is_there", "chosen"),
    [
        ("NoSelect", False, False),
        ("NoSelect", True, False),
        ("NoSelectIfNew", False, False),
        ("NoSelectIfNew", True, True),
        ("PreferNoSelect", False, True),
    ],
)
def test_taints(effect: str, is_there: bool, chosen: bool) -> None:
    cluster = Cluster(name="edge-1", taints=[{"key": "dedicated", "value": "vision", "effect": effect}])
    decision = evaluate(Placement("p"), [cluster], current=frozenset({"edge-1"} if is_there else ()))
    assert bool(decision.selected) is chosen
    if not chosen:
        assert decision.verdicts[0].clause == f"taint dedicated=vision:{effect} is not tolerated"


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        ({"key": "a", "value": "b"}, True),
        ({"key": "a", "value": "c"}, False),
        ({"key": "a", "operator": "Exists"}, True),
        ({"key": "c", "operator": "Exists"}, False),
        ({"operator": "Exists"}, True),
        ({"key": "a", "value": "b", "effect": "NoSelect"}, True),
        ({"key": "a", "value": "b", "effect": "NoSelectIfNew"}, False),
    ],
)
def test_tolerations(toleration: dict[str, str], tolerated: bool) -> None:
    cluster = Cluster(name="edge-1", taints=[{"key": "a", "value": "b"}])
    assert bool(evaluate(Placement("p", tolerations=[toleration]), [cluster]).selected) is tolerated


@pytest.mark.parametrize(
    ("placement", "clusters", "reason"),
    [
        (Placement("p"), [], "there are none"),
        (Placement("p", Label("line") == "weld"), fleet(), "none of 3 clusters meets: label line == weld"),
        (
            Placement("p", (Label("line") == "cnc") & (Resource("memory") >= "16Gi")),
            fleet(),
            "none of 3 clusters meets: resource memory >= 16Gi",
        ),
        (
            Placement("p", (Label("line") == "paint") & (Label("site") == "south")),
            fleet(),
            r"all together by none \(label line == paint: 1 of 3, label site == south: 1 of 3\)",
        ),
        (
            Placement("p", Name("edge-9")),
            [Cluster(name="edge-9", taints=[{"key": "a"}])],
            "edge-9: taint a:NoSelect is not tolerated",
        ),
    ],
)
def test_nobody_is_refused_with_the_clause_that_nobody_meets(
    placement: Placement, clusters: list[Cluster], reason: str
) -> None:
    with pytest.raises(RuleError, match=reason):
        require_some(evaluate(placement, clusters), clusters)


def test_somebody_is_fine() -> None:
    require_some(evaluate(Placement("p"), fleet()), fleet())
