"""The golden files, shown to a real API server: it knows every field, and its strictest policy has no objection."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from i4q_ai import yamls
from i4q_ai.errors import InvalidError
from i4q_ai.kube import Api
from tests.e2e.kube.conftest import Soon
from tests.testbed.apiserver import ApiServer

GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "manifests").glob("*.yaml"))


@pytest.fixture(scope="module")
def restricted(apiserver: ApiServer) -> Iterator[str]:
    """A namespace whose pods are held to the strictest policy; nothing is ever made there but by dry-run."""
    name = f"golden-{secrets.token_hex(4)}"
    apiserver.kubectl("create", "namespace", name)
    apiserver.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    apiserver.wait("--for=create", "serviceaccount/default", "-n", name)
    yield name
    apiserver.kubectl("delete", "namespace", name, "--wait=false")


def documents(golden: Path, namespace: str) -> list[dict[str, Any]]:
    """The objects of a golden file, for another namespace."""
    found = yamls.load_all(golden.read_text(encoding="utf-8"), where=golden.name)
    for each in found:
        each["metadata"]["namespace"] = namespace
        for subject in each.get("subjects", ()):
            subject["namespace"] = namespace
    return found


def pod(deployment: dict[str, Any]) -> dict[str, Any]:
    """The pod that a Deployment would make, with the one account that every namespace has."""
    template = deployment["spec"]["template"]
    spec = {**template["spec"], "serviceAccountName": "default"}
    name, namespace = deployment["metadata"]["name"][:60], deployment["metadata"]["namespace"]
    metadata = {**template["metadata"], "name": f"{name}-0", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.stem)
def test_the_api_server_takes_every_object(golden: Path, api: Api, restricted: str, soon: Soon) -> None:
    for wanted in documents(golden, restricted):
        kept = api.apply(wanted, manager="i4q-ai", dry_run=True, deadline=soon())
        assert kept["metadata"]["labels"] == wanted["metadata"]["labels"]
        assert kept["metadata"]["annotations"] == wanted["metadata"]["annotations"]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.stem)
def test_the_strictest_policy_takes_every_pod(golden: Path, api: Api, restricted: str, soon: Soon) -> None:
    for wanted in documents(golden, restricted):
        if wanted["kind"] == "Deployment":
            api.apply(pod(wanted), manager="i4q-ai", dry_run=True, deadline=soon())


def test_that_policy_would_object(api: Api, restricted: str, soon: Soon) -> None:
    (golden,) = (each for each in GOLDEN if each.stem == "server-init-container")
    (deployment,) = (each for each in documents(golden, restricted) if each["kind"] == "Deployment")
    loose = pod(deployment)
    del loose["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"]
    with pytest.raises(InvalidError, match=r'violates PodSecurity "restricted:latest": allowPrivilegeEscalation'):
        api.apply(loose, manager="i4q-ai", dry_run=True, deadline=soon())
