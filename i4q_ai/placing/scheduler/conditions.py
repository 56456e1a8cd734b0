"""Step 10: what the scheduler says about a placement in its status."""

from __future__ import annotations

from typing import NamedTuple

from i4q_ai.placing.scheduler.steps import Misconfigured


class Condition(NamedTuple):
    """One condition of the status; `status` is "True" or "False"."""

    type: str
    status: str
    reason: str
    message: str


def misconfigured(wrong: Misconfigured | None) -> Condition:
    """Whether the placement could be read."""
    if wrong is None:
        message = "Placement configurations check pass"
        return Condition("PlacementMisconfigured", "False", "Succeedconfigured", message)
    return Condition("PlacementMisconfigured", "True", "Misconfigured", f"{wrong.step}:{wrong.message}")


def satisfied(
    *, wanted: tuple[str, ...], bound: int, sets: tuple[str, ...], available: int, selected: int, unscheduled: int
) -> Condition:
    """Whether as many clusters as asked for were selected, and if not, the first reason that holds.

    Args:
        wanted: the sets that the placement names.
        bound: how many sets are bound to its namespace.
        sets: those of them that it may take.
        available: how many clusters are in them.
        selected: how many were selected.
        unscheduled: how many are missing.
    """
    if not bound:
        return _not("NoManagedClusterSetBindings", "No valid ManagedClusterSetBindings found in placement namespace")
    if not sets:
        names = ",".join(wanted)
        return _not("NoIntersection", f"None of ManagedClusterSets [{names}] is bound to placement namespace")
    if not available:
        names = ",".join(sets)
        return _not("AllManagedClusterSetsEmpty", f"All ManagedClusterSets [{names}] have no member ManagedCluster")
    if not selected:
        return _not("NoManagedClusterMatched", "No ManagedCluster matches any of the cluster predicate")
    if unscheduled:
        return _not("NotAllDecisionsScheduled", f"{unscheduled} cluster decisions unscheduled")
    return Condition("PlacementSatisfied", "True", "AllDecisionsScheduled", "All cluster decisions scheduled")


def _not(reason: str, message: str) -> Condition:
    return Condition("PlacementSatisfied", "False", reason, message)
