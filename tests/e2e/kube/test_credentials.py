"""Ways to be somebody on a real API server, and many Apis at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from i4q_ai import yamls
from i4q_ai.errors import InvalidError
from i4q_ai.kube import Api, link
from tests.e2e.kube.conftest import Soon
from tests.e2e.kube.link import Link
from tests.testbed.apiserver import ApiServer

MANY = 200
PLUGIN = """\
#!/bin/sh
printf '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "%s"}}' "$TOKEN"
"""


def _token(apiserver: ApiServer, namespace: str) -> str:
    return apiserver.kubectl("create", "token", "default", "-n", namespace).strip()


def _who(api: Api, soon: Soon) -> str:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {"name": "me"}}
    told: dict[str, Any] = api.create(review, deadline=soon())
    return str(told["status"]["userInfo"]["username"])


def _written(apiserver: ApiServer, folder: Path, user: dict[str, Any]) -> Path:
    config = yamls.load(apiserver.kubeconfig.read_text())
    config["users"][0]["user"] = user
    path = folder / "config"
    path.write_text(yamls.dump(config))
    return path


def test_a_client_certificate(apiserver: ApiServer, soon: Soon) -> None:
    with Api.open(kubeconfig=apiserver.user("ann")) as api:
        assert _who(api, soon) == "ann"


def test_a_plugin_beside_the_kubeconfig(apiserver: ApiServer, kube_namespace: str, tmp_path: Path, soon: Soon) -> None:
    plugin = tmp_path / "login"
    plugin.write_text(PLUGIN)
    plugin.chmod(0o700)
    how = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "./login",
        "env": [{"name": "TOKEN", "value": _token(apiserver, kube_namespace)}],
        "interactiveMode": "Never",
    }
    with Api.open(kubeconfig=_written(apiserver, tmp_path, {"exec": how})) as api:
        assert _who(api, soon) == f"system:serviceaccount:{kube_namespace}:default"


def test_a_pod_is_its_service_account(
    apiserver: ApiServer, kube_namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, soon: Soon
) -> None:
    (tmp_path / "token").write_text(f"{_token(apiserver, kube_namespace)}\n")
    (tmp_path / "ca.crt").write_bytes(apiserver.authority.read_bytes())
    (tmp_path / "namespace").write_text(kube_namespace)
    address = urlsplit(apiserver.url)
    monkeypatch.setattr(link, "ACCOUNT", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", str(address.hostname))
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(address.port))
    with Api.in_cluster() as api:
        assert _who(api, soon) == f"system:serviceaccount:{kube_namespace}:default"
        assert api.default_namespace == kube_namespace


def test_elsewhere_there_is_no_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InvalidError, match="in cluster: Service host/port is not set"):
        Api.in_cluster()


def test_many_apis_at_once_share_what_is_costly_and_connect_once_each(
    apiserver: ApiServer, link: Link, kube_namespace: str, tmp_path: Path, soon: Soon
) -> None:
    config = yamls.load(apiserver.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = link.url
    about = config["contexts"][0]["context"]
    config["contexts"] = [{"name": f"edge-{number}", "context": about} for number in range(MANY)]
    path = tmp_path / "config"
    path.write_text(json.dumps(config))
    apis = [Api.open(kubeconfig=path, context=f"edge-{number}") for number in range(MANY)]
    with ThreadPoolExecutor(16) as pool:
        for _ in range(2):
            counts = list(pool.map(lambda api: len(api.list("ConfigMap", kube_namespace, deadline=soon()).items), apis))
            assert counts == [1] * MANY
    assert link.made == MANY
    assert len({id(api._transport.link.secured) for api in apis}) == 1
    for api in apis:
        api.close()
