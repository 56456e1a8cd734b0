"""Nobody is evicted by a typo: whether a change of a placement takes more away than may be meant. Pure."""

from __future__ import annotations

from datetime import datetime

from i4q_ai.errors import EvictionError
from i4q_ai.placing.evaluate import Decision, why_nobody
from i4q_ai.plan import Plan
from i4q_ai.snapshot import Snapshot
from i4q_ai.spec import Spec

LIMIT = 0.5
"""The share of the clusters that have it which a changed placement may take it from, if nobody says otherwise."""
_SHOWN = 10
"""Losers that an error names; the plan names all."""


def reason(snapshot: Snapshot, spec: Spec, decision: Decision, *, limit: float, now: datetime) -> str:
    """Why a change must be allowed by name; empty where it need not.

    Only what the spec's placement takes away counts. Clusters whose labels or taints have changed lose it because
    somebody meant them to, and a deployment that is deleted goes everywhere.

    Args:
        snapshot: what is there.
        spec: what is wanted.
        decision: the clusters that the spec means.
        limit: the share of the clusters that have it which may lose it, from 0 to 1.
        now: the time of the decision.
    """
    present = snapshot.spec
    if present is None or present.deleted or spec.deleted or present.placement == spec.placement:
        return ""
    meant = set(snapshot.decision(present, now=now).selected)
    losers = sorted(cluster for cluster in snapshot.told if cluster in meant and cluster not in decision.selected)
    if not losers:
        return ""
    if not decision.selected:
        why = why_nobody(decision, snapshot.clusters)
        return (
            f"would take it from every cluster ({_names(losers)}): placement '{spec.placement.name}' meets none: {why}"
        )
    if len(losers) > limit * len(snapshot.told):
        return f"would take it from {len(losers)} of {len(snapshot.told)} clusters that have it: {_names(losers)}"
    return ""


def check(plan: Plan) -> None:
    """Refuse a plan that takes more away than may be meant.

    Raises:
        EvictionError: with the losers by name; nothing was touched.
    """
    for change in plan.changes:
        if change.evicts:
            raise EvictionError(
                f"this change of '{change.namespace}/{change.name}' {change.evicts}",
                losers=change.losers,
                hint="if that is meant, allow_eviction=True, or --allow-eviction",
            )


def _names(losers: list[str]) -> str:
    more = len(losers) - _SHOWN
    return ", ".join(losers[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
