"""Nobody is evicted by a typo: what the scheduler cannot read is refused before anything is written."""

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
from i4q_ai.errors import InvalidError, OwnedError, RuleError
from i4q_ai.kube import Api
from i4q_ai.testing import samples as making
from i4q_ai.testing.samples import Samples
from i4q_ai_ocm import OcmHub, read_placement
from i4q_ai_ocm.translate import names
from tests.e2e.ocm.lone_hub import CLUSTERS, LoneHub
from tests.testbed.registry import Registry

LIMIT = 300.0
WHERE = i4q.Placement("cnc", i4q.Label("line") == "cnc")
_GROUP = "cluster.open-cluster-management.io"


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samples]:
    """Models in a registry; nobody pulls them."""
    with Registry(tmp_path_factory.mktemp("registry")) as registry, pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "I4Q_PLAIN_HTTP", registry.host)
        yield making.push(tmp_path_factory.mktemp("samples"), f"{registry.host}/checks/")


@pytest.fixture(scope="module")
def namespace() -> str:
    return f"checks-{secrets.token_hex(3)}"


@pytest.fixture
def api(lone_hub: LoneHub) -> Iterator[Api]:
    with Api.open(kubeconfig=lone_hub.server.kubeconfig) as opened:
        yield opened


def _open(lone_hub: LoneHub, folder: Path, namespace: str, **settings: Any) -> i4q.Hub:
    image = f"registry.invalid/edge@sha256:{'0' * 64}"
    told = OcmHub(kubeconfig=str(lone_hub.server.kubeconfig), replica_sets=True, image=image, **settings)
    path = folder / "hub.yaml"
    path.write_text(told.to_yaml(), encoding="utf-8")
    return i4q.Hub(f"ocm://{path}", namespace=namespace, timeout=LIMIT)


@pytest.fixture
def hub(lone_hub: LoneHub, tmp_path: Path, namespace: str) -> Iterator[i4q.Hub]:
    """A hub on which a model is deployed to both clusters by label; it is gone afterwards."""
    with _open(lone_hub, tmp_path, namespace) as hub:
        yield hub
        for deployment in hub.list():
            deployment.delete(timeout=LIMIT)


def _soon() -> Deadline:
    return Deadline.after(LIMIT, "a test")


def _everything(api: Api, namespace: str) -> dict[str, str]:
    """What lies on the hub, each with its revision."""
    kinds = ("Placement", "ManifestWorkReplicaSet", "ManagedClusterSetBinding", "ConfigMap", "ControllerRevision")
    found = [each for kind in kinds for each in api.list(kind, namespace, deadline=_soon()).items]
    works = api.list("ManifestWork", None, labels={"i4q.ai/namespace": namespace}, deadline=_soon()).items
    return {
        f"{each['kind']} {each['metadata']['name']}": str(each["metadata"].get("generation", "")) for each in found
    } | {f"{each['metadata']['namespace']}/{each['metadata']['name']}": "work" for each in works}


def _theirs(namespace: str, expression: str) -> dict[str, Any]:
    """A Placement that somebody else writes."""
    selector = {"celSelector": {"celExpressions": [expression]}}
    return {
        "apiVersion": f"{_GROUP}/v1beta1",
        "kind": "Placement",
        "metadata": {"name": "theirs", "namespace": namespace},
        "spec": {"predicates": [{"requiredClusterSelector": selector}]},
    }


def _decided(lone_hub: LoneHub, namespace: str, condition: str) -> dict[str, Any]:
    """The Placement once the real scheduler has judged it."""
    lone_hub.server.kubectl("wait", f"--for=condition={condition}", "placement/theirs", "-n", namespace)
    found: dict[str, Any] = json.loads(
        lone_hub.server.kubectl("get", "placement", "theirs", "-n", namespace, "-o", "json")
    )
    return found


def test_a_typo_in_cel_is_refused_and_nothing_moves(
    hub: i4q.Hub, api: Api, lone_hub: LoneHub, samples: Samples
) -> None:
    deployment = hub.deploy(samples.one, to=WHERE)
    before = _everything(api, hub.namespace)
    api.create(_theirs(hub.namespace, 'managedCluster.metadata.name.startWith("c")'), deadline=_soon())
    typo = _decided(lone_hub, hub.namespace, "PlacementMisconfigured")
    assert typo["status"].get("numberOfSelectedClusters", 0) == 0, "the scheduler takes it for one that selects nobody"
    with pytest.raises(RuleError, match=r"celExpressions\[0\]"):
        hub.deploy(samples.two, to=read_placement(typo))
    after = _everything(api, hub.namespace)
    assert after.pop("Placement theirs")
    assert after == before
    assert {row.cluster: row.desired for row in deployment.status().clusters} == dict.fromkeys(
        CLUSTERS, samples.one.digest
    )
    written = 'managedCluster.metadata.name in ["c1"]'
    api.replace({**typo, "spec": _theirs(hub.namespace, written)["spec"]}, deadline=_soon())
    right = _decided(lone_hub, hub.namespace, "PlacementSatisfied")
    hub.deploy(samples.two, to=read_placement(right), allow_eviction=True)
    assert [row.cluster for row in deployment.status().clusters if row.desired == samples.two.digest] == ["c1"]
    api.delete("Placement", hub.namespace, "theirs", deadline=_soon())


def test_a_set_that_is_not_there_is_refused_by_name(
    hub: i4q.Hub, api: Api, lone_hub: LoneHub, samples: Samples, tmp_path: Path
) -> None:
    hub.deploy(samples.one, to=WHERE)
    before = _everything(api, hub.namespace)
    (tmp_path / "typo").mkdir()
    with (
        _open(lone_hub, tmp_path / "typo", hub.namespace, sets=("globl",)) as typo,
        pytest.raises(RuleError, match=r"no ManagedClusterSet 'globl'.*global"),
    ):
        typo.deploy(samples.one, to=WHERE, name="another")
    assert _everything(api, hub.namespace) == before


def test_a_placement_of_somebody_else_is_left_alone(hub: i4q.Hub, api: Api, samples: Samples) -> None:
    hub.deploy(samples.one, to=WHERE)
    name = names.order(hub.namespace, "another")
    theirs = _theirs(hub.namespace, "true")
    theirs["metadata"]["name"] = name
    made = api.create(theirs, deadline=_soon())
    before = _everything(api, hub.namespace)
    with pytest.raises(OwnedError, match=name):
        hub.deploy(samples.one, to=WHERE, name="another")
    assert _everything(api, hub.namespace) == before
    api.delete("Placement", hub.namespace, name, uid=made["metadata"]["uid"], deadline=_soon())


def test_a_namespace_without_room_for_names_is_refused_before_it_is_made(
    lone_hub: LoneHub, api: Api, samples: Samples, tmp_path: Path
) -> None:
    long = "n" * 50
    with _open(lone_hub, tmp_path, long) as hub, pytest.raises(InvalidError, match="46 characters at most"):
        hub.deploy(samples.one, to=WHERE)
    assert api.get("Namespace", None, long, deadline=_soon()) is None
