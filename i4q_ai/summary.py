"""From what clusters say to the Status of a deployment. Pure."""

from __future__ import annotations

from collections.abc import Set

from i4q_ai.plan import Change
from i4q_ai.snapshot import Snapshot
from i4q_ai.spec import Spec
from i4q_ai.status import Observation, Phase, Status

_WORST_FIRST = (
    Phase.FAILED,
    Phase.ROLLED_BACK,
    Phase.REMOVING,
    Phase.PENDING,
    Phase.FETCHING,
    Phase.STARTING,
    Phase.WAITING,
    Phase.READY,
)


def summarize(snapshot: Snapshot, spec: Spec, due: Change) -> Status:
    """The status of a deployment.

    Args:
        snapshot: what is there.
        spec: what is wanted.
        due: what must still change; empty when clusters have been told everything.
    """
    observed = {each.cluster: each for each in snapshot.observed}
    for cluster in {*snapshot.told, *due.later, *(action.cluster for action in due.actions)} - set(observed):
        observed[cluster] = Observation(
            cluster=cluster, namespace=snapshot.namespace, name=snapshot.name, kind=spec.kind, phase=Phase.PENDING
        )
    rows = tuple(observed[cluster] for cluster in sorted(observed))
    phase, message = _overall(spec, due, rows)
    return Status(
        namespace=snapshot.namespace,
        name=snapshot.name,
        kind=spec.kind,
        revision=snapshot.revision,
        version=spec.version_text(),
        phase=phase,
        message=message,
        clusters=rows,
    )


def worst(phases: Set[Phase], *, otherwise: Phase) -> Phase:
    """The worst of some phases, those of clusters out of reach left aside.

    Args:
        phases: of clusters, or of deployments.
        otherwise: where nothing is left.
    """
    return next((each for each in _WORST_FIRST if each in phases), otherwise)


def without_record(namespace: str, name: str, observed: list[Observation], *, why: str) -> Status:
    """The status of a deployment whose record is out of reach, from what its clusters say.

    Args:
        namespace, name: of the deployment.
        observed: at least one observation.
        why: the record cannot be read.
    """
    phases = {row.phase for row in observed}
    return Status(
        namespace=namespace,
        name=name,
        kind=observed[0].kind,
        revision=max(row.revision for row in observed),
        version=", ".join(sorted({row.version for row in observed if row.version})),
        phase=worst(phases, otherwise=Phase.OFFLINE),
        message=f"its record is out of reach ({why}); this is what the clusters say",
        clusters=tuple(observed),
    )


def _overall(spec: Spec, due: Change, rows: tuple[Observation, ...]) -> tuple[Phase, str]:
    offline = [row.cluster for row in rows if row.phase is Phase.OFFLINE]
    away = f"offline: {', '.join(offline)}" if offline else ""
    if spec.deleted:
        left = [row.cluster for row in rows if row.phase is not Phase.OFFLINE]
        waits = f"being removed from {', '.join(left)}" if left else "removed where it can be reached"
        return Phase.REMOVING, "; ".join(part for part in (waits, away) if part)
    phases = {row.phase for row in rows} - {Phase.OFFLINE}
    phase = worst(phases, otherwise=Phase.OFFLINE if offline else Phase.PENDING)
    if phase in (Phase.READY, Phase.WAITING) and (due.actions or due.later or due.wakes_at):
        phase = Phase.PENDING
    if due.halted:
        phase = Phase.FAILED
    if not rows:
        away = "no cluster meets the placement"
    waits = f"waits for {due.waits_for}" if due.waits_for else ""
    return phase, "; ".join(part for part in (due.halted, waits, _told(phase, rows), away) if part)


def _told(phase: Phase, rows: tuple[Observation, ...]) -> str:
    if phase is Phase.READY:
        return ""
    said = [
        f"{row.cluster}: {row.message or row.reason}"
        for row in rows
        if row.phase is phase and (row.message or row.reason)
    ]
    return "; ".join(said)
