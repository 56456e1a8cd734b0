"""Open Cluster Management as it is: real controllers, real agents, a real lease."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.testbed.edge import Edge
from tests.testbed.kinds import apply, namespace
from tests.testbed.ocm import CLUSTER_SET, Management
from tests.testbed.pause import PAUSE
from tests.testbed.processes import wait_until
from tests.testbed.programs import control_plane

_AVAILABLE = "condition=ManagedClusterConditionAvailable"
_SOON = "--timeout=120s"
_PLACING, _WORKING = "cluster.open-cluster-management.io", "work.open-cluster-management.io"
_LABEL = "line"


@pytest.fixture
def edge(ocm_plant: Management) -> Iterator[Edge]:
    """An edge that a test may cut off; afterwards it is available again."""
    edge = ocm_plant.edges["edge-1"]
    yield edge
    ocm_plant.join(edge.name)


def test_every_edge_has_joined_by_an_agent_of_its_own(ocm_plant: Management) -> None:
    for name in ocm_plant.edges:
        cluster = _get(ocm_plant, "managedcluster", name)
        true = {each["type"] for each in cluster["status"]["conditions"] if each["status"] == "True"}
        assert true >= {"HubAcceptedManagedCluster", "ManagedClusterJoined", "ManagedClusterConditionAvailable"}
        assert cluster["status"]["version"]["kubernetes"] == "v1.34.4"
        assert "memory" in cluster["status"]["allocatable"]  # of its node
    lease = _get(ocm_plant, "lease", "managed-cluster-lease", "-n", "edge-1")
    assert lease["spec"]["renewTime"]


def test_an_agent_may_see_the_works_of_its_own_cluster_only(ocm_plant: Management) -> None:
    kubeconfig = ocm_plant.klusterlets["edge-1"].hub_kubeconfig
    asked = [*control_plane("kubectl"), f"--kubeconfig={kubeconfig}", "get", "manifestworks"]
    own = subprocess.run([*asked, "-n", "edge-1"], capture_output=True, text=True, timeout=120, check=False)
    others = subprocess.run([*asked, "-n", "edge-2"], capture_output=True, text=True, timeout=120, check=False)
    assert own.returncode == 0, own.stderr
    assert 'User "system:open-cluster-management:edge-1:' in others.stderr
    assert "forbidden" in others.stderr


def test_a_work_arrives_tells_of_itself_and_goes(ocm_plant: Management, ocm_namespace: str) -> None:
    edge = ocm_plant.edges["edge-2"]
    deployment = _deployment(ocm_namespace)
    watching = {
        "resourceIdentifier": {"group": "apps", "resource": "deployments", "namespace": ocm_namespace, "name": "word"},
        "feedbackRules": [{"type": "WellKnownStatus"}],
        "feedbackScrapeType": "Watch",
    }
    manifests = [namespace(ocm_namespace), _config_map(ocm_namespace, "one"), deployment]
    apply(ocm_plant.hub, _work(edge.name, ocm_namespace, {**_workload(*manifests), "manifestConfigs": [watching]}))

    _arrives(edge, ocm_namespace, "one")
    work = ["-n", edge.name, f"manifestwork/{ocm_namespace}", _SOON]
    ocm_plant.hub.kubectl("wait", "--for=condition=Available", *work)
    told = "{.status.resourceStatus.manifests[2].statusFeedback.values[?(@.name=='ReadyReplicas')].fieldValue.integer}"
    ocm_plant.hub.kubectl("wait", f"--for=jsonpath={told}=1", *work)
    edge.kubectl("scale", "deployment", "word", "-n", ocm_namespace, "--replicas=2")
    ocm_plant.hub.kubectl("wait", f"--for=jsonpath={told}=2", *work)

    ocm_plant.hub.kubectl("delete", "manifestwork", ocm_namespace, "-n", edge.name, _SOON)
    _goes(edge, ocm_namespace)


def test_a_replica_set_delivers_to_what_is_placed_and_follows_labels(
    ocm_plant: Management, ocm_namespace: str, labels: None
) -> None:
    _label(ocm_plant, "edge-1", ocm_namespace)
    apply(ocm_plant.hub, namespace(ocm_namespace))
    apply(ocm_plant.hub, *_placed(ocm_namespace, _workload(namespace(ocm_namespace), _config_map(ocm_namespace, "1"))))
    one, two = ocm_plant.edges["edge-1"], ocm_plant.edges["edge-2"]
    _arrives(one, ocm_namespace, "1")
    assert not _is_there(two, ocm_namespace)

    _label(ocm_plant, "edge-2", ocm_namespace)
    _label(ocm_plant, "edge-1", None)
    _arrives(two, ocm_namespace, "1")
    _goes(one, ocm_namespace)


def test_an_edge_that_is_cut_off_is_unreachable_until_it_is_back(
    ocm_plant: Management, edge: Edge, ocm_namespace: str
) -> None:
    ocm_plant.cut(edge.name)
    taint = "{.spec.taints[0].key}=cluster.open-cluster-management.io/unreachable"
    _wait_for(ocm_plant, f"jsonpath={taint}", edge.name)
    apply(
        ocm_plant.hub,
        _work(edge.name, ocm_namespace, _workload(namespace(ocm_namespace), _config_map(ocm_namespace, "1"))),
    )
    assert not _is_there(edge, ocm_namespace)
    _wait_for(ocm_plant, f"{_AVAILABLE}=True", "edge-2")  # nobody else

    ocm_plant.join(edge.name)
    _arrives(edge, ocm_namespace, "1")
    wait_until(lambda: "taints" not in _get(ocm_plant, "managedcluster", edge.name)["spec"], what="the taint is gone")


@pytest.fixture
def labels(ocm_plant: Management) -> Iterator[None]:
    """Takes the label from all clusters in the end."""
    yield
    for name in ocm_plant.edges:
        _label(ocm_plant, name, None)


def _label(plant: Management, cluster: str, value: str | None) -> None:
    change = f"{_LABEL}={value}" if value else f"{_LABEL}-"
    plant.hub.kubectl("label", "managedcluster", cluster, "--overwrite", change)


def _placed(name: str, template: dict[str, Any]) -> list[dict[str, Any]]:
    """A replica set in its own namespace, for the clusters whose label is the name."""
    within = {"namespace": name, "name": name}
    chosen = {"requiredClusterSelector": {"labelSelector": {"matchLabels": {_LABEL: name}}}}
    return [
        {
            "apiVersion": f"{_PLACING}/v1beta2",
            "kind": "ManagedClusterSetBinding",
            "metadata": {"namespace": name, "name": CLUSTER_SET},
            "spec": {"clusterSet": CLUSTER_SET},
        },
        {
            "apiVersion": f"{_PLACING}/v1beta1",
            "kind": "Placement",
            "metadata": within,
            "spec": {"predicates": [chosen]},
        },
        {
            "apiVersion": f"{_WORKING}/v1alpha1",
            "kind": "ManifestWorkReplicaSet",
            "metadata": within,
            "spec": {
                "cascadeDeletionPolicy": "Background",
                "manifestWorkTemplate": template,
                "placementRefs": [{"name": name, "rolloutStrategy": {"type": "All"}}],
            },
        },
    ]


def _work(cluster: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    named = {"namespace": cluster, "name": name}
    return {"apiVersion": f"{_WORKING}/v1", "kind": "ManifestWork", "metadata": named, "spec": spec}


def _workload(*manifests: dict[str, Any]) -> dict[str, Any]:
    return {"workload": {"manifests": list(manifests)}}


def _config_map(where: str, said: str) -> dict[str, Any]:
    named = {"namespace": where, "name": "word"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": named, "data": {"said": said}}


def _deployment(where: str) -> dict[str, Any]:
    containers = [{"name": "c", "image": PAUSE}]
    pod = {
        "metadata": {"labels": {"app": "word"}},
        "spec": {"containers": containers, "terminationGracePeriodSeconds": 0},
    }
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "word"}}, "template": pod}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": where, "name": "word"},
        "spec": spec,
    }


def _arrives(edge: Edge, where: str, said: str) -> None:
    edge.kubectl("wait", "--for=create", f"namespace/{where}", _SOON)
    edge.kubectl("wait", "--for=create", "configmap/word", "-n", where, _SOON)
    edge.kubectl("wait", f"--for=jsonpath={{.data.said}}={said}", "configmap/word", "-n", where, _SOON)


def _goes(edge: Edge, where: str) -> None:
    edge.kubectl("wait", "--for=delete", "configmap/word", "-n", where, _SOON)


def _is_there(edge: Edge, where: str) -> bool:
    return bool(edge.kubectl("get", "configmap", "word", "-n", where, "--ignore-not-found", "-o", "name"))


def _wait_for(plant: Management, what: str, cluster: str) -> None:
    plant.hub.kubectl("wait", f"--for={what}", f"managedcluster/{cluster}", _SOON)


def _get(plant: Management, *what: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(plant.hub.kubectl("get", *what, "-o", "json"))
    return found
