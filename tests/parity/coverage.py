"""What occurred in the cases of a run, so that agreement means something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tests.parity.expressions import RIGHT, UNLIKE, WRONG
from tests.parity.worlds import Case

_EFFECTS = ("NoSelect", "PreferNoSelect", "NoSelectIfNew")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_NOT_REACHED = {"NoManagedClusterSetBindings", "NoIntersection", "AllManagedClusterSetsEmpty"}

EXPECTED = frozenset(
    [
        *(f"predicate: CEL {kind}" for kind in (*RIGHT, *UNLIKE)),
        *(f"predicate: {what} {operator}" for what in ("label", "claim") for operator in _OPERATORS),
        "predicate: label matchLabels",
        *(f"taint: {effect} {outcome}" for effect in _EFFECTS for outcome in ("in", "out")),
        "toleration: seconds",
        "prioritizer: Balance",
        "prioritizer: Steady",
        "prioritizer: ResourceAllocatableCPU",
        "prioritizer: ResourceAllocatableMemory",
        "prioritizer: AddOn",
        "prioritizer: AddOn expired",
        "groups: named",
        "groups: %",
        "groups: number",
        "wrong: a selector",
        "wrong: a group",
        "wrong: a toleration",
        "wrong: a prioritizer",
        *(f"wrong: {kind}" for kind in WRONG),
        *(
            f"PlacementSatisfied: {reason}"
            for reason in (
                *_NOT_REACHED,
                "NoManagedClusterMatched",
                "AllDecisionsScheduled",
                "NotAllDecisionsScheduled",
            )
        ),
        "PlacementMisconfigured: Misconfigured",
        "PlacementMisconfigured: Succeedconfigured",
        "left alone: disabled",
        "left alone: being deleted",
    ]
) - {"taint: PreferNoSelect out"}  # it keeps nobody out


def occurred(case: Case, told: Mapping[str, Any]) -> set[str]:
    """What a case shows: only what the scheduler came to look at.

    Args:
        case: the world.
        told: what OCM says of it.
    """
    reasons = {each["type"]: each["reason"] for each in told["conditions"]}
    found = {f"{kind}: {reason}" for kind, reason in reasons.items()}
    found |= {trait for trait in case.traits if trait.startswith("left alone")}
    if not reasons or _NOT_REACHED & set(reasons.values()):
        return found
    if reasons["PlacementMisconfigured"] == "Misconfigured":
        found |= {_kind_of_wrong(trait) for trait in case.traits if trait.startswith("wrong")}
        return found
    found |= {trait for trait in case.traits if trait.startswith(("predicate", "groups"))}
    return found | set(_taints(case, told)) | set(_prioritizers(told))


def lacking(counts: Counter[str], least: int) -> dict[str, int]:
    """What occurred too seldom, and how often it did."""
    return {what: counts[what] for what in sorted(EXPECTED) if counts[what] < least}


def _kind_of_wrong(trait: str) -> str:
    for kind in ("toleration", "prioritizer", "group"):
        if kind in trait:
            return f"wrong: a {kind}"
    if "mode" in trait:
        return "wrong: a prioritizer"
    return "wrong: a selector" if "selector" in trait else trait


def _taints(case: Case, told: Mapping[str, Any]) -> Iterator[str]:
    before, after = (set(step["filteredClusters"]) for step in told["filters"])
    for cluster in case.objects:
        if cluster["kind"] != "ManagedCluster" or (name := cluster["metadata"]["name"]) not in before:
            continue
        effects = {taint["effect"] for taint in cluster["spec"].get("taints") or ()}
        if len(effects) == 1:  # else one does not know which of them decided
            yield f"taint: {effects.pop()} {'in' if name in after else 'out'}"
    tolerations = next(each for each in case.objects if each["kind"] == "Placement")["spec"].get("tolerations") or ()
    if before and any("tolerationSeconds" in each for each in tolerations):
        yield "toleration: seconds"


def _prioritizers(told: Mapping[str, Any]) -> Iterator[str]:
    for each in told["prioritizers"]:
        if each["scores"]:
            yield f"prioritizer: {each['name'].partition('/')[0]}"
    if "expired" in told.get("message", ""):
        yield "prioritizer: AddOn expired"
