"""What was told and what an agent reports → what is observed of one cluster; pure."""

from __future__ import annotations

from collections.abc import Iterable

from i4q_ai.backends.away import Away
from i4q_ai.local.told import Told
from i4q_ai.status import Observation, Phase, Report


def observations(told: Iterable[Told], report: Report | None, away: Away | None) -> list[Observation]:
    """One observation for all that a cluster was told, and for all that is still there; by namespace and name.

    Args:
        told: to this cluster, tombstones included.
        report: the last one of its agent; None if there never was one.
        away: why the cluster is out of reach; None if it is not.
    """
    reported = {(seen.namespace, seen.name): seen for seen in report.items} if report else {}
    heard = report.revision if report else 0
    rows = {(row.namespace, row.name): row for row in told}
    trouble = report.message if report else ""
    found: list[Observation] = []
    for key in sorted(rows.keys() | reported.keys()):
        seen = _one(rows.get(key), reported.get(key), heard, trouble)
        if seen is not None:
            found.append(seen if away is None else _offline(seen, away))
    return found


def _one(row: Told | None, seen: Observation | None, heard: int, trouble: str) -> Observation | None:
    if row is None or row.item is None:
        return _removing(row, seen, heard, trouble)
    if seen is None or heard < row.told_at:
        return _pending(row, seen, trouble)
    return seen


def _removing(row: Told | None, seen: Observation | None, heard: int, trouble: str) -> Observation | None:
    """None when the cluster has read that it should not have it, and has it no more."""
    if seen is not None:
        if seen.phase is Phase.REMOVING:
            return seen
        since = row.time if row else seen.since
        message = _unread(trouble) if row and trouble and heard < row.told_at else ""
        changes = {"phase": Phase.REMOVING, "reason": "", "message": message, "desired": None, "since": since}
        return seen.model_copy(update=changes)
    if row is None or heard >= row.told_at:
        return None
    message = _unread(trouble) if trouble else "the cluster has not confirmed yet that it is gone"
    return _new(row, Phase.REMOVING, "", message)


def _pending(row: Told, seen: Observation | None, trouble: str) -> Observation:
    """Told, and not read yet: what runs is still what ran before."""
    new = _new(row, Phase.PENDING, "NotRead", _unread(trouble))
    if seen is None or seen.kind != row.kind:
        return new
    kept = ("running", "version", "address", "restarts")
    return new.model_copy(update={field: getattr(seen, field) for field in kept})


def _unread(trouble: str) -> str:
    """What is waited for, and what the agent says of its own trouble."""
    return "the cluster has not read it yet" + (f": {trouble}" if trouble else "")


def _new(row: Told, phase: Phase, reason: str, message: str) -> Observation:
    item = row.item
    return Observation(
        cluster=row.cluster, namespace=row.namespace, name=row.name, kind=row.kind, phase=phase, reason=reason,
        message=message, desired=item.digest if item else None, revision=item.revision if item else 0, since=row.time,
    )  # fmt: skip


def _offline(seen: Observation, away: Away) -> Observation:
    why = {"reason": away.reason, "message": away.message}
    changes = {"phase": Phase.OFFLINE, "last": seen.phase, "address": None, **why}
    return seen.model_copy(update=changes)
