"""From what clusters say to a status."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from i4q_ai import planning
from i4q_ai.placement import Placement
from i4q_ai.plan import Assignment
from i4q_ai.snapshot import Snapshot
from i4q_ai.spec import Spec
from i4q_ai.status import Observation, Phase, Status
from i4q_ai.summary import summarize, without_record
from tests.unit import things

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = Spec(model=things.model(), placement=Placement("all"))
CLUSTERS = (things.cluster("edge-1"), things.cluster("edge-2"))
ITEM = SPEC.item("i4q", "tool-wear", "*", revision=1)


def row(cluster: str, phase: Phase, message: str = "", reason: str = "") -> Observation:
    return Observation(
        cluster=cluster, namespace="i4q", name="tool-wear", kind="model", phase=phase, message=message, reason=reason,
        desired=ITEM.digest, running=ITEM.digest,
    )  # fmt: skip


def status(*rows: Observation, spec: Spec = SPEC) -> Status:
    told = tuple(Assignment(cluster=cluster.name, item=ITEM) for cluster in CLUSTERS)
    snapshot = Snapshot("i4q", "tool-wear", 1, spec, CLUSTERS, told, rows)
    return summarize(snapshot, spec, planning.change(snapshot, spec, others={}, require=False, now=NOW))


@pytest.mark.parametrize(
    ("one", "other", "all_in_all"),
    [
        (Phase.READY, Phase.READY, Phase.READY),
        (Phase.READY, Phase.OFFLINE, Phase.READY),
        (Phase.OFFLINE, Phase.OFFLINE, Phase.OFFLINE),
        (Phase.READY, Phase.STARTING, Phase.STARTING),
        (Phase.STARTING, Phase.FETCHING, Phase.FETCHING),
        (Phase.FETCHING, Phase.PENDING, Phase.PENDING),
        (Phase.ROLLED_BACK, Phase.READY, Phase.ROLLED_BACK),
        (Phase.FAILED, Phase.ROLLED_BACK, Phase.FAILED),
        (Phase.FAILED, Phase.OFFLINE, Phase.FAILED),
    ],
)
def test_the_worst_within_reach_counts(one: Phase, other: Phase, all_in_all: Phase) -> None:
    assert status(row("edge-1", one), row("edge-2", other)).phase is all_in_all


def test_who_is_told_and_silent_is_pending() -> None:
    found = status(row("edge-1", Phase.READY))
    assert [each.phase for each in found.clusters] == [Phase.READY, Phase.PENDING]
    assert found.phase is Phase.PENDING
    assert not found.ready


def test_who_is_offline_is_named() -> None:
    found = status(row("edge-1", Phase.READY), row("edge-2", Phase.OFFLINE))
    assert found.message == "offline: edge-2"
    assert found.ready


def test_the_worst_say_why() -> None:
    found = status(row("edge-1", Phase.FAILED, reason="NoSpace"), row("edge-2", Phase.FAILED, message="disk full"))
    assert found.message == "edge-1: NoSpace; edge-2: disk full"


def test_nobody_meets_the_placement() -> None:
    snapshot = Snapshot("i4q", "tool-wear", 1, SPEC, (), (), ())
    found = summarize(snapshot, SPEC, planning.change(snapshot, SPEC, others={}, require=False, now=NOW))
    assert (found.phase, found.message) == (Phase.PENDING, "no cluster meets the placement")


def test_ready_with_something_left_to_tell_is_pending() -> None:
    told = (Assignment(cluster="edge-1", item=ITEM),)
    snapshot = Snapshot("i4q", "tool-wear", 1, SPEC, CLUSTERS, told, (row("edge-1", Phase.READY),))
    found = summarize(snapshot, SPEC, planning.change(snapshot, SPEC, others={}, require=False, now=NOW))
    assert found.phase is Phase.PENDING
    assert [each.cluster for each in found.clusters] == ["edge-1", "edge-2"]


def test_a_halted_roll_out_has_failed() -> None:
    snapshot = Snapshot("i4q", "tool-wear", 1, SPEC, CLUSTERS, (), (row("edge-1", Phase.READY),))
    due = replace(
        planning.change(snapshot, SPEC, others={}, require=False, now=NOW), halted="stage 'a' failed on edge-1"
    )
    found = summarize(snapshot, SPEC, due)
    assert found.phase is Phase.FAILED
    assert found.message.startswith("stage 'a' failed on edge-1")


def test_a_tombstone_says_what_is_left() -> None:
    gone = SPEC.replace(deleted=True)
    found = status(row("edge-1", Phase.REMOVING), row("edge-2", Phase.OFFLINE), spec=gone)
    assert found.phase is Phase.REMOVING
    assert found.message == "being removed from edge-1; offline: edge-2"
    left = status(row("edge-1", Phase.OFFLINE), row("edge-2", Phase.OFFLINE), spec=gone)
    assert left.message == "removed where it can be reached; offline: edge-1, edge-2"


def test_files_that_wait_for_a_consumer_are_delivered_but_not_ready() -> None:
    waiting = row("edge-1", Phase.WAITING, reason="NoConsumer")
    found = status(waiting, row("edge-2", Phase.READY))
    assert found.delivered
    assert not found.ready
    assert not status(row("edge-1", Phase.WAITING, reason="Model"), row("edge-2", Phase.READY)).delivered


@pytest.mark.parametrize(
    ("phases", "all_in_all"),
    [
        ([Phase.READY, Phase.READY], Phase.READY),
        ([Phase.READY, Phase.FAILED], Phase.FAILED),
        ([Phase.READY, Phase.OFFLINE], Phase.READY),
        ([Phase.OFFLINE], Phase.OFFLINE),
    ],
)
def test_without_a_record_the_worst_of_what_clusters_say_counts(phases: list[Phase], all_in_all: Phase) -> None:
    rows = [row(f"edge-{number}", phase) for number, phase in enumerate(phases)]
    assert without_record("i4q", "tool-wear", rows, why="home is away").phase is all_in_all


def test_without_a_record_version_and_revision_are_those_of_the_clusters() -> None:
    rows = [
        row("edge-1", Phase.READY).replace(version="1", revision=3),
        row("edge-2", Phase.STARTING).replace(version="2", revision=4),
        row("edge-3", Phase.PENDING),
    ]
    found = without_record("i4q", "tool-wear", rows, why="home is away")
    assert (found.version, found.revision, found.kind) == ("1, 2", 4, "model")
    assert found.clusters == tuple(rows)
    assert "(home is away)" in found.message


def test_a_status_prints_as_a_table() -> None:
    told = str(status(row("edge-1", Phase.READY), row("edge-2", Phase.OFFLINE)))
    assert told.splitlines()[0] == "model i4q/tool-wear: version 1 Ready (revision 1)"
    assert told.splitlines()[-1] == "offline: edge-2"
