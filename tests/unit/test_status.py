"""Reports travel between releases: a hub reads what a newer agent says, and an older hub what this one says."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from i4q_ai.errors import SchemaError
from i4q_ai.status import Observation, Phase, Report, Status

THEN = datetime(2026, 1, 1, tzinfo=UTC)
SEEN = Observation(cluster="edge-1", namespace="i4q", name="wear", kind="model", phase=Phase.READY, version="1")
REPORT = Report(cluster="edge-1", revision=1, time=THEN, items=(SEEN,))


def test_what_a_newer_agent_says_besides_is_passed_over() -> None:
    said = json.loads(REPORT.to_json())
    said["mood"] = "good"
    said["items"][0]["temperature"] = 40
    assert Report.model_validate_json(json.dumps(said)) == REPORT
    assert Report.parse(said) == REPORT


def test_what_is_not_used_is_not_said() -> None:
    assert json.loads(REPORT.to_json()) == {
        "cluster": "edge-1",
        "revision": 1,
        "time": "2026-01-01T00:00:00Z",
        "items": [
            {"cluster": "edge-1", "namespace": "i4q", "name": "wear", "kind": "model", "phase": "Ready", "version": "1"}
        ],
    }


def test_what_is_followed_is_said() -> None:
    followed = REPORT.replace(followed={"git+https://git.factory/plant.git//a@main": "1" * 40})
    assert Report.model_validate_json(followed.to_json()) == followed


def test_what_a_report_needs_it_needs() -> None:
    with pytest.raises(SchemaError, match="time"):
        Report.parse({"cluster": "edge-1", "mood": "good"})


def test_a_status_is_made_here_and_stays_strict() -> None:
    with pytest.raises(SchemaError, match="unknown field"):
        Status.parse({"namespace": "i4q", "name": "wear", "kind": "model", "mood": "good"})
