"""Scoring: what is published of clusters is kept, and placements prefer by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from i4q_ai.backends.base import Fleet
from i4q_ai.deadline import Deadline
from i4q_ai.errors import NotFoundError
from i4q_ai.hub import Hub
from i4q_ai.testing.plant import LIMIT, Plant, on
from i4q_ai.testing.samples import Samples


class ScoringCases(Plant):
    """What backends with scores must keep; each test has a resource of its own."""

    @pytest.fixture
    def resource(self, hub: Hub, namespace: str) -> Iterator[str]:
        """Whose scores they are; taken away at the end."""
        yield namespace
        hub.scores.publish({name: {} for name in self.clusters}, resource=namespace)

    def test_a_score_is_kept_until_it_is_replaced(
        self, fleet: Fleet, hub: Hub, resource: str, deadline: Deadline
    ) -> None:
        first, second = self.clusters[:2]

        def kept() -> dict[tuple[str, str], int]:
            return {
                (each.cluster, each.name): each.value
                for each in hub.scores.list()
                if each.name.startswith(f"{resource}/")
            }

        hub.scores.publish({first: {"a": 1, "b": -100}, second: {"a": 2}}, resource=resource, valid=3600)
        assert kept() == {(first, f"{resource}/a"): 1, (first, f"{resource}/b"): -100, (second, f"{resource}/a"): 2}
        assert not any(each.ended for each in hub.scores.list() if each.name.startswith(f"{resource}/"))
        fleet.annotate(first, labels={f"{resource}/seen": "yes"}, deadline=deadline)
        hub.scores.publish({first: {"b": 100}}, resource=resource)
        assert kept() == {(first, f"{resource}/b"): 100, (second, f"{resource}/a"): 2}
        fleet.annotate(first, labels={f"{resource}/seen": None}, deadline=deadline)
        with pytest.raises(NotFoundError):
            fleet.score(resource, {"edge-none": {"a": 1}}, until=None, deadline=deadline)

    def test_who_is_preferred_comes_first(self, hub: Hub, samples: Samples, resource: str) -> None:
        first, second, _ = self.clusters
        where = on(*self.clusters).replace(count=1, prefer={f"{resource}/accuracy": 3})
        hub.scores.publish({first: {"accuracy": 10}, second: {"accuracy": 90}}, resource=resource)
        deployment = hub.deploy(samples.one, to=where).wait(timeout=LIMIT)
        assert list(hub.explain(where).selected) == [second]
        assert [row.cluster for row in deployment.status().clusters] == [second]
