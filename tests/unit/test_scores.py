"""Publishing scores: what is refused, what is replaced, and that placements follow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from i4q_ai import Hub, Placement
from i4q_ai.cluster import Score, rescored
from i4q_ai.errors import InvalidError, NotFoundError, UnsupportedError
from i4q_ai.kube.certain import holds
from tests.unit.memory import MemoryBackend

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_resource_is_replaced_as_a_whole_and_others_stay() -> None:
    before = {"a/x": Score(value=1), "a/y": Score(value=2), "ab/x": Score(value=3)}
    assert rescored(before, "a", {"x": 9}, NOW) == {"a/x": Score(value=9, valid_until=NOW), "ab/x": Score(value=3)}
    assert rescored(before, "a", {}, None) == {"ab/x": Score(value=3)}


def test_a_score_counts_up_to_its_end() -> None:
    score = Score(value=1, valid_until=NOW)
    assert [score.ended(NOW + timedelta(seconds=more)) for more in (-1, 0, 1)] == [False, False, True]
    assert not Score(value=1).ended(datetime.max.replace(tzinfo=UTC))


@pytest.fixture
def hub(memory: MemoryBackend) -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


def test_what_is_published_is_preferred_by(hub: Hub) -> None:
    found = hub.scores.publish({"edge-2": {"accuracy": 93}, "edge-3": {"accuracy": -5}}, valid=3600)
    assert [(each.cluster, each.name, each.value) for each in found] == [
        ("edge-2", "model-score/accuracy", 93), ("edge-3", "model-score/accuracy", -5),
    ]  # fmt: skip
    where = Placement("p", count=1, prefer={"model-score/accuracy": 1})
    assert list(hub.explain(where).selected) == ["edge-2"]
    assert "SCORE" in str(hub.explain(where))
    hub.scores.publish({"edge-2": {}})
    assert [each.cluster for each in hub.scores.list()] == ["edge-3"]
    assert list(hub.explain(where).selected) == ["edge-1"], "no score is more than -5"


def test_what_has_ended_is_listed_and_does_not_count(hub: Hub) -> None:
    hub.engine.fleet.score("r", {"edge-2": {"x": 9}}, until=NOW, deadline=hub.engine.deadline())
    assert [each.ended for each in hub.scores.list()] == [True]
    assert list(hub.explain(Placement("p", count=1, prefer={"r/x": 1})).selected) == ["edge-1"]


@pytest.mark.parametrize(
    ("scores", "says"),
    [
        ({"edge-1": {"accuracy": 0.93}}, "round"),
        ({"edge-1": {"accuracy": 93.0}}, "whole"),
        ({"edge-1": {"accuracy": True}}, "no whole number"),
        ({"edge-1": {"accuracy": "93"}}, "no whole number"),
        ({"edge-1": {"accuracy": 101}}, "from -100 to 100"),
        ({"edge-1": {"accuracy": -101}}, "from -100 to 100"),
        ({"edge-1": {"a b": 1}}, "a b"),
    ],
)
def test_what_is_no_score_is_refused_and_nothing_is_published(hub: Hub, scores: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidError, match=says):
        hub.scores.publish({"edge-2": {"accuracy": 1}, **scores})
    assert hub.scores.list() == []


@pytest.mark.parametrize("about", [{"resource": "Model Score"}, {"resource": ""}, {"resource": "a/b"}])
def test_a_resource_has_a_name_of_objects(hub: Hub, about: dict[str, Any]) -> None:
    with pytest.raises(InvalidError):
        hub.scores.publish({"edge-1": {}}, **about)


@pytest.mark.parametrize("valid", [0, -1, float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(hub: Hub, valid: float) -> None:
    with pytest.raises(InvalidError, match="valid"):
        hub.scores.publish({"edge-1": {"a": 1}}, valid=valid)


def test_an_unknown_cluster_is_refused_with_the_nearest(hub: Hub) -> None:
    with pytest.raises(NotFoundError, match="did you mean"):
        hub.scores.publish({"edge-1": {"a": 1}, "egde-1": {"a": 1}})
    assert hub.scores.list() == []


def test_a_backend_that_keeps_none_is_not_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MemoryBackend, "capabilities", SimpleNamespace(scores=False))
    with pytest.raises(UnsupportedError, match="keeps no scores"):
        hub.scores.publish({"edge-1": {"a": 1}})


def test_a_write_of_a_status_that_was_cut_off_has_happened_only_if_the_status_is_there() -> None:
    sent = {"metadata": {"name": "a"}, "status": {"scores": [{"name": "x", "value": 1}]}}
    assert not holds({"metadata": {"name": "a"}}, sent, subresource="status")
    assert holds(
        {"metadata": {"name": "a"}, "status": {**sent["status"], "validUntil": "x"}}, sent, subresource="status"
    )
