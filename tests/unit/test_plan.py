"""Plans: their text and what makes them stale."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given

from i4q_ai.cluster import Cluster, Condition
from i4q_ai.placement import Placement
from i4q_ai.plan import Assignment, Difference, Plan, fingerprint
from i4q_ai.planning import change
from i4q_ai.snapshot import Snapshot
from i4q_ai.spec import Spec
from tests.unit import things

V1, V2 = things.model(version="1"), things.model(version="2")
EDGE = Cluster(name="edge-1", labels={"line": "cnc"})


def assigned(version: str = "1") -> Assignment:
    spec = Spec(model=things.model(version=version), placement=Placement("all"))
    return Assignment(cluster="edge-1", item=spec.item("i4q", "tool-wear", "*"))


def update() -> Plan:
    before = Spec(model=V1, placement=Placement("all"))
    snapshot = Snapshot("i4q", "tool-wear", 1, before, (EDGE,), (assigned(),), ())
    return Plan(
        (change(snapshot, before.replace(model=V2), others={}, require=True, now=datetime(2026, 1, 1, tzinfo=UTC)),)
    )


def test_the_text_is_a_diff() -> None:
    assert str(update()).splitlines() == [
        "model i4q/tool-wear: update on edge-1",
        "   model: tool-wear",
        "  -version: '1'",
        f"  -digest: {V1.digest}",
        "  +version: '2'",
        f"  +digest: {V2.digest}",
        "   references:",
        f"  -- {V1.reference}",
        f"  +- {V2.reference}",
    ]


def test_the_text_of_nothing() -> None:
    assert str(Plan()) == "nothing to change"
    assert Plan().empty
    one = replace(update().changes[0], actions=(), revision=1)
    assert str(Plan((one,))) == "model i4q/tool-wear: nothing to change"
    assert str(Plan((replace(one, revision=2),))) == "model i4q/tool-wear: revision 2, no cluster changes"


def test_what_comes_later_and_warnings_are_told() -> None:
    one = replace(update().changes[0], actions=(), later=("edge-2",), waits_for="stage 'a': edge-1", warnings=("hot",))
    assert list(one.lines())[1:] == [
        "model i4q/tool-wear: later on edge-2 (waits for stage 'a': edge-1)",
        "model i4q/tool-wear: warning: hot",
    ]
    assert "(it broke)" in "\n".join(replace(one, halted="it broke").lines())


@given(things.fleets)
def test_the_fingerprint_does_not_depend_on_order_of_assignments(clusters: list[Cluster]) -> None:
    told = [assigned(), assigned().replace(cluster="edge-2")]
    assert fingerprint(1, clusters, told) == fingerprint(1, clusters, told[::-1])


def test_the_fingerprint_changes_with_what_a_plan_depends_on() -> None:
    base = fingerprint(1, [EDGE], [assigned()])
    assert base == fingerprint(1, [Cluster(name="edge-1", labels={"line": "cnc"})], [assigned()])
    others = {
        fingerprint(2, [EDGE], [assigned()]),
        fingerprint(1, [EDGE.replace(labels={"line": "paint"})], [assigned()]),
        fingerprint(1, [EDGE, Cluster(name="edge-2")], [assigned()]),
        fingerprint(1, [EDGE], []),
        fingerprint(1, [EDGE], [assigned("2")]),
    }
    assert len(others - {base}) == 5


def test_a_cluster_that_comes_or_goes_makes_no_plan_stale() -> None:
    away = EDGE.replace(conditions=(Condition(type="Available", status="False"),))
    assert fingerprint(1, [EDGE], []) == fingerprint(1, [away], [])


def test_details_stand_with_the_action_on_their_cluster_and_drift_by_itself() -> None:
    detail = Difference("edge-1", "i4q", "tool-wear", "Deployment model-tool-wear", "update", ("-  a: 1", "+  a: 2"))
    refused = Difference("edge-1", "i4q", "tool-wear", "Service model-tool-wear", "refused", ("spec.ports: Required",))
    drift = Difference("edge-2", "i4q", "tool-wear", "Service model-tool-wear", "create")
    lines = list(replace(update().changes[0], details=(detail, refused, drift), drift=(drift,)).lines())
    assert lines[-6:] == [
        "  edge-1: update Deployment model-tool-wear",
        "    -  a: 1",
        "    +  a: 2",
        "  edge-1: refused Service model-tool-wear",
        "    spec.ports: Required",
        "model i4q/tool-wear: drift: edge-2: create Service model-tool-wear",
    ]
