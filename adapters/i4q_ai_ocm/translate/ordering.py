"""Which kinds travel in a work, how OCM calls them, and the order in which they are applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from i4q_ai import manifests
from i4q_ai.errors import UnsupportedError, nearest
from i4q_ai.manifests import Object

_PLURALS = {
    "Namespace": "namespaces",
    "ServiceAccount": "serviceaccounts",
    "Role": "roles",
    "RoleBinding": "rolebindings",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "ConfigMap": "configmaps",
    "Service": "services",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "Deployment": "deployments",
}


def in_order(objects: Iterable[Object]) -> list[Object]:
    """Objects in the order in which they are applied; OCM keeps to the order of the list.

    Raises:
        UnsupportedError: a kind that is never delivered by works.
    """
    found = list(objects)
    for each in found:
        _plural(each)
    return manifests.in_order(found)


def with_namespaces(objects: Sequence[Object]) -> list[Object]:
    """Objects in order, and before them the namespaces that they lie in."""
    known = {each["metadata"]["name"] for each in objects if each["kind"] == "Namespace"}
    return in_order([*(each for each in namespaces(objects) if each["metadata"]["name"] not in known), *objects])


def namespaces(objects: Iterable[Object]) -> list[Object]:
    """The namespaces that objects lie in."""
    lie = {each["metadata"]["namespace"] for each in objects if each["kind"] != "Namespace"}
    return [namespace(name) for name in sorted(lie)]


def namespace(name: str) -> Object:
    """A namespace with nothing of ours on it, for it may be somebody else's."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def resource(manifest: Object) -> dict[str, str]:
    """How OCM identifies the object of a manifest."""
    group, _, _ = manifest["apiVersion"].rpartition("/")
    metadata = manifest["metadata"]
    found = {"group": group, "resource": _plural(manifest), "name": metadata["name"]}
    return {**found, "namespace": metadata["namespace"]} if "namespace" in metadata else found


def _plural(manifest: Object) -> str:
    kind = manifest["kind"]
    if kind not in _PLURALS:
        raise UnsupportedError(f"a {kind} is not delivered by works; {nearest(kind, _PLURALS)}")
    return _PLURALS[kind]
