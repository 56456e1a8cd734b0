"""What looks bring back from the edge, and what is made of it."""

from __future__ import annotations

from typing import Any

import pytest

from i4q_ai.cluster import Condition
from i4q_ai.status import Observation, Phase
from i4q_ai_ocm import observing, state
from i4q_ai_ocm.observing import Around
from i4q_ai_ocm.subscribing import looks
from tests.unit.ocm.subscribing.cases import delivered
from tests.unit.ocm.things import KEY, item, running, work

HERE = Condition(type="Available", status="True")
REFERENCE = "registry.factory/models/tool-wear:1@sha256:" + "1" * 64


def test_a_look_changes_nothing_and_asks_which_version_it_sees() -> None:
    found = looks.look("factory", "look", "p", "s", delivered=delivered(), digest=item().digest)
    template = found["spec"]["manifestWorkTemplate"]
    assert {each["updateStrategy"]["type"] for each in template["manifestConfigs"]} == {"ReadOnly"}
    assert len(template["workload"]["manifests"]) == len(template["manifestConfigs"])
    (config,) = (
        each for each in template["manifestConfigs"] if each["resourceIdentifier"]["resource"] == "deployments"
    )
    paths = {each["name"]: each["path"] for each in config["feedbackRules"][0]["jsonPaths"]}
    assert paths[looks.REFERENCE] == ".spec.template.spec.initContainers[0].command[3]"
    assert config["resourceIdentifier"]["namespace"] == "factory"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (REFERENCE, ("sha256:" + "1" * 64, "1")),
        ("registry:5000/a@sha256:" + "1" * 64, ("sha256:" + "1" * 64, "")),
        ("", ("", "")),
    ],
)
def test_a_reference_says_digest_and_version(reference: str, expected: tuple[str, str]) -> None:
    assert looks.version_of(reference) == expected


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, ""),
        ({"phase": "Subscribed", "overall": "Deployed"}, ""),
        ({"phase": "Failed", "reason": "no such branch"}, "no such branch"),
        ({"overall": "Failed", "why": "bad kustomization"}, "bad kustomization"),
        ({"failed": "forbidden", "kind": "Role", "package": "r"}, "Role 'r': forbidden"),
        ({"phase": "Failed"}, "does not say why"),
    ],
)
def test_why_an_agent_failed(values: dict[str, str], why: str) -> None:
    assert (why in looks.why([values])) if why else looks.why([values]) == ""


def seen(reference: str, **status: str) -> Observation:
    """What is observed of a deployment that Git delivers, where the edge reports this."""
    stamps = ("item", "digest", "version", "revision")
    values = {key: value for key, value in running(item()).items() if key not in stamps}
    one = work("a", item(), values={**values, looks.REFERENCE: reference})
    if status:
        said = [{"name": name, "fieldValue": {"type": "String", "string": value}} for name, value in status.items()]
        about: dict[str, Any] = {"kind": "SubscriptionStatus", "name": "s"}
        manifests = one["status"]["resourceStatus"]["manifests"]
        manifests.append({"resourceMeta": about, "statusFeedback": {"values": said}, "conditions": []})
    found = state.read([], [one], [])[KEY]
    (observed,) = observing.observe(found, KEY, {"a": Around(HERE)}, hub="h")
    return observed


def test_it_is_ready_when_what_stands_in_git_runs() -> None:
    found = seen(f"registry.factory/models/tool-wear:1@{item().digest}")
    assert (found.phase, found.running, found.version) == (Phase.READY, item().digest, "1")


def test_another_version_runs_until_the_agent_has_taken_the_new_one() -> None:
    found = seen("registry.factory/models/tool-wear:0@sha256:" + "f" * 64)
    assert (found.phase, found.running, found.version) == (Phase.PENDING, "sha256:" + "f" * 64, "0")


def test_an_agent_that_failed_says_why_and_what_runs_on() -> None:
    old = "registry.factory/models/tool-wear:0@sha256:" + "f" * 64
    found = seen(old, overall="Failed", why="quota exceeded")
    assert (found.phase, found.message, found.version) == (Phase.FAILED, "quota exceeded", "0")
