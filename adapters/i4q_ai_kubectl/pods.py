"""Why a pod does not answer yet: from its status to a phase, a reason and words for people. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from i4q_ai.manifests import DIGEST, VERSION
from i4q_ai.status import Phase

Pod = dict[str, Any]

_PULLING = ("ErrImagePull", "ErrImageNeverPull")
_HOPELESS = (
    "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError",
    "RunContainerError", "ImageInspectError", "CreatePodSandboxError",
)  # fmt: skip
_LONGEST = 600
REFUSED = 3
"""Exit code of our own programs for what will not get better by trying again, a model that cannot be served."""
TRIES = 3
"""How often a container may end badly until that counts as a failure."""


class Trouble(NamedTuple):
    """How far a pod is, and what keeps it there."""

    phase: Phase
    reason: str
    message: str


def ready(pod: Pod) -> bool:
    """Whether it takes requests and is not on its way out."""
    conditions = pod.get("status", {}).get("conditions", ())
    is_ready = any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
    return is_ready and "deletionTimestamp" not in pod["metadata"]


def digest(pod: Pod) -> str | None:
    """Of what it runs."""
    found: str | None = pod["metadata"].get("annotations", {}).get(DIGEST)
    return found


def version(pod: Pod) -> str:
    """Of what it runs."""
    return str(pod["metadata"].get("annotations", {}).get(VERSION, ""))


def restarts(pod: Pod) -> int:
    """How often its containers were started again."""
    return sum(each.get("restartCount", 0) for each in pod.get("status", {}).get("containerStatuses", ()))


def leaving(pod: Pod) -> bool:
    """Whether it is on its way out, or has ended."""
    return "deletionTimestamp" in pod["metadata"] or pod.get("status", {}).get("phase") in ("Succeeded", "Failed")


def trouble(pod: Pod) -> Trouble:
    """How far a pod that is not ready has come.

    Example:
        >>> condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}
        >>> trouble({"metadata": {}, "status": {"conditions": [condition]}}).reason
        'Unschedulable'
    """
    status = pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return Trouble(Phase.PENDING, condition.get("reason", "NotScheduled"), _short(condition.get("message", "")))
    found = [*_containers(status, "initContainerStatuses"), *_containers(status, "containerStatuses")]
    for phase in (Phase.FAILED, Phase.FETCHING, Phase.STARTING):
        for each in found:
            if each.phase is phase and each.reason:
                return each
    running_init = [
        each["name"] for each in status.get("initContainerStatuses", ()) if "running" in each.get("state", {})
    ]
    if running_init:
        return _initial(running_init[0])
    if status.get("containerStatuses") and all("running" in each["state"] for each in status["containerStatuses"]):
        return Trouble(Phase.STARTING, "NotReady", "runs, and is not ready")
    if not status.get("conditions"):
        return Trouble(Phase.PENDING, "NotScheduled", "waits for a node")
    return Trouble(Phase.FETCHING, "ContainerCreating", "images and volumes are being prepared")


def _initial(name: str) -> Trouble:
    if name in ("wait", "models"):
        return Trouble(Phase.WAITING, "ModelMissing", "waiting for its models")
    return Trouble(Phase.FETCHING, "Fetching", "is being fetched and verified")


def _containers(status: dict[str, Any], field: str) -> Iterator[Trouble]:
    for each in status.get(field, ()):
        waiting, ended = each.get("state", {}).get("waiting"), each.get("state", {}).get("terminated")
        last = each.get("lastState", {}).get("terminated")
        if waiting and waiting.get("reason") in _HOPELESS:
            yield Trouble(Phase.FAILED, waiting["reason"], _named(each, waiting.get("message", "")))
        elif waiting and waiting.get("reason") in _PULLING:
            yield Trouble(Phase.FETCHING, waiting["reason"], _named(each, waiting.get("message", "")))
        elif (ended or last) and (ended or last).get("exitCode") and not each.get("ready"):
            yield _ended(each, ended or last, waiting)


def _ended(container: dict[str, Any], ended: dict[str, Any], waiting: dict[str, Any] | None) -> Trouble:
    """A container that ended badly, and is started again or will be."""
    message = _named(container, _said(ended))
    if ended["exitCode"] == REFUSED:
        return Trouble(Phase.FAILED, "ModelRefused", message)
    if container.get("restartCount", 0) + bool(container.get("state", {}).get("terminated")) < TRIES:
        return Trouble(Phase.STARTING, ended.get("reason", "Error"), f"is being started again: {message}")
    return Trouble(Phase.FAILED, (waiting or ended).get("reason", "Error"), message)


def _said(ended: dict[str, Any]) -> str:
    """The last words of a container: its last line is where an error stands."""
    lines = [line for line in str(ended.get("message", "")).splitlines() if line.strip()]
    return lines[-1] if lines else f"ended with code {ended.get('exitCode')}"


def _named(container: dict[str, Any], message: str) -> str:
    return _short(f"container '{container['name']}': {message}" if message else f"container '{container['name']}'")


def _short(message: str) -> str:
    line = " ".join(message.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def worst(pods: Iterable[Pod]) -> Trouble | None:
    """The trouble of the pod that is worst off; None for no pods."""
    found = [trouble(pod) for pod in pods if not ready(pod)]
    return min(found, key=lambda each: _ORDER.index(each.phase), default=None)


_ORDER = (Phase.FAILED, Phase.PENDING, Phase.FETCHING, Phase.WAITING, Phase.STARTING)
