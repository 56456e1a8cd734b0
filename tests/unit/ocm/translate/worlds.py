"""Random rules and clusters, the managed clusters that they are on a hub, and what predicates select of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from i4q_ai.cluster import Cluster
from i4q_ai.placing import cel
from i4q_ai.placing.rules import (
    AllOf,
    AnyOf,
    AnyRule,
    ClaimRule,
    KubeVersionRule,
    LabelRule,
    NameRule,
    Order,
    ResourceRule,
)
from i4q_ai_ocm.translate import placements

KEYS = ("line", "gpu", "example.com/stage", "a..b/c")
"""The last one is beyond the grammar of Kubernetes, though not of ours."""
VALUES = ("", "cnc", "4711", "x.Y_z-1")
CLAIMS = ("id.k8s.io", "serial number", "π")
CLAIMED = ("a", "b c", "über", 'q"\\', "x" * 64, "line\nbreak", "😀")
RESOURCES = ("cpu", "memory", "nvidia.com/gpu")
AMOUNTS = ("0", "500m", "4", "0.5", "1e3", "1Gi", "1.5Gi", "1073741824", "2E", "1n")
VERSIONS = ("v1.33.0", "v1.34.2", "v1.34.2-rc.1", "v1.34.2-alpha.10", "1.34.2+k3s1", "v1.35.0-eks-1", "v2.0.10")
ASKED_VERSIONS = (*VERSIONS, "1.34", "v1", "1.34-beta")
NAMES = ("edge-1", "edge-2", "edge-3")
ORDERS = ("==", "!=", ">=", ">", "<=", "<")

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVERYTHING: list[dict[str, Any]] = [
    {
        "apiVersion": "cluster.open-cluster-management.io/v1beta2",
        "kind": "ManagedClusterSet",
        "metadata": {"name": "all"},
        "spec": {"clusterSelector": {"selectorType": "LabelSelector", "labelSelector": {}}},
    },
    placements.binding("ai", "all"),
]
"""A set of all clusters, from which Placements of the namespace `ai` choose."""


def chosen(decided: Mapping[str, Any]) -> list[str]:
    """The clusters of what a scheduler decided."""
    return [each["clusterName"] for part in decided["decisions"] for each in part["status"]["decisions"]]


def _selectors(kind: type[LabelRule] | type[ClaimRule], field: str, keys: Sequence[str], values: Sequence[str]) -> Any:
    key = st.sampled_from(keys)
    some = st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True).map(tuple)
    return st.builds(
        lambda key, operator, values: kind(**{field: key}, operator=operator, values=values),
        key, st.sampled_from(("In", "NotIn")), some,
    ) | st.builds(
        lambda key, operator: kind(**{field: key}, operator=operator), key, st.sampled_from(("Exists", "DoesNotExist"))
    )  # fmt: skip


def leaves() -> st.SearchStrategy[AnyRule]:
    """Rules of every kind that has no parts."""
    orders = st.sampled_from(ORDERS)
    names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2, unique=True).map(tuple)
    return st.one_of(
        _selectors(LabelRule, "label", KEYS, VALUES),
        _selectors(ClaimRule, "claim", CLAIMS, CLAIMED),
        st.builds(ResourceRule, resource=st.sampled_from(RESOURCES), operator=orders, value=st.sampled_from(AMOUNTS)),
        st.builds(_kube_version, st.sampled_from(ASKED_VERSIONS), orders),
        st.builds(NameRule, clusters=names),
    )


def _kube_version(version: str, operator: Order) -> KubeVersionRule:
    return KubeVersionRule(version=version, operator=operator)


def rules() -> st.SearchStrategy[AnyRule]:
    """Rules of every kind."""

    def composed(inner: st.SearchStrategy[AnyRule]) -> st.SearchStrategy[AnyRule]:
        parts = st.lists(inner, min_size=1, max_size=4).map(tuple)
        return st.builds(AllOf, all=parts) | st.builds(AnyOf, any=parts) | inner.map(lambda rule: ~rule)

    return st.recursive(leaves(), composed, max_leaves=12)


def clusters() -> st.SearchStrategy[Cluster]:
    """Clusters on which much is missing."""

    def some(keys: Sequence[str], values: Sequence[str]) -> st.SearchStrategy[dict[str, str]]:
        return st.dictionaries(st.sampled_from(keys), st.sampled_from(values), max_size=3)

    return st.builds(
        Cluster,
        name=st.sampled_from(NAMES),
        labels=some(KEYS, VALUES),
        claims=some(CLAIMS, CLAIMED),
        resources=some(RESOURCES, AMOUNTS),
        kube_version=st.none() | st.sampled_from(VERSIONS),
    )


def managed(cluster: Cluster) -> dict[str, Any]:
    """The ManagedCluster that a cluster is on a hub; what is empty is not there."""
    status: dict[str, Any] = {}
    if cluster.claims:
        status["clusterClaims"] = [{"name": name, "value": value} for name, value in cluster.claims.items()]
    if cluster.resources:
        status["allocatable"] = dict(cluster.resources)
    if cluster.kube_version:
        status["version"] = {"kubernetes": cluster.kube_version}
    metadata: dict[str, Any] = {"name": cluster.name}
    if cluster.labels:
        metadata["labels"] = dict(cluster.labels)
    return {
        "apiVersion": "cluster.open-cluster-management.io/v1",
        "kind": "ManagedCluster",
        "metadata": metadata,
        **({"status": status} if status else {}),
    }


def selects(predicates: Sequence[Mapping[str, Any]], cluster: Mapping[str, Any]) -> bool:
    """Whether predicates select a managed cluster, as OCM defines it."""
    return not predicates or any(_selected(each["requiredClusterSelector"], cluster) for each in predicates)


def _selected(selector: Mapping[str, Any], cluster: Mapping[str, Any]) -> bool:
    claims = {each["name"]: each["value"] for each in cluster.get("status", {}).get("clusterClaims", ())}
    return (
        _meets(selector.get("labelSelector", {}), cluster["metadata"].get("labels", {}))
        and _meets(selector.get("claimSelector", {}), claims)
        and all(
            cel.compile(text).matches(cluster) for text in selector.get("celSelector", {}).get("celExpressions", ())
        )
    )


def _meets(selector: Mapping[str, Any], there: Mapping[str, str]) -> bool:
    return all(there.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        _meets_one(each, there) for each in selector.get("matchExpressions", ())
    )


def _meets_one(requirement: Mapping[str, Any], there: Mapping[str, str]) -> bool:
    key, values = requirement["key"], requirement.get("values", ())
    match requirement["operator"]:
        case "In":
            return key in there and there[key] in values
        case "NotIn":
            return key not in there or there[key] not in values
        case "Exists":
            return key in there
    return key not in there
