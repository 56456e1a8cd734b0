"""The golden files for Open Cluster Management, shown to a real API server with the real kinds: it knows every field.

What reports are read by is asked there, too: kubectl reads JSONPaths with the very library that the work agent has.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from i4q_ai import yamls
from i4q_ai.errors import InvalidError
from i4q_ai.kube import Api
from i4q_ai.manifests import DIGEST, ITEM, REVISION, VERSION
from i4q_ai_ocm.translate import reporting
from tests.e2e.kube.conftest import Soon
from tests.testbed.apiserver import ApiServer
from tests.testbed.crds import hub_crds

GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "ocm").glob("*.yaml"))


@pytest.fixture(scope="module")
def kinds(apiserver: ApiServer) -> None:
    """OCM's kinds, served."""
    for path in hub_crds():
        apiserver.kubectl("apply", "--server-side", "-f", path)
    apiserver.wait("--for=condition=Established", "crd", "--all")


@pytest.fixture(scope="module")
def space(apiserver: ApiServer) -> Iterator[str]:
    """A namespace for what is made."""
    name = f"golden-{secrets.token_hex(4)}"
    apiserver.kubectl("create", "namespace", name)
    yield name
    apiserver.kubectl("delete", "namespace", name, "--wait=false")


def documents(golden: Path, namespace: str) -> list[dict[str, Any]]:
    """The objects of a golden file, for another namespace."""
    found = yamls.load_all(golden.read_text(encoding="utf-8"), where=golden.name)
    for each in found:
        each["metadata"]["namespace"] = namespace
    return found


@pytest.mark.usefixtures("kinds")
@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.stem)
def test_the_api_server_takes_every_object(golden: Path, api: Api, space: str, soon: Soon) -> None:
    for wanted in documents(golden, space):
        kept = api.apply(wanted, manager="i4q-ai", dry_run=True, deadline=soon())
        assert kept["spec"] == wanted["spec"]  # no default was left to the server, and nothing was dropped


@pytest.mark.usefixtures("kinds")
def test_that_server_would_object(api: Api, space: str, soon: Soon) -> None:
    (golden,) = (each for each in GOLDEN if each.stem == "work-server")
    (unknown,) = documents(golden, space)
    unknown["spec"]["manifestConfigs"][0]["feedbackRule"] = []
    with pytest.raises(InvalidError, match="feedbackRule"):
        api.apply(unknown, manager="i4q-ai", dry_run=True, deadline=soon())


def read(apiserver: ApiServer, found: dict[str, Any], rules: list[dict[str, Any]]) -> dict[str, str]:
    """Name → value of feedback rules, as JSONPath reads them of an object."""
    kind, metadata = found["kind"], found["metadata"]
    about = ["get", kind, metadata["name"], "-n", metadata["namespace"]]
    return {
        each["name"]: apiserver.kubectl(*about, "-o", f"jsonpath={{{each['path']}}}")
        for rule in rules
        for each in rule["jsonPaths"]
    }


def test_a_deployment_says_how_far_it_is(apiserver: ApiServer, api: Api, space: str, soon: Soon) -> None:
    sent = sent_by("work-server", "Deployment", space)
    api.apply(sent, manager="work-agent-i4q", deadline=soon())
    where = ["-n", space, f"deployment/{sent['metadata']['name']}"]
    apiserver.wait("--for=jsonpath={.status.observedGeneration}=1", *where)
    apiserver.wait("--for=condition=Progressing", *where)
    said = read(apiserver, sent, reporting.feedback(sent))
    stamps = sent["metadata"]["annotations"]
    wanted = {"digest": stamps[DIGEST], "version": stamps[VERSION], "revision": stamps[REVISION], "item": stamps[ITEM]}
    assert said.items() >= wanted.items()
    assert (
        said.items() >= {"generation": "1", "observedGeneration": "1", "wanted": "1", "availableReplicas": ""}.items()
    )
    assert said["Progressing.status"] == "True"
    assert said["Progressing.reason"] in ("NewReplicaSetCreated", "ReplicaSetUpdated", "FoundNewReplicaSet")
    assert said["ReplicaFailure.status"] == ""


def test_the_report_of_an_edge_agent_is_read_whatever_the_pod_is_called(
    apiserver: ApiServer, api: Api, space: str, soon: Soon
) -> None:
    sent = sent_by("work-polled", "ConfigMap", space)
    report = {"data": {"workload-line-5b9f-x7k2.json": json.dumps({"items": [{"phase": "Ready"}]})}}
    api.apply(sent, manager="work-agent-i4q", deadline=soon())
    assert read(apiserver, sent, reporting.feedback(sent))[reporting.REPORT] == ""
    apiserver.kubectl(
        "patch", "configmap", sent["metadata"]["name"], "-n", space, "--type=merge", "-p", json.dumps(report)
    )
    api.apply(sent, manager="work-agent-i4q", force=True, deadline=soon())  # what the edge agent wrote stays
    said = read(apiserver, sent, reporting.feedback(sent))[reporting.REPORT]
    assert json.loads(said) == {"items": [{"phase": "Ready"}]}


def sent_by(case: str, kind: str, namespace: str) -> dict[str, Any]:
    """The one object of a kind that the work of a golden file sends, for another namespace."""
    (golden,) = (each for each in GOLDEN if each.stem == case)
    (work,) = documents(golden, "edge-1")
    found: dict[str, Any] = next(each for each in work["spec"]["workload"]["manifests"] if each["kind"] == kind)
    found["metadata"]["namespace"] = namespace
    return found
