"""From what a cluster was told and what is there to what is observed. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from i4q_ai.backends.away import Away
from i4q_ai.desired import Item
from i4q_ai.manifests import DIGEST, ITEM, REVISION, VERSION, Site, address
from i4q_ai.manifests.naming import DEPLOYMENT, KIND, NAMESPACE
from i4q_ai.status import NO_CONSUMER, Observation, Phase, Report
from i4q_ai_kubectl import pods as podding
from i4q_ai_kubectl.contacts import FORBIDDEN
from i4q_ai_kubectl.ledger import Key, Row

Object = dict[str, Any]


@dataclass(frozen=True)
class There:
    """What is there, of one deployment on one cluster.

    Args:
        deployments, pods, config_maps: our objects.
        others: kinds of our other objects that are still there.
    """

    deployments: tuple[Object, ...] = ()
    pods: tuple[Object, ...] = ()
    config_maps: tuple[Object, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether anything of ours is left."""
        return bool(self.deployments or self.pods or self.config_maps or self.others)


@dataclass(frozen=True)
class Look:
    """What was seen of one cluster, or why nothing was.

    Args:
        there: by deployment.
        reports: of the edge agents beside workloads.
        away: why it is out of reach; None if it is not.
    """

    there: Mapping[Key, There] = field(default_factory=dict)
    reports: tuple[Report, ...] = ()
    away: Away | None = None


def sort(deployments: Iterable[Object], pods: Iterable[Object], config_maps: Iterable[Object]) -> Look:
    """What a cluster has, by deployment."""
    found: dict[Key, dict[str, list[Object]]] = {}
    reports = []
    for kind, objects in (("deployments", deployments), ("pods", pods), ("config_maps", config_maps)):
        for each in objects:
            labels = each["metadata"].get("labels", {})
            if NAMESPACE in labels and DEPLOYMENT in labels:
                found.setdefault((labels[NAMESPACE], labels[DEPLOYMENT]), {}).setdefault(kind, []).append(each)
    living = {pod["metadata"]["name"] for kinds in found.values() for pod in kinds.get("pods", ())}
    for kinds in found.values():
        for each in kinds.get("config_maps", ()):
            reports += _reports(each, living)
    there = {
        key: There(
            tuple(kinds.get("deployments", ())), tuple(kinds.get("pods", ())), tuple(kinds.get("config_maps", ()))
        )
        for key, kinds in found.items()
    }
    return Look(there=there, reports=tuple(reports))


def _reports(config_map: Object, living: set[str]) -> list[Report]:
    """What agents have written into a ConfigMap; those of pods that are gone have nothing to say any more."""
    found = []
    for key, text in (config_map.get("data") or {}).items():
        pod, dot, kind = key.rpartition(".")
        if dot and kind == "json" and pod in living:
            try:
                found.append(Report.model_validate(json.loads(text)))
            except ValueError:
                continue  # of an agent of another release: as good as none
    return found


def observe(row: Row, look: Look, site: Site, *, away_since: datetime | None = None) -> Observation | None:
    """What is observed of one row; None where nothing is wanted and nothing is left.

    Args:
        row: what was told.
        look: what was seen.
        site: how things are written there.
        away_since: since when the cluster is out of reach, if it is.
    """
    if look.away is not None and look.away.reason == FORBIDDEN:
        phase = Phase.REMOVING if row.item is None else Phase.FAILED
        return _new(row, row.item, phase, FORBIDDEN, look.away.message)
    if look.away is not None:
        return _offline(row, look.away, away_since)
    there = look.there.get(row.key, There())
    if row.item is None:
        return _removing(row, there)
    if row.error:
        return _new(row, row.item, Phase.FAILED, row.reason, row.error).model_copy(update=_running(there, row.item))
    if row.item.kind == "model" and row.item.flavour == "files":
        return _files(row, row.item, there, look.reports)
    return _deployment(row, row.item, there, site)


