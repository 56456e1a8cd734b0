"""A cluster that is there already joins: what it needs is printed, or applied with its kubeconfig."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import i4q_ai as i4q
from i4q_ai.cli.program import run
from i4q_ai.errors import ConflictError, UnsupportedError
from i4q_ai_ocm import OcmHub
from tests.e2e.ocm.lone_hub import LoneHub
from tests.testbed.crds import klusterlet_crd
from tests.testbed.kinds import apply_crds

_AGENT = "open-cluster-management-agent"


@pytest.fixture
def name() -> str:
    return f"new-{secrets.token_hex(3)}"


@pytest.fixture
def settings(lone_hub: LoneHub, tmp_path: Path) -> OcmHub:
    (tmp_path / "bootstrap.kubeconfig").write_text(lone_hub.server.kubeconfig.read_text(encoding="utf-8"))
    return OcmHub(kubeconfig=str(lone_hub.server.kubeconfig), replica_sets=True, bootstrap="bootstrap.kubeconfig")


def _open(settings: OcmHub, folder: Path) -> i4q.Hub:
    (folder / "hub.yaml").write_text(settings.to_yaml(), encoding="utf-8")
    return i4q.Hub(f"ocm://{folder / 'hub.yaml'}", namespace="joining", timeout=120)


@pytest.fixture
def hub(settings: OcmHub, tmp_path: Path) -> Iterator[i4q.Hub]:
    with _open(settings, tmp_path) as opened:
        yield opened


def _got(lone_hub: LoneHub, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lone_hub.server.kubectl("get", *arguments, "-o", "json"))
    return found


@pytest.fixture
def operator(lone_hub: LoneHub) -> Iterator[None]:
    """The cluster, which is the API server of the hub here, knows Klusterlets."""
    apply_crds(lone_hub.server, [klusterlet_crd()])
    yield
    lone_hub.server.kubectl("delete", "-f", str(klusterlet_crd()), "--wait=true")
    lone_hub.server.kubectl("delete", "namespace", _AGENT, "--wait=true", "--ignore-not-found")


def test_what_cannot_join_is_refused_before_anything_is_written(
    hub: i4q.Hub, settings: OcmHub, lone_hub: LoneHub, name: str, tmp_path: Path
) -> None:
    reached = lone_hub.server.kubeconfig
    with pytest.raises(UnsupportedError, match="nobody said how"):
        hub.clusters.join(name)
    with pytest.raises(UnsupportedError, match="no klusterlet operator"):
        hub.clusters.join(name, kubeconfig=reached)
    with pytest.raises(UnsupportedError, match="no claims"):
        hub.clusters.join(name, kubeconfig=reached, claims={"region": "eu"})
    (tmp_path / "other").mkdir()
    with (
        _open(settings.replace(bootstrap=None), tmp_path / "other") as without,
        pytest.raises(UnsupportedError, match="no bootstrap kubeconfig") as caught,
    ):
        without.clusters.join(name, kubeconfig=reached)
    assert f"i4q cluster import {name} --print" in caught.value.hint
    assert name not in [each.name for each in hub.clusters]


@pytest.mark.usefixtures("operator")
def test_a_cluster_is_accepted_and_told_how_to_ask(hub: i4q.Hub, lone_hub: LoneHub, name: str) -> None:
    reached = lone_hub.server.kubeconfig
    for _ in range(2):  # broken off and begun again, it is the same
        joined = hub.clusters.join(name, kubeconfig=reached, labels={"line": "press"})
    assert (joined.labels["line"], joined.available.reason) == ("press", "NeverJoined")
    assert _got(lone_hub, "managedcluster", name)["spec"]["hubAcceptsClient"]
    assert _got(lone_hub, "namespace", name)
    assert _got(lone_hub, "klusterlet", "klusterlet")["spec"]["clusterName"] == name
    kept = _got(lone_hub, "secret", "bootstrap-hub-kubeconfig", "-n", _AGENT)["data"]["kubeconfig"]
    assert base64.b64decode(kept).decode() == reached.read_text(encoding="utf-8")
    with pytest.raises(ConflictError, match=f"belongs to a hub already, as '{name}'"):
        hub.clusters.join(f"{name}-2", kubeconfig=reached)
    assert f"{name}-2" not in [each.name for each in hub.clusters]
    hub.clusters.remove(name, refresh=False)


@pytest.mark.usefixtures("operator")
def test_what_it_needs_is_printed_as_kubectl_takes_it(
    hub: i4q.Hub, lone_hub: LoneHub, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--hub", hub.address, "cluster", "import", name, "--print"]) == 0
    said = capsys.readouterr()
    lone_hub.server.kubectl("create", "namespace", _AGENT)
    told = lone_hub.server.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=said.out)
    assert "klusterlet.operator.open-cluster-management.io/klusterlet created" in told
    assert f"i4q cluster add {name}" in said.err
    assert "token" not in said.out + said.err
    assert name not in [each.name for each in hub.clusters]
