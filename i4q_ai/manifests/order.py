"""The order in which objects can safely be applied, and taken away the other way round."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Object = dict[str, Any]

ORDER = (
    "Namespace",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "PersistentVolumeClaim",
    "ConfigMap",
    "Service",
    "PodDisruptionBudget",
    "Deployment",
)
"""Kinds, each after what it needs; what runs comes last."""


def in_order(objects: Iterable[Object]) -> list[Object]:
    """Objects in the order in which they are applied."""
    return sorted(objects, key=lambda each: (ORDER.index(each["kind"]), each["metadata"]["name"]))


def key_of(found: Object) -> tuple[str, str]:
    """Kind and name: what an object is called within its namespace."""
    return found["kind"], found["metadata"]["name"]
