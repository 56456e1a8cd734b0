"""Snapshot: all that is known of one deployment at one moment; what plans and summaries are made from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from i4q_ai.cluster import Cluster
from i4q_ai.desired import Item
from i4q_ai.placing.evaluate import Decision, evaluate
from i4q_ai.plan import Assignment
from i4q_ai.spec import Spec
from i4q_ai.status import Observation


@dataclass(frozen=True)
class Snapshot:
    """All that is known of one deployment at one moment.

    Args:
        namespace, name: of the deployment.
        revision: of its record; 0 if there is none.
        spec: what the record says.
        clusters: all of the hub.
        assigned: what clusters have been told of it.
        observed: what clusters say of it.
    """

    namespace: str
    name: str
    revision: int
    spec: Spec | None
    clusters: tuple[Cluster, ...]
    assigned: tuple[Assignment, ...]
    observed: tuple[Observation, ...]

    @property
    def told(self) -> dict[str, Item]:
        """Cluster → what it has been told."""
        return {assignment.cluster: assignment.item for assignment in self.assigned}

    def decision(self, spec: Spec, *, now: datetime) -> Decision:
        """Which clusters the spec's placement means at that time."""
        return evaluate(spec.placement, self.clusters, current=frozenset(self.told), now=now)
