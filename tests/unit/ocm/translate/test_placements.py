"""Placements select what our own rules would, group by group."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i4q_ai import Cluster, Label, Placement
from i4q_ai.errors import UnsupportedError
from i4q_ai.placement import Group, Toleration
from i4q_ai.placing.evaluate import evaluate, group_of
from i4q_ai.placing.rules import AnyRule
from i4q_ai.placing.scheduler import decide
from i4q_ai_ocm.translate import placements
from tests.unit.ocm.translate import worlds


@settings(max_examples=100)
@given(st.none() | worlds.rules(), st.lists(worlds.leaves(), max_size=3), worlds.clusters())
def test_each_cluster_is_in_the_placement_of_its_group_alone(
    rule: AnyRule | None, groups: list[AnyRule], cluster: Cluster
) -> None:
    where = Placement("p", rule, groups=tuple(Group(name=f"g{n}", rule=each) for n, each in enumerate(groups)))
    selecting = [
        group
        for group in where.group_names
        if worlds.selects(
            placements.placement("ns", "p", where, group)["spec"].get("predicates", []), worlds.managed(cluster)
        )
    ]
    meant = rule is None or rule.matches(cluster)
    assert selecting == ([group_of(where, cluster)] if meant else [])


@settings(max_examples=100)
@given(
    st.none() | worlds.rules(),
    st.none() | st.integers(1, 2),
    st.lists(worlds.clusters(), min_size=1, max_size=3, unique_by=lambda cluster: cluster.name),
)
def test_the_scheduler_offline_decides_what_our_evaluation_does(
    rule: AnyRule | None, count: int | None, clusters: list[Cluster]
) -> None:
    where = Placement("p", rule, count=count)
    objects = [*map(worlds.managed, clusters), *worlds.EVERYTHING, placements.placement("ai", "p", where)]
    decided = decide(objects, "ai", "p", now=worlds.NOW)
    assert set(worlds.chosen(decided)) == set(evaluate(where, clusters, now=worlds.NOW).selected)


def _spec(where: Placement) -> dict[str, object]:
    spec: dict[str, object] = placements.placement("ns", "p", where)["spec"]
    return spec


def test_a_cluster_that_is_away_keeps_what_it_has() -> None:
    assert _spec(Placement("p"))["tolerations"] == [
        {"key": "cluster.open-cluster-management.io/unreachable", "operator": "Exists"},
        {"key": "cluster.open-cluster-management.io/unavailable", "operator": "Exists"},
    ]


def test_a_toleration_that_is_there_anyway_is_not_said_twice() -> None:
    away = Toleration(key=placements.AWAY[0], operator="Exists")
    assert len(_spec(Placement("p", tolerations=(away,)))["tolerations"]) == 2  # type: ignore[arg-type]


def test_tolerations_are_written_as_they_are_meant() -> None:
    where = Placement(
        "p",
        tolerations=(
            Toleration(operator="Exists"),
            Toleration(key="a", operator="Exists", value="ignored", effect="NoSelect"),
            Toleration(key="b", value="x"),
        ),
    )
    assert _spec(where)["tolerations"][:3] == [  # type: ignore[index]
        {"operator": "Exists"},
        {"key": "a", "operator": "Exists", "effect": "NoSelect"},
        {"key": "b", "operator": "Equal", "value": "x"},
    ]


def test_the_value_of_any_taint_cannot_be_tolerated() -> None:
    with pytest.raises(UnsupportedError, match="name the key"):
        _spec(Placement("p", tolerations=(Toleration(value="x"),)))


def test_no_other_placement_decides() -> None:
    policy = _spec(Placement("p"))["prioritizerPolicy"]
    balance = {"scoreCoordinate": {"type": "BuiltIn", "builtIn": "Balance"}, "weight": 0}
    assert policy == {"mode": "Additive", "configurations": [balance]}


def test_an_unknown_group_is_refused() -> None:
    with pytest.raises(ValueError, match="did you mean 'canary'"):
        placements.placement("ns", "p", Placement("p", groups={"canary": Label("a") == "b"}), "canry")
