"""The inventory as somebody writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.cluster import Cluster, Taint
from i4q_ai.errors import NotFoundError, SchemaError
from i4q_ai.manifests import Storage
from i4q_ai_kubectl.inventory import Claim, Entry, Home, Inventory, read
from tests.unit import things

HEAD = "apiVersion: i4q-ai/v1\nkind: Inventory\n"
WRITTEN = (
    HEAD
    + """
home: {kubeconfig: ~/.kube/config, context: hub}
image: registry.example/i4q/edge@sha256:1
plainHTTP: [registry.plant:5000]
clusters:
  - name: edge-1
    context: edge-1
    namespace: factory
    labels: {line: cnc}
    claims: {serial: "007"}
    taints: [{key: maintenance, effect: NoSelectIfNew}]
    imageVolumes: true
    pullSecrets: [registry]
    plainHTTP: []
    storage: {size: 2Gi, storageClass: fast, access: ReadWriteMany}
    replicas: 2
  - name: edge-2
    kubeconfig: edge-2.kubeconfig
"""
)


def test_what_somebody_writes() -> None:
    inventory = Inventory.from_yaml(WRITTEN)
    assert inventory.names == ("edge-1", "edge-2")
    assert inventory.home_access() == Home(kubeconfig="~/.kube/config", context="hub", namespace="i4q")
    first, second = inventory.clusters
    assert first.cluster() == Cluster(
        name="edge-1", labels={"line": "cnc"}, claims={"serial": "007"},
        taints=(Taint(key="maintenance", effect="NoSelectIfNew"),),
    )  # fmt: skip
    assert first.storage is not None
    assert first.storage.storage() == Storage("2Gi", "fast", "ReadWriteMany")
    assert (first.image_volumes, first.plain_http, first.pull_secrets) == (True, (), ("registry",))
    assert (second.image_volumes, second.plain_http, second.replicas) == (None, None, 1)
    assert Inventory.from_yaml(inventory.to_yaml()) == inventory


entries = st.builds(
    Entry,
    name=things.names, kubeconfig=st.none() | things.any_text, context=st.none() | things.any_text,
    namespace=st.none() | things.names, labels=things.labels, taints=st.lists(things.taints, max_size=1).map(tuple),
    image_volumes=st.none() | st.booleans(), pull_secrets=st.lists(things.names, max_size=2).map(tuple),
    plain_http=st.none() | st.just(()) | st.just(("registry.plant:5000",)),
    storage=st.none() | st.builds(Claim, size=st.just("1Gi"), storage_class=st.none() | things.names),
    replicas=st.integers(1, 100),
)  # fmt: skip
inventories = st.builds(
    Inventory,
    home=st.builds(Home, context=st.none() | things.any_text, namespace=things.names),
    clusters=st.lists(entries, max_size=3, unique_by=lambda entry: entry.name).map(tuple),
    image=st.none() | things.references,
)


@given(inventories)
def test_a_file_loses_nothing(inventory: Inventory) -> None:
    assert Inventory.from_yaml(inventory.to_yaml()) == inventory


def test_home_may_be_one_of_the_clusters() -> None:
    inventory = Inventory(home="edge-1", clusters=(Entry(name="edge-1", context="e", namespace="ai"),))
    assert inventory.home_access() == Home(context="e", namespace="ai")
    assert inventory.replace(clusters=(Entry(name="edge-1"),)).home_access() == Home(namespace="i4q")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"clusters": []}, "home: "),
        ({"home": "edge-9", "clusters": [{"name": "edge-1"}]}, "home is 'edge-9', which is no cluster"),
        ({"home": {}, "clusters": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}, "cluster 'a' stands twice"),
        ({"home": {}, "cluster": []}, "unknown field 'cluster'; did you mean 'clusters'?"),
        ({"home": {}, "clusters": [{"name": "a", "lables": {}}]}, "did you mean 'labels'?"),
        ({"home": {}, "clusters": [{"name": "Edge 1"}]}, "clusters.0.name: 'Edge 1' is no name"),
        ({"home": {}, "clusters": [{"name": "a", "replicas": 0}]}, "clusters.0.replicas: "),
        ({"home": {}, "clusters": [{"name": "a", "labels": {"a b": "c"}}]}, "is no label key"),
        ({"home": {}, "clusters": [{"name": "a", "storage": {}}]}, "clusters.0.storage.size: "),
    ],
)
def test_what_is_no_inventory_is_refused_with_the_path(data: dict[str, Any], reason: str) -> None:
    with pytest.raises(SchemaError) as told:
        Inventory.parse(data)
    assert reason in str(told.value)


def test_a_cluster_that_is_not_there_suggests_the_nearest() -> None:
    with pytest.raises(NotFoundError, match=r"no cluster 'egde-1' in the inventory .*did you mean 'edge-1'"):
        Inventory.from_yaml(WRITTEN).entry("egde-1")


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "clusters.yaml"
    with pytest.raises(NotFoundError, match=r"there is no inventory .*i4q cluster import"):
        read(path)
    path.write_text(WRITTEN)
    assert read(path) == Inventory.from_yaml(WRITTEN)


def test_broken_yaml_is_told_with_file_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "clusters.yaml"
    path.write_text(HEAD + "home: {}\nclusters:\n  - name: a\n   context: b\n")
    with pytest.raises(SchemaError, match=rf"{path}: line 6, column 4: "):
        read(path)
    path.write_text(HEAD + "home: {}\nhome: {}\n")
    with pytest.raises(SchemaError, match=r"line 4, column 1: the key 'home' stands twice"):
        read(path)
