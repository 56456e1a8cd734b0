from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from i4q_ai.backends.away import Away
from i4q_ai.desired import ModelItem
from i4q_ai.local.observing import observations
from i4q_ai.local.told import Told
from i4q_ai.status import Observation, Phase, Report

THEN = datetime(2025, 1, 1, tzinfo=UTC)
OLD, NEW = (f"sha256:{digit * 64}" for digit in "ab")
AWAY = Away("Stopped", "it was stopped on purpose")


def told(*, digest: str | None = NEW, at: int = 5, revision: int = 2) -> Told:
    item = digest and ModelItem(
        namespace="i4q", name="wear", model="wear", version="2", digest=digest, references=("x",), revision=revision
    )
    return Told("edge-1", "i4q", "wear", "model", item or None, at, THEN)


def reported(heard: int, **about: Any) -> Report:
    fields: dict[str, Any] = {
        "cluster": "edge-1", "namespace": "i4q", "name": "wear", "kind": "model", "phase": Phase.READY,
        "desired": OLD, "running": OLD, "version": "1", "revision": 1, "address": "http://127.0.0.1:1",
    }  # fmt: skip
    return Report(cluster="edge-1", revision=heard, time=THEN, items=(Observation(**{**fields, **about}),))


def nothing(revision: int) -> Report:
    return Report(cluster="edge-1", revision=revision, time=THEN)


def one(rows: list[Told], report: Report | None, away: Away | None = None) -> Observation:
    (seen,) = observations(rows, report, away)
    return seen


def test_what_was_told_is_pending_until_an_agent_speaks() -> None:
    seen = one([told()], None)
    assert (seen.phase, seen.desired, seen.running, seen.revision) == (Phase.PENDING, NEW, None, 2)


def test_a_report_from_before_is_not_ready_for_what_is_new() -> None:
    seen = one([told(at=5)], reported(4))
    assert (seen.phase, seen.desired, seen.running, seen.version) == (Phase.PENDING, NEW, OLD, "1")
    assert seen.address == "http://127.0.0.1:1", "what ran before still answers"


def test_a_report_of_that_revision_or_later_counts() -> None:
    for heard in (5, 6):
        report = reported(heard, desired=NEW, running=NEW, revision=2)
        assert one([told(at=5)], report) == report.items[0]


def test_a_removed_item_goes_when_the_agent_has_read_so() -> None:
    row = told(digest=None, at=5)
    assert one([row], reported(4)).phase is Phase.REMOVING
    assert one([row], reported(5, phase=Phase.REMOVING, message="stopping")).message == "stopping"
    assert one([row], nothing(4)).phase is Phase.REMOVING, "it may be about to read an older revision"
    assert one([row], None).phase is Phase.REMOVING
    assert observations([row], nothing(5), None) == []


def test_what_nobody_told_is_being_removed() -> None:
    seen = one([], reported(5))
    assert (seen.phase, seen.desired, seen.running) == (Phase.REMOVING, None, OLD)


def test_a_cluster_that_is_away_keeps_its_last_digest() -> None:
    seen = one([told()], reported(4), AWAY)
    assert (seen.phase, seen.reason, seen.running, seen.address) == (Phase.OFFLINE, "Stopped", OLD, None)
    assert seen.last is one([told()], reported(4)).phase


@pytest.mark.parametrize("report", [None, nothing(4), reported(5)])
def test_what_must_still_be_removed_is_offline_while_the_cluster_is_away(report: Report | None) -> None:
    assert one([told(digest=None, at=5)], report, AWAY).phase is Phase.OFFLINE


def test_another_kind_of_the_same_name_is_not_taken_for_it() -> None:
    seen = one([told(at=5)], reported(4, kind="workload"))
    assert (seen.kind, seen.running) == ("model", None)


@pytest.mark.parametrize("row", [told(at=5), told(digest=None, at=5)])
def test_an_agent_that_cannot_read_what_it_was_told_says_why(row: Told) -> None:
    why = "the desired state cannot be read, the last one stands"
    for report in (reported(4), nothing(4)):
        assert why in one([row], report.model_copy(update={"message": why})).message
