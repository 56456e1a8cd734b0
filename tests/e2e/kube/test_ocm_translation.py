"""Rules, groups and counts, decided by Open Cluster Management's own scheduler as by our own evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from i4q_ai import Cluster, KubeVersion, Placement
from i4q_ai.placement import Group
from i4q_ai.placing.evaluate import evaluate
from i4q_ai.placing.rules import AnyRule
from i4q_ai_ocm.translate import placements
from tests.testbed.oracle import Oracle, oracle
from tests.unit.ocm.translate import worlds


@pytest.fixture(scope="module")
def ocm() -> Iterator[Oracle]:
    """OCM's scheduling controller."""
    with oracle() as running:
        yield running


def decided(ocm: Oracle, where: Placement, group: str, clusters: Sequence[Cluster]) -> list[str]:
    """What OCM decides for a group of a placement."""
    wanted = placements.placement("ai", "p", where, group)
    ocm.ask([*map(worlds.managed, clusters), *worlds.EVERYTHING, wanted], now=worlds.NOW)
    answer = ocm.answer()
    conditions = {each["type"]: each["status"] for each in answer["conditions"]}
    assert conditions["PlacementMisconfigured"] == "False", answer
    return worlds.chosen(answer)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rule=st.none() | worlds.rules(),
    groups=st.lists(worlds.leaves(), max_size=2),
    count=st.none() | st.integers(1, 2),
    clusters=st.lists(worlds.clusters(), min_size=1, max_size=3, unique_by=lambda cluster: cluster.name),
)
def test_ocm_decides_what_our_evaluation_does(
    ocm: Oracle, rule: AnyRule | None, groups: list[AnyRule], count: int | None, clusters: list[Cluster]
) -> None:
    named = tuple(Group(name=f"g{number}", rule=each) for number, each in enumerate(groups))
    where = Placement("p", rule, groups=named, count=count)
    expected = evaluate(where, clusters, now=worlds.NOW).selected
    for group in where.group_names:
        assert set(decided(ocm, where, group, clusters)) == {name for name, its in expected.items() if its == group}


def test_a_mistake_would_be_noticed(ocm: Oracle) -> None:
    wrong = placements.placement("ai", "p", Placement("p", KubeVersion() >= "1.34"))
    selector = wrong["spec"]["predicates"][0]["requiredClusterSelector"]["celSelector"]
    selector["celExpressions"] = ["semver(managedCluster.status.version.kubernetes, true).major() == 1"]
    ocm.ask([worlds.managed(Cluster(name="edge-1")), *worlds.EVERYTHING, wrong], now=worlds.NOW)
    assert {"PlacementMisconfigured", "True"} <= {
        value for each in ocm.answer()["conditions"] for value in (each["type"], each["status"])
    }