def unknown(key: Key, cluster: str, there: There) -> Observation | None:
    """What is there without a ledger that says why: home is out of reach, or somebody deleted the ledger."""
    main = next(iter((*there.deployments, *there.config_maps)), None)
    if main is None:
        return None
    metadata = main["metadata"]
    stamps = metadata.get("annotations", {})
    revision = int(stamps.get(REVISION, 0))
    about = {"cluster": cluster, "namespace": key[0], "name": key[1], "kind": metadata["labels"].get(KIND, "model")}
    seen = Observation(**about, phase=Phase.PENDING, desired=stamps.get(DIGEST), revision=revision)
    if main["kind"] == "ConfigMap":
        same = {"running": stamps.get(DIGEST), "version": stamps.get(VERSION, "")}
        return seen.model_copy(update={"phase": Phase.READY, **same})
    said = _settled(main, there.pods)
    return seen.model_copy(update={"phase": said.phase, "reason": said.reason, "message": said.message} | _ran(there))


def _offline(row: Row, away: Away, since: datetime | None) -> Observation | None:
    if row.item is None and (row.delivered or row.gone):
        return None
    last = row.last
    seen = _new(row, row.item, Phase.OFFLINE, away.reason, away.message)
    kept = {"running": last.running, "version": last.version, "restarts": last.restarts} if last else {}
    return seen.model_copy(update={**kept, "since": since or row.time, "last": last.phase if last else None})


def _removing(row: Row, there: There) -> Observation | None:
    if row.gone or (row.delivered and not there.anything):
        return None
    if row.error:
        message = row.error
    elif not row.delivered:
        message = "the cluster has not been told yet"
    else:
        message = f"{len(there.pods)} pods are ending" if there.pods else "objects are being deleted"
    return _new(row, None, Phase.REMOVING, row.reason, message).model_copy(update=_ran(there))


def _files(row: Row, item: Item, there: There, reports: tuple[Report, ...]) -> Observation:
    main = next((each for each in there.config_maps if each["metadata"].get("annotations", {}).get(ITEM)), None)
    if main is None or main["metadata"]["annotations"][ITEM] != row.fingerprint:
        return _new(row, item, Phase.PENDING, "NotDelivered", "the cluster does not have it yet")
    said = [seen for report in reports for seen in report.items if (seen.namespace, seen.name) == row.key]
    if not said:
        message = "waiting for a consumer: no workload here reads its files"
        seen = _new(row, item, Phase.WAITING, NO_CONSUMER, message)
        return seen.model_copy(update={"running": item.digest, "version": item.version})
    behind = [seen for seen in said if seen.desired != item.digest]
    if behind:
        seen = _new(row, item, Phase.PENDING, "NotRead", "its consumers have not read it yet")
        return seen.model_copy(update={"running": behind[0].running, "version": behind[0].version})
    worst = min(said, key=lambda seen: _WORST.index(seen.phase) if seen.phase in _WORST else len(_WORST))
    new = _new(row, item, worst.phase, worst.reason, worst.message)
    return new.model_copy(update={"running": worst.running, "version": worst.version, "since": worst.since})


_WORST = (Phase.FAILED, Phase.ROLLED_BACK, Phase.PENDING, Phase.FETCHING, Phase.STARTING, Phase.WAITING)


