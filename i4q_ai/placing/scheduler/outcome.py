"""A schedule as plain data: what the scheduler itself reports, and the objects it would write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from i4q_ai.placing.scheduler import groups, times
from i4q_ai.placing.scheduler.schedule import Scheduled, schedule
from i4q_ai.placing.scheduler.world import PLACEMENT_LABEL, World

_GROUP_INDEX = "cluster.open-cluster-management.io/decision-group-index"
_GROUP_NAME = "cluster.open-cluster-management.io/decision-group-name"
_DISABLED = "cluster.open-cluster-management.io/experimental-scheduling-disable"


def decide(objects: Iterable[Mapping[str, Any]], namespace: str, name: str, *, now: datetime) -> dict[str, Any]:
    """What the scheduler decides for one Placement.

    Args:
        objects: ManagedClusters, their sets and bindings, Placements, PlacementDecisions and AddOnPlacementScores, as
            `kubectl get -o yaml` gives them; lists are opened, other kinds left out.
        namespace: of the Placement.
        name: of the Placement.
        now: the time it is decided for, with a time zone.

    Returns:
        `filters`, `prioritizers`, `scores`, `ordered`, `decisions`, `groups`, `conditions`, `unscheduled`, and where
        there is one `message` (why it is misconfigured) and `requeueAfter` (when it is decided anew by itself).

    Raises:
        NotFoundError: no such Placement.
        RuleError: the scheduler itself would fail.
        UnsupportedError: a CEL function that only the scheduler itself knows, or no CEL installed.
    """
    return decided(World.of(objects), namespace, name, now=now)


def decided(world: World, namespace: str, name: str, *, now: datetime) -> dict[str, Any]:
    """`decide` for a world that is there already."""
    if left_alone(world.placement(namespace, name)):
        return standing(world, namespace, name)
    return report(schedule(world, namespace, name, now=now))


def left_alone(placement: Mapping[str, Any]) -> bool:
    """Whether the scheduler does nothing for a Placement: it is being deleted, or somebody else decides it."""
    metadata = placement["metadata"]
    disabled = (metadata.get("annotations") or {}).get(_DISABLED) == "true"
    return disabled or bool(metadata.get("deletionTimestamp"))


def standing(world: World, namespace: str, name: str) -> dict[str, Any]:
    """What stands for a Placement that the scheduler leaves alone, with the keys that `decide` gives."""
    status = world.placement(namespace, name).get("status") or {}
    return {
        "filters": None,
        "prioritizers": [],
        "scores": None,
        "ordered": None,
        "decisions": [_standing(each) for each in world.decisions_of(namespace, name)],
        "groups": list(status.get("decisionGroups") or ()),
        "conditions": [{**each, "lastTransitionTime": None} for each in status.get("conditions") or ()],
        "unscheduled": 0,
    }


def _standing(decision: Mapping[str, Any]) -> dict[str, Any]:
    metadata = decision["metadata"]
    told = {key: metadata.get(key) for key in ("name", "namespace", "labels", "ownerReferences")}
    decided = (decision.get("status") or {}).get("decisions") or ()
    clusters = [{"clusterName": each.get("clusterName", ""), "reason": each.get("reason", "")} for each in decided]
    return {"metadata": told, "status": {"decisions": clusters}}


def report(scheduled: Scheduled) -> dict[str, Any]:
    """A schedule with the keys that `decide` gives."""
    wrong, index = scheduled.misconfigured, scheduled.world.index
    told: dict[str, Any] = {
        "filters": [{"name": step.name, "filteredClusters": index.names_in(step.bits)} for step in scheduled.filters]
        or None,
        "prioritizers": [
            {"name": name, "weight": weight, "scores": dict(scores)}
            for name, weight, scores in (scheduled.scores if scheduled.scored else ())
        ],
        "scores": scheduled.totals if scheduled.scored else None,
        "ordered": scheduled.ordered or None,
        "decisions": list(decisions(scheduled)),
        "groups": list(group_statuses(scheduled)),
        "conditions": [{**each._asdict(), "lastTransitionTime": None} for each in scheduled.conditions],
        "unscheduled": scheduled.unscheduled,
    }
    if wrong is not None:
        told["message"] = wrong.message
    if scheduled.again is not None:
        told["requeueAfter"] = times.duration(scheduled.again)
    return told


def decisions(scheduled: Scheduled) -> Iterator[dict[str, Any]]:
    """The PlacementDecisions that the scheduler would write."""
    number = 0
    for group_number, group in enumerate(scheduled.groups):
        for positions in groups.slices(group):
            number += 1
            yield _decision(scheduled, number, group_number, group.name, positions)


def group_statuses(scheduled: Scheduled) -> Iterator[dict[str, Any]]:
    """The `decisionGroups` of the placement's status."""
    number = 0
    for group_number, group in enumerate(scheduled.groups):
        count = sum(1 for _ in groups.slices(group))
        yield {
            "decisionGroupIndex": group_number,
            "decisionGroupName": group.name,
            "decisions": [_decision_name(scheduled, number + each) for each in range(1, count + 1)],
            "clusterCount": group.length,
        }
        number += count


def _decision(
    scheduled: Scheduled, number: int, group_number: int, group_name: str, positions: list[int]
) -> dict[str, Any]:
    spec, names = scheduled.spec, scheduled.world.index.names
    owner = {
        "apiVersion": "cluster.open-cluster-management.io/v1beta1",
        "kind": "Placement",
        "name": spec.name,
        "uid": spec.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    labels = {_GROUP_INDEX: str(group_number), _GROUP_NAME: group_name, PLACEMENT_LABEL: spec.name}
    return {
        "metadata": {
            "name": _decision_name(scheduled, number),
            "namespace": spec.namespace,
            "labels": labels,
            "ownerReferences": [owner],
        },
        "status": {"decisions": [{"clusterName": names[each], "reason": ""} for each in positions]},
    }


def _decision_name(scheduled: Scheduled, number: int) -> str:
    return f"{scheduled.spec.name}-decision-{number}"
