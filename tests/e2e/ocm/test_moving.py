"""From group to group, by a label or by other groups, what lies at the edge is kept: the real agent, and no pods."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import i4q_ai as i4q
from i4q_ai.deadline import Deadline
from i4q_ai.kube import Api
from i4q_ai.testing import samples as making
from i4q_ai.testing.samples import Samples
from i4q_ai_ocm import OcmHub
from tests.e2e.ocm.lone_edge import lone_edge
from tests.e2e.ocm.lone_hub import LoneHub
from tests.testbed.apiserver import ApiServer
from tests.testbed.registry import Registry
from tests.testbed.runs import Run

LIMIT = 300.0
RING = i4q.Label("line") == "cnc"


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    """Models in a registry; nobody pulls them."""
    with Registry(tmp_path_factory.mktemp("registry")) as registry, pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "I4Q_PLAIN_HTTP", registry.host)
        yield making.push(tmp_path_factory.mktemp("samples"), f"{registry.host}/moving/")


@pytest.fixture(scope="module")
def edge(lone_hub: LoneHub, testbed_run: Run) -> Iterator[ApiServer]:
    with lone_edge(testbed_run, lone_hub.server, "c1") as server:
        yield server


@pytest.fixture
def hub(lone_hub: LoneHub, edge: ApiServer, tmp_path: Path) -> Iterator[i4q.Hub]:
    image = f"registry.invalid/edge@sha256:{'0' * 64}"
    told = OcmHub(kubeconfig=str(lone_hub.server.kubeconfig), replica_sets=True, image=image)
    (tmp_path / "hub.yaml").write_text(told.to_yaml(), encoding="utf-8")
    namespace = f"moving-{secrets.token_hex(3)}"
    with i4q.Hub(f"ocm://{tmp_path / 'hub.yaml'}", namespace=namespace, timeout=LIMIT) as hub:
        yield hub
        hub.clusters.label("c1", {"ring": None}, refresh=False)
        for deployment in hub.list():
            deployment.delete(timeout=LIMIT)


class _Seen:
    """Every state of the model's Deployment at the edge, as its API server tells them.

    Args:
        edge: where.
        namespace: in which.
    """

    def __init__(self, edge: ApiServer, namespace: str) -> None:
        self._api, self._namespace = Api.open(kubeconfig=edge.kubeconfig), namespace

    def until(self, version: str) -> dict[str, Any]:
        """The Deployment once it is of a version."""
        deadline = Deadline.after(LIMIT, f"waiting for version {version} at the edge")
        for event in self._api.watch("Deployment", self._namespace, deadline=deadline):
            for each in event.items or (event.object,):
                if (each.get("metadata") or {}).get("annotations", {}).get("i4q.ai/version") == version:
                    return each
        raise AssertionError(f"never of version {version}")


def _until_alone(lone_hub: LoneHub, namespace: str) -> None:
    """Wait until there is no work that was made for the edge alone; its agent must let go of each."""
    mark = f"i4q.ai/namespace={namespace},!work.open-cluster-management.io/manifestworkreplicaset"
    deadline, left = Deadline.after(LIMIT, "waiting for works to go"), set[str]()
    with Api.open(kubeconfig=lone_hub.server.kubeconfig) as api:
        for event in api.watch("ManifestWork", "c1", labels=mark, deadline=deadline):
            if event.type == "RESYNC":
                left = {each["metadata"]["name"] for each in event.items}
            elif event.type == "DELETED":
                left.discard(event.object["metadata"]["name"])
            elif event.type != "BOOKMARK":
                left.add(event.object["metadata"]["name"])
            if not left:
                return
    raise AssertionError(f"{left} never went")


def test_the_objects_are_kept_from_group_to_group(
    hub: i4q.Hub, edge: ApiServer, lone_hub: LoneHub, samples: Samples
) -> None:
    seen = _Seen(edge, hub.namespace)
    where = i4q.Placement("cnc", RING, groups={"first": i4q.Label("ring") == "first"})
    hub.deploy(samples.one, to=where, versions={"first": samples.two})
    before = seen.until("1")["metadata"]["uid"]

    hub.clusters.label("c1", {"ring": "first"}, refresh=False)
    assert seen.until("2")["metadata"]["uid"] == before, "by a label, to another version"
    _until_alone(lone_hub, hub.namespace)  # the order of its group has it again

    hub.deploy(samples.three, to=i4q.Placement("cnc", RING))
    assert seen.until("3")["metadata"]["uid"] == before, "by other groups, to another version"
    _until_alone(lone_hub, hub.namespace)

    hub.deploy(samples.three, to=where)
    for status in hub.get("wear").watch(timeout=LIMIT):
        if {row.cluster for row in status.clusters} == {"c1", "c2"}:
            break
    assert seen.until("3")["metadata"]["uid"] == before, "by other groups, to the same version"
    mark = ("-n", hub.namespace, "-l", "i4q.ai/deployment=wear", "-o", "json")
    placements = json.loads(lone_hub.server.kubectl("get", "placements", *mark))["items"]
    assert len(placements) == 2, "the hub follows the new groups, though nobody was told anything new"
