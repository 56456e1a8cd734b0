"""The golden files, shown to a real API server: it knows every field, and its strictest policy has no objection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from i4q_ai import yamls
from i4q_ai.errors import InvalidError
from i4q_ai.kube import Api
from tests.e2e.kube.conftest import Soon
from tests.testbed.apiserver import ApiServer

GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "manifests").glob("*.yaml"))
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


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
def test_the_api_server_takes_every_object(golden: Path, api: Api, kube_namespace: str, soon: Soon) -> None:
    for wanted in documents(golden, kube_namespace):
        kept = api.apply(wanted, manager="i4q-ai", dry_run=True, deadline=soon())
        assert kept["metadata"]["labels"] == wanted["metadata"]["labels"]
        assert kept["metadata"]["annotations"] == wanted["metadata"]["annotations"]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.stem)
def test_the_strictest_policy_takes_every_pod(
    golden: Path, api: Api, apiserver: ApiServer, kube_namespace: str, soon: Soon
) -> None:
    apiserver.kubectl("label", "namespace", kube_namespace, RESTRICTED)
    apiserver.wait("--for=create", "serviceaccount/default", "-n", kube_namespace)
    for wanted in documents(golden, kube_namespace):
        if wanted["kind"] == "Deployment":
            api.apply(pod(wanted), manager="i4q-ai", dry_run=True, deadline=soon())


def test_that_policy_would_object(api: Api, apiserver: ApiServer, kube_namespace: str, soon: Soon) -> None:
    apiserver.kubectl("label", "namespace", kube_namespace, RESTRICTED)
    apiserver.wait("--for=create", "serviceaccount/default", "-n", kube_namespace)
    (golden,) = (each for each in GOLDEN if each.stem == "server-init-container")
    (deployment,) = (each for each in documents(golden, kube_namespace) if each["kind"] == "Deployment")
    loose = pod(deployment)
    del loose["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"]
    with pytest.raises(InvalidError, match=r'violates PodSecurity "restricted:latest": allowPrivilegeEscalation'):
        api.apply(loose, manager="i4q-ai", dry_run=True, deadline=soon())
