"""The agent as an init container: it holds the workload until its models are there."""

from __future__ import annotations

import signal

import pytest

from i4q_ai.edge import crash
from i4q_ai.status import Phase
from tests.e2e.edge.plant import DEADLINE, eventually
from tests.e2e.edge.pod import Pod, versions


def test_it_ends_once_every_model_is_there(pod: Pod) -> None:
    pod.want(pod.model("1"))
    assert pod.run("--once").wait(DEADLINE) == 0
    assert pod.content() == "wear 1"
    assert pod.words.read_text() == ""
    published = pod.published()
    assert published is not None
    assert versions(published) == {"wear": "1"}


def test_it_ends_again_when_everything_is_there_already(pod: Pod) -> None:
    pod.want(pod.model("1"))
    for _ in range(2):
        assert pod.run("--once").wait(DEADLINE) == 0
    assert pod.content() == "wear 1"


def test_the_container_that_comes_next_goes_on(pod: Pod) -> None:
    pod.want(pod.model("1"))
    assert pod.run("--once").wait(DEADLINE) == 0
    pod.run()
    pod.want(pod.model("2"))
    pod.until("wear", Phase.READY, version="2")


def test_it_waits_for_a_model_and_says_so(pod: Pod) -> None:
    agent = pod.run("--once")
    eventually(lambda: "ConfigMap 'model-wear' is not there yet" in pod.words.read_text())
    assert agent.poll() is None
    pod.want(pod.model("1"))
    assert agent.wait(DEADLINE) == 0
    assert pod.words.read_text() == ""


def test_a_model_that_cannot_come_ends_it_with_the_reason(pod: Pod) -> None:
    item = pod.model("1")
    pod.want(item.replace(digest="sha256:" + "0" * 64))
    assert pod.run("--once").wait(DEADLINE) == 1
    assert "model 'wear'" in pod.words.read_text()
    assert "0" * 64 in pod.words.read_text()
    pod.want(item)
    assert pod.run("--once").wait(DEADLINE) == 0


def test_it_gives_up_when_it_is_told_to(pod: Pod) -> None:
    assert pod.run("--once", "--timeout", "3").wait(DEADLINE) == 1
    assert "gives up after 3 s" in pod.words.read_text()


def test_stopped_before_the_models_are_there_it_has_failed(pod: Pod) -> None:
    agent = pod.run("--once")
    eventually(lambda: pod.words.read_text() != "")
    agent.terminate()
    assert agent.wait(DEADLINE) != 0


@pytest.mark.parametrize("point", ["after-fetch", "after-link"])
def test_killed_it_begins_again(pod: Pod, point: str) -> None:
    pod.want(pod.model("1"))
    assert pod.run("--once", **{crash.VARIABLE: point}).wait(DEADLINE) == -signal.SIGKILL
    assert pod.run("--once").wait(DEADLINE) == 0
    assert pod.content() == "wear 1"


def test_it_takes_over_when_another_agent_goes(pod: Pod) -> None:
    pod.want(pod.model("1"))
    first = pod.run()
    pod.until("wear", Phase.READY)
    second = pod.run("--once")
    eventually(lambda: "another agent runs" in pod.words.read_text())
    first.terminate()
    assert second.wait(DEADLINE) == 0


def test_outside_of_a_pod_it_says_so(pod: Pod) -> None:
    assert pod.run("--once", KUBERNETES_SERVICE_HOST="").wait(DEADLINE) == 1
    assert "this is no pod" in pod.words.read_text()
