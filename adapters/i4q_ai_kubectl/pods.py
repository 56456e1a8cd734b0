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
SERVER, REFUSED = "server", 3
"""The container of the model server, and its exit code for a model that cannot be served however often it is tried."""
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
    found = [*_initial_containers(status), *_containers(status)]
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


def _initial_containers(status: dict[str, Any]) -> Iterator[Trouble]:
    for each in status.get("initContainerStatuses", ()):
        ended = each.get("state", {}).get("terminated") or each.get("lastState", {}).get("terminated")
        if _refused(each):
            yield _refusal(each)
        elif ended and ended.get("exitCode") and not each.get("ready"):
            yield _ended(each, ended)


def _containers(status: dict[str, Any]) -> Iterator[Trouble]:
    for each in status.get("containerStatuses", ()):
        now, last = each.get("state", {}), each.get("lastState", {}).get("terminated")
        ended = now.get("terminated") or last
        # One that ends well ends too early all the same; unless it runs by now.
        early = ended and (ended.get("exitCode") or "running" not in now)
        if _refused(each):
            yield _refusal(each)
        elif early and not each.get("ready"):
            yield _ended(each, ended)


def _refused(container: dict[str, Any]) -> bool:
    """Whether the kubelet cannot even start it."""
    return container.get("state", {}).get("waiting", {}).get("reason") in (*_HOPELESS, *_PULLING)


def _refusal(container: dict[str, Any]) -> Trouble:
    waiting = container["state"]["waiting"]
    phase = Phase.FAILED if waiting["reason"] in _HOPELESS else Phase.FETCHING
    return Trouble(phase, waiting["reason"], _named(container, waiting.get("message", "")))


def _ended(container: dict[str, Any], ended: dict[str, Any]) -> Trouble:
    """A container that ended, and is started again or will be."""
    message, state = _named(container, _said(ended)), container.get("state", {})
    if container["name"] == SERVER and ended.get("exitCode") == REFUSED:
        return Trouble(Phase.FAILED, "ModelRefused", message)
    if container.get("restartCount", 0) + ("terminated" in state) < TRIES:
        return Trouble(Phase.STARTING, ended.get("reason", "Error"), f"is being started again: {message}")
    return Trouble(Phase.FAILED, (state.get("waiting") or ended).get("reason", "Error"), message)


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
