"""Points are what OCM's scheduler gives: checked by hand, and against a whole schedule of random clusters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i4q_ai import Cluster, Placement
from i4q_ai.cluster import Score
from i4q_ai.errors import SchemaError
from i4q_ai.placing.evaluate import evaluate
from i4q_ai.placing.preferring import totals
from i4q_ai.placing.scheduler import World, schedule
from i4q_ai_ocm import managed as reading
from i4q_ai_ocm.translate import placements
from tests.unit.ocm.translate import worlds

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ACCURACY = "model-score/accuracy"


def points(prefer: dict[str, int], *clusters: Cluster, current: tuple[str, ...] = ()) -> list[int]:
    return totals(prefer, clusters, current=frozenset(current), now=NOW)


def cpus(name: str, amount: str, **about: Any) -> Cluster:
    return Cluster(name=name, resources={"cpu": amount}, **about)


def scored(name: str, value: int, until: datetime | None = None) -> Cluster:
    return Cluster(name=name, scores={ACCURACY: Score(value=value, valid_until=until)})


def test_resources_are_from_the_least_to_the_most_of_those_asked() -> None:
    assert points({"cpu": 1}, cpus("a", "1"), cpus("b", "2"), cpus("c", "5")) == [-100, -50, 100]
    assert points({"cpu": -2}, cpus("b", "2"), cpus("c", "5")) == [200, -200]
    assert points({"cpu": 1}, cpus("a", "2"), cpus("b", "2000m")) == [100, 100]


def test_who_does_not_state_a_resource_and_its_capacity_gets_nothing() -> None:
    silent = cpus("b", "1", capacity={"memory": "1Gi"})
    assert points({"cpu": 1}, cpus("a", "2"), silent, Cluster(name="c"), cpus("d", "4", capacity={"cpu": "8"})) == [
        -100, 0, 0, 100,
    ]  # fmt: skip


def test_a_score_counts_until_it_ends() -> None:
    after = NOW + timedelta(seconds=1)
    assert points({ACCURACY: 3}, scored("a", 90), scored("b", -10, NOW), scored("c", 80, after)) == [270, -30, 240]
    assert points({ACCURACY: 3}, scored("d", 99, NOW - timedelta(seconds=1))) == [0]


def test_who_has_it_keeps_it_for_a_hundred_points() -> None:
    assert points({ACCURACY: 1}, scored("a", 90), scored("b", 80), current=("b",)) == [90, 180]
    assert points({}, scored("a", 90), scored("b", 80), current=("b",)) == [0, 100]


def test_the_best_are_chosen_and_told_apart_by_name() -> None:
    where = Placement("p", count=1, prefer={ACCURACY: 1})
    decision = evaluate(where, [scored("c", 50), scored("a", 10), scored("b", 50)], now=NOW)
    assert [(each.cluster, each.rank, each.score) for each in decision.verdicts] == [
        ("a", 3, 10), ("b", 1, 50), ("c", 2, 50),
    ]  # fmt: skip
    assert decision.verdicts[0].clause == "rank 3 with score 10, beyond count 1"
    assert decision.selected == {"b": "*"}


@pytest.mark.parametrize(
    "prefer", [{"cpus": 1}, {"cpu": 0}, {"cpu": 11}, {"cpu": -11}, {"cpu": 1.0}, {"cpu": True}, {"a/": 1}, {"/a": 1}]
)
def test_what_cannot_be_preferred_is_refused(prefer: dict[str, Any]) -> None:
    with pytest.raises(SchemaError, match="prefer"):
        Placement("p", prefer=prefer)


_scores = st.dictionaries(st.sampled_from([ACCURACY, "model-score/f1", "gpu/free"]), st.integers(-100, 100))
_amounts = st.dictionaries(st.sampled_from(["cpu", "memory"]), st.sampled_from(["1", "2500m", "4", "4Gi", "4000Mi"]))


@settings(max_examples=60, deadline=None)
@given(
    prefer=st.dictionaries(
        st.sampled_from(["cpu", "memory", ACCURACY, "model-score/f1", "gpu/free"]), st.integers(-10, 10).filter(bool)
    ),
    given=st.lists(st.tuples(_amounts, _amounts, _scores), max_size=5),
    count=st.integers(1, 4),
)
def test_a_placement_object_is_scheduled_as_we_evaluate(
    prefer: dict[str, int], given: list[tuple[dict[str, str], dict[str, str], dict[str, int]]], count: int
) -> None:
    objects: list[dict[str, Any]] = []
    clusters = []
    for number, (allocatable, capacity, scores) in enumerate(given):
        one = {
            "kind": "ManagedCluster",
            "metadata": {"name": f"edge-{number}"},
            "spec": {"hubAcceptsClient": True},
            "status": {"allocatable": allocatable, "capacity": capacity},
        }
        published = []
        for resource in {name.partition("/")[0] for name in scores}:
            own = {name.partition("/")[2]: value for name, value in scores.items() if name.startswith(f"{resource}/")}
            status = reading.score_status(own, NOW)
            published.append({**reading.score(f"edge-{number}", resource), "status": status})
        objects += [one, *published]
        clusters.append(reading.cluster(one, published))
    where = Placement("p", count=count, prefer=prefer)
    objects += [*worlds.EVERYTHING, placements.placement("ai", "p", where)]
    found = schedule(World.of(objects), "ai", "p", now=NOW)
    decision = evaluate(where, clusters, now=NOW)
    assert found.selected == sorted(decision.selected)
    if prefer:
        assert found.totals == {each.cluster: each.score for each in decision.verdicts}