def _deployment(row: Row, item: Item, there: There, site: Site) -> Observation:
    main = next(iter(there.deployments), None)
    if main is None:
        return _new(row, item, Phase.PENDING, "NotDelivered", "the cluster does not have it yet")
    running = _running(there, item)
    if main["metadata"].get("annotations", {}).get(ITEM) != row.fingerprint:
        seen = _new(row, item, Phase.PENDING, "NotDelivered", "the cluster does not have this version yet")
        return seen.model_copy(update=running)
    said = _settled(main, there.pods)
    older = running["running"] not in (None, item.digest)
    if said.phase is Phase.FAILED and older:
        message = f"version {item.version} failed: {said.message}; version {running['version']} runs on"
        said = said._replace(phase=Phase.ROLLED_BACK, message=message)
    elif said.phase is Phase.WAITING:
        said = said._replace(message=f"waiting for its models: {', '.join(sorted(getattr(item, 'uses', ())))}")
    seen = _new(row, item, said.phase, said.reason, said.message)
    if said.phase is Phase.READY:
        return seen.model_copy(
            update={**running, "running": item.digest, "version": item.version, "address": address(item, site)}
            | {"since": max([row.time, *_times(main)])}
        )
    where = address(item, site) if running["running"] else None
    return seen.model_copy(update={**running, "address": where})


def _settled(main: Object, pods: Iterable[Object]) -> podding.Trouble:
    """How far an apps/v1 Deployment is."""
    status, wanted = main.get("status", {}), main["spec"].get("replicas", 1)
    fresh = status.get("observedGeneration", 0) >= main["metadata"].get("generation", 0)
    counts = {name: status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas")}
    if fresh and all(count == wanted for count in counts.values()):
        return podding.Trouble(Phase.READY, "", "")
    current = main["spec"]["template"]["metadata"].get("annotations", {}).get(DIGEST)
    new = [pod for pod in pods if podding.digest(pod) == current and not podding.leaving(pod)]
    trouble = podding.worst(new)
    if trouble is not None and trouble.phase is not Phase.STARTING:
        return trouble
    conditions = {each["type"]: each for each in status.get("conditions", ())}
    failure, progress = conditions.get("ReplicaFailure"), conditions.get("Progressing")
    if failure is not None and failure["status"] == "True":
        return podding.Trouble(Phase.FAILED, failure.get("reason", "ReplicaFailure"), failure.get("message", ""))
    if progress is not None and progress.get("reason") == "ProgressDeadlineExceeded":
        why = trouble.message if trouble else "does not get ready"
        return podding.Trouble(Phase.FAILED, "ProgressDeadlineExceeded", f"{why}, for too long")
    if trouble is not None:
        return trouble
    if new:
        return podding.Trouble(Phase.STARTING, "Replacing", "the pods before it are ending")
    return podding.Trouble(Phase.PENDING, "NoPods", "no pod has been made yet")


def _running(there: There, item: Item) -> dict[str, Any]:
    """What takes requests: the wanted version if it does, else another one that does."""
    taking = [pod for pod in there.pods if podding.ready(pod)]
    wanted = [pod for pod in taking if podding.digest(pod) == item.digest]
    return _told_of(wanted or taking, there)


def _ran(there: There) -> dict[str, Any]:
    return _told_of([pod for pod in there.pods if podding.ready(pod)], there)


def _told_of(taking: list[Object], there: There) -> dict[str, Any]:
    first = taking[0] if taking else None
    living = [pod for pod in there.pods if not podding.leaving(pod)]
    return {
        "running": podding.digest(first) if first else None,
        "version": podding.version(first) if first else "",
        "restarts": max((podding.restarts(pod) for pod in living), default=0),
    }


def _times(main: Object) -> list[datetime]:
    """When a Deployment became available, and when its pods were last replaced: it stays available meanwhile."""
    fields = {"Available": "lastTransitionTime", "Progressing": "lastUpdateTime"}
    return [
        datetime.fromisoformat(each[fields[each["type"]]])
        for each in main.get("status", {}).get("conditions", ())
        if each["status"] == "True" and each.get(fields.get(each["type"], ""))
    ]


def _new(row: Row, item: Item | None, phase: Phase, reason: str, message: str) -> Observation:
    return Observation(
        cluster="", namespace=row.namespace, name=row.name, kind=row.kind, phase=phase, reason=reason, message=message,
        desired=item.digest if item else None, revision=row.revision, since=row.time,
    )  # fmt: skip
