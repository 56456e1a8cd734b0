"""From what a cluster was told and what its works say to what is observed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from i4q_ai.cluster import Condition
from i4q_ai.desired import Item
from i4q_ai.manifests import Object, Site, address
from i4q_ai.manifests.naming import fingerprint
from i4q_ai.status import NO_CONSUMER, Kind, Observation, Phase, Report
from i4q_ai_kubectl import pods as podding
from i4q_ai_kubectl.pods import Trouble
from i4q_ai_ocm import feedback
from i4q_ai_ocm.feedback import Reported
from i4q_ai_ocm.state import Key, State, Told
from i4q_ai_ocm.subscribing import looks

_WORST = (Phase.FAILED, Phase.ROLLED_BACK, Phase.PENDING, Phase.FETCHING, Phase.STARTING, Phase.WAITING)


@dataclass(frozen=True)
class Around:
    """What is known of a cluster beside the works of one deployment.

    Args:
        available: whether the hub hears of it.
        reports: of the edge agents beside its workloads.
        pods: of the deployment, where the cluster can be asked; None where it cannot.
    """

    available: Condition
    reports: Sequence[Report] = ()
    pods: Sequence[Object] | None = None


@dataclass(frozen=True)
class View:
    """What is observed of one deployment on one cluster."""

    key: Key
    cluster: str
    kind: Kind
    around: Around
    told: Told | None = None
    works: Sequence[Object] = field(default=())


Known = dict[str, tuple[View, Observation]]
"""Cluster → what it was seen by before, and what was observed of it."""


def observe(
    state: State, key: Key, around: Mapping[str, Around], *, hub: str, known: Known | None = None
) -> list[Observation]:
    """What is observed of one deployment, on every cluster that has it, should have it, or must still lose it.

    Args:
        state: what clusters have been told.
        key: of the deployment.
        around: what is known of each cluster.
        hub: the id of the hub.
        known: of the last time, and afterwards of this one: what looks as it did is not observed again.
    """
    told, nothing = state.told, Around(Condition(type="Available", status="False", reason="Unknown"))
    known = {} if known is None else known
    found = []
    for cluster in sorted({*told, *state.leaving}):
        works = state.parts(cluster) if cluster in told else state.leaving[cluster]
        view = View(key, cluster, state.kind, around.get(cluster, nothing), told.get(cluster), works)
        before = known.get(cluster)
        if before is None or before[0] != view:
            known[cluster] = before = (view, _present(view, hub) if cluster in told else _leaving(view))
        found.append(before[1])
    return found


def _present(view: View, hub: str) -> Observation:
    assert view.told is not None, "present means told"
    item, main = view.told.item, _main(view.works)
    if view.around.available.status != "True":
        return _offline(view, item, main)
    refused = [each for work in view.works for each in feedback.refusals(work)]
    if refused and any(feedback.is_applied(work) is False for work in view.works):
        phase = Phase.PENDING if all(each.passing for each in refused) else Phase.FAILED
        message = "; ".join(each.text for each in refused)
        return _new(view, phase, "AppliedManifestWorkFailed", message).model_copy(update=_older(view.told, main))
    failed = _failed(view)
    if failed:
        return _new(view, Phase.FAILED, "SubscriptionFailed", failed).model_copy(update=_older(view.told, main))
    if main is None or not _is(main, item):
        return _new(view, Phase.PENDING, "NotDelivered", "the cluster does not have it yet").model_copy(
            update=_older(view.told, main)
        )
    if main.kind == "ConfigMap":
        return _files(view, item)
    return _deployment(view, item, main, hub)


def _deployment(view: View, item: Item, main: Reported, hub: str) -> Observation:
    assert view.told is not None, "present means told"
    fresh = main.number("observedGeneration") >= main.number("generation")
    counts = [main.number(name) for name in ("replicas", "updatedReplicas", "availableReplicas")]
    changed = _changed(view, main)
    if changed:
        return _new(view, Phase.PENDING, "Changed", changed).model_copy(update=_older(view.told, main))
    if fresh and all(count == main.number("wanted") for count in counts):
        site = Site(cluster=view.cluster, namespace=view.key[0], hub=hub, image="")
        # A Deployment stays available while its pods are replaced; the work knows when that was done.
        done = [feedback.done_since(work) for work in view.works]
        since = max([view.told.time, *(time for time in done if time is not None)])
        where = {"address": address(item, site), "since": since}
        return _new(view, Phase.READY, "", "", running=item.digest, version=item.version, **where)
    said = _trouble(view, item, main) if fresh else Trouble(Phase.PENDING, "NotSeen", "its controller has not seen it")
    running = _older(view.told, main)
    if said.phase is Phase.FAILED and running["running"] not in (None, item.digest):
        message = f"version {item.version} failed: {said.message}; version {running['version']} runs on"
        said = said._replace(phase=Phase.ROLLED_BACK, message=message)
    elif said.phase is Phase.WAITING:
        said = said._replace(message=f"waiting for its models: {', '.join(sorted(getattr(item, 'uses', ())))}")
    return _new(view, said.phase, said.reason, said.message).model_copy(update=running)


def _changed(view: View, main: Reported) -> str:
    """What somebody at the edge has changed, where the hub can see it; empty where nothing is."""
    told = [
        manifest["spec"].get("replicas", 1)
        for work in view.works
        for manifest in ((work.get("spec") or {}).get("workload") or {}).get("manifests") or ()
        if (manifest["kind"], manifest["metadata"]["name"]) == (main.kind, main.name)
    ]
    if not told or main.number("wanted") == told[0]:
        return ""
    return (
        f"somebody has set its replicas to {main.number('wanted')}, not {told[0]}; "
        "the work agent takes it back within minutes, repair() at once"
    )


def _trouble(view: View, item: Item, main: Reported) -> Trouble:
    """How far an apps/v1 Deployment is that is not ready: by its pods where they can be seen, else by what it says."""
    trouble = None
    if view.around.pods is not None:
        new = [pod for pod in view.around.pods if podding.digest(pod) == item.digest and not podding.leaving(pod)]
        trouble = podding.worst(new)
        if trouble is not None and trouble.phase is not Phase.STARTING:
            return trouble
    if main.text("ReplicaFailure.status") == "True":
        return Trouble(Phase.FAILED, main.text("ReplicaFailure.reason"), main.text("ReplicaFailure.message"))
    if main.text("Progressing.reason") == "ProgressDeadlineExceeded":
        why = trouble.message if trouble else "it does not get ready"
        return Trouble(Phase.FAILED, "ProgressDeadlineExceeded", f"{why}, for too long")
    if trouble is not None:
        return trouble
    ready, wanted = main.number("updatedReplicas"), main.number("wanted")
    return Trouble(
        Phase.STARTING, "Progressing", f"{ready} of {wanted} pods are of this version, and not all are available"
    )


def _files(view: View, item: Item) -> Observation:
    said = [
        seen
        for report in view.around.reports
        for seen in report.items
        if (seen.namespace, seen.name) == view.key and seen.kind == "model"
    ]
    if not said:
        message = "waiting for a consumer: no workload here reads its files"
        seen = _new(view, Phase.WAITING, NO_CONSUMER, message)
        return seen.model_copy(update={"running": item.digest, "version": item.version})
    behind = [seen for seen in said if seen.desired != item.digest]
    if behind:
        seen = _new(view, Phase.PENDING, "NotRead", "its consumers have not read it yet")
        return seen.model_copy(update={"running": behind[0].running, "version": behind[0].version})
    worst = min(said, key=lambda seen: _WORST.index(seen.phase) if seen.phase in _WORST else len(_WORST))
    new = _new(view, worst.phase, worst.reason, worst.message)
    return new.model_copy(update={"running": worst.running, "version": worst.version, "since": worst.since})


def _offline(view: View, item: Item, main: Reported | None) -> Observation:
    away = view.around.available
    seen = _new(view, Phase.OFFLINE, away.reason, away.message)
    same = main is not None and _is(main, item)
    good = same and main is not None and main.number("availableReplicas") >= main.number("wanted")
    kept: dict[str, Any] = (
        {"running": item.digest, "version": item.version, "last": Phase.READY} if good else _older(view.told, main)
    )
    return seen.model_copy(update={**kept, **({"since": away.since} if away.since else {})})


def _leaving(view: View) -> Observation:
    main, away = _main(view.works), view.around.available
    if away.status != "True":
        seen = _new(view, Phase.OFFLINE, away.reason, away.message)
        return seen.model_copy(update={"since": away.since} if away.since else {})
    message = "objects are being deleted"
    digest, version = _version(main) if main is not None and main.number("availableReplicas") else ("", "")
    ran = {"running": digest or None, "version": version if digest else ""}
    return _new(view, Phase.REMOVING, "", message).model_copy(update=ran)


def _older(told: Told | None, main: Reported | None) -> dict[str, Any]:
    """What takes requests while the wanted version does not: what was there before, where pods of it are available."""
    nothing: dict[str, Any] = {"running": None, "version": ""}
    if main is None or not main.number("availableReplicas"):
        return nothing
    if told is None or not _is(main, told.item):
        digest, version = _version(main)
        return {"running": digest or None, "version": version}
    digest, version = told.before
    return {"running": digest, "version": version} if digest else nothing


def _is(main: Reported, item: Item) -> bool:
    """Whether an object is of an item: by its stamp, or by the reference that stands in Git."""
    stamp = main.text("item")
    return stamp == fingerprint(item) if stamp else looks.version_of(main.text(looks.REFERENCE))[0] == item.digest


def _version(main: Reported) -> tuple[str, str]:
    """Digest and version of what an object is of."""
    if main.text("item"):
        return main.text("digest"), main.text("version")
    return looks.version_of(main.text(looks.REFERENCE))


def _failed(view: View) -> str:
    """Why the cluster's own agent could not take it from Git; empty where it could, and where works bring it."""
    return looks.why(
        each.values
        for work in view.works
        for each in feedback.reported(work)
        if each.kind in ("Subscription", "SubscriptionStatus")
    )


def _main(works: Iterable[Object]) -> Reported | None:
    """The object that says how it is: the Deployment, or the ConfigMap of a model that lies there as files."""
    reported = (each for work in works for each in feedback.reported(work))
    found = [each for each in reported if each.text("item") or each.text(looks.REFERENCE)]
    return min(found, key=lambda each: each.kind != "Deployment", default=None)


def _new(view: View, phase: Phase, reason: str, message: str, **more: Any) -> Observation:
    told = view.told
    known = (told.item.digest, told.item.revision, told.time) if told else (None, 0, None)
    alike = _alike(*view.key, view.kind, phase, reason, message, *known)
    return alike.model_copy(update={"cluster": view.cluster, **more})


@lru_cache(maxsize=1024)
def _alike(
    namespace: str, name: str, kind: Kind, phase: Phase, reason: str, message: str,
    desired: str | None, revision: int, since: datetime | None,
) -> Observation:  # fmt: skip
    """What thousands of clusters have in common is looked at once."""
    return Observation(
        cluster="", namespace=namespace, name=name, kind=kind, phase=phase, reason=reason, message=message,
        desired=desired, revision=revision, since=since,
    )  # fmt: skip
