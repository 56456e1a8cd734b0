"""What a watch has followed is not read again: of thousands of clusters, a status in the middle of it is at once."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import i4q_ai as i4q
from i4q_ai.deadline import Deadline
from i4q_ai.kube import Api
from i4q_ai_ocm import OcmHub
from tests.bench import bench_ocm as agents
from tests.e2e.ocm.lone_hub import LoneHub

LIMIT = 300.0
WHERE = i4q.Placement("cnc", i4q.Label("line") == "cnc")


def model(version: str) -> i4q.Model:
    reference = f"registry.invalid/wear@sha256:{int(version):064x}"
    return i4q.Model(name="wear", version=version, format="onnx", reference=reference)


@pytest.fixture
def hub(lone_hub: LoneHub, tmp_path: Path) -> Iterator[i4q.Hub]:
    image = f"registry.invalid/edge@sha256:{'0' * 64}"
    told = OcmHub(kubeconfig=str(lone_hub.server.kubeconfig), replica_sets=False, image=image)
    (tmp_path / "hub.yaml").write_text(told.to_yaml(), encoding="utf-8")
    namespace = f"looking-{secrets.token_hex(3)}"
    with i4q.Hub(f"ocm://{tmp_path / 'hub.yaml'}", namespace=namespace, timeout=LIMIT) as hub:
        yield hub
        for deployment in hub.list():
            deployment.delete(timeout=LIMIT)


@pytest.fixture
def agent(lone_hub: LoneHub) -> Iterator[Api]:
    with Api.open(kubeconfig=lone_hub.server.kubeconfig) as api:
        yield api


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds that are listed, one after the other."""
    kinds: list[str] = []
    list_all = Api.list

    def noted(self: Api, kind: str, *args: Any, **about: Any) -> Any:
        kinds.append(kind)
        return list_all(self, kind, *args, **about)

    monkeypatch.setattr(Api, "list", noted)
    return kinds


def say(agent: Api, hub: i4q.Hub, cluster: str, *, available: int) -> None:
    """As the agent of a cluster would."""
    labels = {"i4q.ai/namespace": hub.namespace}
    (work,) = agent.list("ManifestWork", cluster, labels=labels, deadline=Deadline.after(LIMIT)).items
    agents._write_status(agent, work, agents._status(work, available=available))


def phases(status: i4q.Status) -> dict[str, str]:
    return {row.cluster: f"{row.phase}" for row in status.clusters}


def test_a_status_in_a_watch_reads_no_list_again(hub: i4q.Hub, agent: Api, listed: list[str]) -> None:
    deployment = hub.deploy(model("1"), to=WHERE)
    statuses: Any = deployment.watch(timeout=LIMIT)
    assert phases(next(statuses)) == {"c1": "Pending", "c2": "Pending"}
    say(agent, hub, "c1", available=1)
    listed.clear()
    assert phases(next(statuses)) == {"c1": "Ready", "c2": "Pending"}
    assert not {"ManifestWork", "ManagedCluster"} & {*listed}
    statuses.close()
    assert phases(deployment.status()) == {"c1": "Ready", "c2": "Pending"}
    assert {"ManifestWork", "ManagedCluster"} <= {*listed}


def test_what_is_changed_from_here_is_seen_at_once(hub: i4q.Hub, listed: list[str]) -> None:
    deployment = hub.deploy(model("1"), to=WHERE)
    statuses: Any = deployment.watch(timeout=LIMIT)
    next(statuses)
    hub.deploy(model("2"), to=WHERE)
    listed.clear()
    assert {row.desired for row in deployment.status().clusters} == {model("2").digest}
    assert "ManifestWork" in listed
    statuses.close()


def test_what_others_change_is_followed(hub: i4q.Hub, lone_hub: LoneHub, tmp_path: Path, agent: Api) -> None:
    deployment = hub.deploy(model("1"), to=WHERE)
    statuses: Any = deployment.watch(timeout=LIMIT)
    next(statuses)

    def update() -> None:
        with i4q.Hub(f"ocm://{tmp_path / 'hub.yaml'}", namespace=hub.namespace, timeout=LIMIT) as other:
            other.deploy(model("2"), to=WHERE)

    somebody = threading.Thread(target=update)
    somebody.start()
    for status in statuses:
        if {row.desired for row in status.clusters} == {model("2").digest}:
            break
    somebody.join()
    statuses.close()
