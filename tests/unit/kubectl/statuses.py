"""Objects as a kubelet and the controllers of a cluster write them, but for what nobody reads."""

from __future__ import annotations

from typing import Any

from i4q_ai.desired import Item
from i4q_ai.manifests import Site, objects
from i4q_ai.manifests.naming import labels, pod_annotations
from tests.unit.kubectl.things import KEY, SITE, model

Status = dict[str, Any]

SCHEDULED = {"type": "PodScheduled", "status": "True"}
NOT_READY = {"type": "Ready", "status": "False", "reason": "ContainersNotReady"}
READY = {"type": "Ready", "status": "True"}
RUNNING = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
CREATING = {"waiting": {"reason": "ContainerCreating"}}
INITIALIZING = {"waiting": {"reason": "PodInitializing"}}
BACK_OFF = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container=server"}}
DONE = {"terminated": {"exitCode": 0, "reason": "Completed"}}


def ended(code: int, message: str = "", reason: str = "Error") -> Status:
    """The state of a container that has ended."""
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


def container(
    state: Status, name: str = "server", *, last: Status | None = None, restarts: int = 0, ready: bool = False
) -> Status:
    """What a kubelet says of one container."""
    return {"name": name, "state": state, "lastState": last or {}, "restartCount": restarts, "ready": ready}


def status(*containers: Status, init: tuple[Status, ...] = (), ready: bool = False, phase: str = "Pending") -> Status:
    """What a kubelet says of a pod that has a node."""
    found = {"phase": phase, "conditions": [SCHEDULED, READY if ready else NOT_READY]}
    return {**found, "containerStatuses": [*containers], **({"initContainerStatuses": [*init]} if init else {})}


TAKES_REQUESTS = status(container(RUNNING, ready=True), ready=True, phase="Running")
STARTS = status(container(RUNNING), phase="Running")
WITHOUT_NODE = {
    "phase": "Pending",
    "conditions": [
        {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/1 nodes are available: 1 Insufficient memory.",
        }
    ],
}
NO_IMAGE = {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "registry.example/none"'}}


def pod(seen: Status, item: Item | None = None, *, name: str = "pod-1", leaving: bool = False) -> Status:
    """A pod of a deployment, with a status."""
    item = item or model()
    metadata = {"name": name, "labels": labels(item, SITE), "annotations": pod_annotations(item)}
    if leaving:
        metadata["deletionTimestamp"] = "2026-01-01T00:01:00Z"
    return {"kind": "Pod", "metadata": metadata, "status": seen}


def deployment(
    item: Item | None = None,
    *,
    replicas: int = 0,
    updated: int = 0,
    available: int = 0,
    generation: int = 1,
    seen: int = 1,
    conditions: tuple[Status, ...] = (),
    site: Site = SITE,
) -> Status:
    """An `apps/v1 Deployment` as it lies there, with a status."""
    (found,) = (each for each in objects(item or model(), site) if each["kind"] == "Deployment")
    counts = {"replicas": replicas, "updatedReplicas": updated, "availableReplicas": available}
    said = {key: count for key, count in counts.items() if count}
    return {
        **found,
        "metadata": {**found["metadata"], "generation": generation},
        "status": {**said, "observedGeneration": seen, "conditions": [*conditions]},
    }


def available(since: str = "2026-01-01T00:00:30Z") -> Status:
    """The condition of a Deployment whose pods take requests."""
    return {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable", "lastTransitionTime": since}


def progressing(reason: str, *, is_so: str = "True") -> Status:
    """The condition of a Deployment about its roll-out."""
    return {"type": "Progressing", "status": is_so, "reason": reason}


def config_map(item: Item | None = None, data: dict[str, str] | None = None, **about: Any) -> Status:
    """A ConfigMap as it lies there: of a model as files, or else with `data`."""
    item = item or model(flavour="files")
    found = {"name": f"model-{KEY[1]}", "labels": labels(item, SITE), "annotations": {}, **about}
    return {"kind": "ConfigMap", "metadata": found, "data": data or {}}
