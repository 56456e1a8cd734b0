"""Why a pod does not answer yet."""

from __future__ import annotations

import pytest

from i4q_ai.status import Phase
from i4q_ai_kubectl import pods
from tests.unit.kubectl.statuses import (
    BACK_OFF,
    CREATING,
    DONE,
    INITIALIZING,
    NO_IMAGE,
    RUNNING,
    STARTS,
    TAKES_REQUESTS,
    WITHOUT_NODE,
    Status,
    container,
    ended,
    pod,
    status,
)
from tests.unit.kubectl.things import NEW


def init(state: Status, name: str, **about: object) -> Status:
    return status(container(INITIALIZING), init=(container(state, name, **about),))  # type: ignore[arg-type]


TABLE: dict[str, tuple[Status, Phase, str, str]] = {
    "just made": ({"phase": "Pending"}, Phase.PENDING, "NotScheduled", "waits for a node"),
    "no room": (
        WITHOUT_NODE, Phase.PENDING, "Unschedulable", "0/1 nodes are available: 1 Insufficient memory.",
    ),
    "being prepared": (status(container(CREATING)), Phase.FETCHING, "ContainerCreating", "are being prepared"),
    "bound, and the kubelet has not spoken": (
        {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "True"}]},
        Phase.FETCHING, "ContainerCreating", "are being prepared",
    ),
    "an image that does not exist, first": (
        status(container({"waiting": {"reason": "ErrImagePull", "message": "not found"}})),
        Phase.FETCHING, "ErrImagePull", "container 'server': not found",
    ),
    "an image that does not exist": (
        status(container(NO_IMAGE)), Phase.FAILED, "ImagePullBackOff", "container 'server': Back-off pulling image",
    ),
    "an image that is never pulled": (
        status(container({"waiting": {"reason": "ErrImageNeverPull", "message": "not present"}})),
        Phase.FAILED, "ErrImageNeverPull", "not present",
    ),
    "a name of an image that is none": (
        status(container({"waiting": {"reason": "InvalidImageName"}})), Phase.FAILED, "InvalidImageName",
        "container 'server'",
    ),
    "an image that runs as root": (
        status(container({"waiting": {"reason": "CreateContainerConfigError", "message": "image will run as root"}})),
        Phase.FAILED, "CreateContainerConfigError", "container 'server': image will run as root",
    ),
    "a program that does not exist": (
        status(container(ended(128, "exec: no such file", "StartError"), last={}, restarts=2)),
        Phase.FAILED, "StartError", "exec: no such file",
    ),
    "runs": (STARTS, Phase.STARTING, "NotReady", "runs, and is not ready"),
    "ended once": (
        status(container(ended(1, "lost"))), Phase.STARTING, "Error",
        "is being started again: container 'server': lost",
    ),
    "started again": (
        status(container(RUNNING, last=ended(1, "lost"), restarts=1)), Phase.STARTING, "Error", "started again",
    ),
    "crashes again and again": (
        status(container(BACK_OFF, last=ended(1, "Traceback:\n  main()\nKeyError: 'x'\n"), restarts=3)),
        Phase.FAILED, "CrashLoopBackOff", "container 'server': KeyError: 'x'",
    ),
    "crashes without a word": (
        status(container(BACK_OFF, last=ended(139), restarts=5)), Phase.FAILED, "CrashLoopBackOff",
        "ended with code 139",
    ),
    "ends well, and should go on": (
        status(container(BACK_OFF, last=DONE, restarts=5)), Phase.FAILED, "CrashLoopBackOff", "ended with code 0",
    ),
    "killed for want of memory": (
        status(container(ended(137, reason="OOMKilled"), restarts=2)), Phase.FAILED, "OOMKilled", "ended with code 137",
    ),
    "a model that cannot be served": (
        status(container(ended(3, "model 'wear' cannot be loaded"))), Phase.FAILED, "ModelRefused",
        "container 'server': model 'wear' cannot be loaded",
    ),
    "a model that cannot be served, tried again": (
        status(container(RUNNING, last=ended(3, "no opset 99"), restarts=1)), Phase.FAILED, "ModelRefused",
        "no opset 99",
    ),
    "code 3 of somebody else's program": (
        status(container(ended(3, "oops"), "workload")), Phase.STARTING, "Error", "container 'workload': oops",
    ),
    "is fetching": (init(RUNNING, "fetch-model"), Phase.FETCHING, "Fetching", "is being fetched and verified"),
    "waits for its models": (init(RUNNING, "wait"), Phase.WAITING, "ModelMissing", "waiting for its models"),
    "its agent waits for models": (init(RUNNING, "models"), Phase.WAITING, "ModelMissing", "waiting for its models"),
    "fetching has failed": (
        init(BACK_OFF, "fetch-model", last=ended(1, "no such manifest"), restarts=4), Phase.FAILED, "CrashLoopBackOff",
        "container 'fetch-model': no such manifest",
    ),
    "fetching is tried again": (
        init(RUNNING, "fetch-model", last=ended(1, "connection refused"), restarts=1), Phase.STARTING, "Error",
        "is being started again: container 'fetch-model': connection refused",
    ),
    "fetched, and the image is on its way": (
        status(container(INITIALIZING), init=(container(DONE, "fetch-model", ready=True),)), Phase.FETCHING,
        "ContainerCreating", "are being prepared",
    ),
    "one of two containers crashes": (
        status(container(RUNNING, "line", ready=True), container(BACK_OFF, "agent", last=ended(1, "a"), restarts=3)),
        Phase.FAILED, "CrashLoopBackOff", "container 'agent': a",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLE)
def test_how_far_a_pod_is(case: str) -> None:
    seen, phase, reason, message = TABLE[case]
    trouble = pods.trouble(pod(seen))
    assert (trouble.phase, trouble.reason) == (phase, reason)
    assert message in trouble.message


def test_a_long_message_is_cut_and_stays_one_line() -> None:
    seen = status(container(BACK_OFF, last=ended(1, "x" * 5000 + "\n\n"), restarts=9))
    message = pods.trouble(pod(seen)).message
    assert len(message) < 700
    assert "\n" not in message


def test_who_takes_requests() -> None:
    assert pods.ready(pod(TAKES_REQUESTS))
    assert not pods.ready(pod(STARTS))
    assert not pods.ready(pod(TAKES_REQUESTS, leaving=True))
    assert not pods.ready(pod({}))


def test_who_is_leaving() -> None:
    assert pods.leaving(pod(TAKES_REQUESTS, leaving=True))
    assert pods.leaving(pod({"phase": "Failed", "reason": "Evicted"}))
    assert not pods.leaving(pod(STARTS))


def test_what_it_runs() -> None:
    assert pods.digest(pod(STARTS)) == NEW
    assert pods.version(pod(STARTS)) == "2"
    assert pods.digest({"metadata": {}}) is None


def test_restarts_are_of_all_containers() -> None:
    seen = status(container(RUNNING, restarts=2), container(RUNNING, "agent", restarts=1))
    assert pods.restarts(pod(seen)) == 3
    assert pods.restarts(pod({})) == 0


def test_the_worst_of_several_pods_counts() -> None:
    failed, without_node = pod(status(container(NO_IMAGE))), pod(WITHOUT_NODE)
    starts, well = pod(STARTS), pod(TAKES_REQUESTS)
    waits = pod(init(RUNNING, "wait"))
    for order in ([well, starts, waits, without_node, failed], [failed, without_node, waits, starts, well]):
        worst = pods.worst(order)
        assert worst is not None
        assert worst.reason == "ImagePullBackOff"
    assert pods.worst([well]) is None
    assert pods.worst([]) is None
