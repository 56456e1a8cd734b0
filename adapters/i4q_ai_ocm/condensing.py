"""What is kept of objects of which a hub has thousands: what is looked at; what they have in common, once. Pure.

Nothing that is kept may be changed, or written back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from sys import intern
from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType, field, structs

from i4q_ai.kube.shapes import Shape
from i4q_ai.manifests import Object
from i4q_ai_ocm import feedback, managed
from i4q_ai_ocm.feedback import Reported

_ALIKE = 1024
"""How many texts that many objects have in common are read but once."""
_NOTHING = Raw(b"null")


class _Metadata(Struct):
    name: str
    namespace: str | UnsetType = UNSET
    uid: str | UnsetType = UNSET
    resourceVersion: str | UnsetType = UNSET  # noqa: N815 - as the hub calls it, and so on
    generation: int | UnsetType = UNSET
    labels: dict[str, str] | UnsetType | None = UNSET
    annotations: dict[str, str] | UnsetType | None = UNSET
    deletionTimestamp: str | UnsetType = UNSET  # noqa: N815

    def kept(self, *, without: tuple[str, ...] = ()) -> Object:
        """What is there, texts that others have as well once."""
        found = {
            name: value for name, value in structs.asdict(self).items() if value is not UNSET and name not in without
        }
        for name in {"labels", "annotations"} & found.keys():
            found[name] = {intern(key): intern(value) for key, value in (found[name] or {}).items()}
        return found


class _Condition(Struct):
    type: str
    status: str
    reason: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    lastTransitionTime: str | UnsetType = UNSET  # noqa: N815
    observedGeneration: int | UnsetType = UNSET  # noqa: N815

    def kept(self) -> Object:
        """The same dictionary for all that say the same."""
        return _condition(
            self.type, self.status, self.reason, self.message, self.lastTransitionTime, self.observedGeneration
        )


class _Manifest(Struct):
    resourceMeta: dict[str, Any]  # noqa: N815
    conditions: list[_Condition] | None = None
    statusFeedback: Raw = _NOTHING  # noqa: N815

    def reported(self) -> Reported:
        """What the object says; of thousands that say the same, one is kept."""
        about = self.resourceMeta
        return _said(about.get("kind", ""), about.get("name", ""), bytes(self.statusFeedback))


class _Resources(Struct):
    manifests: list[_Manifest] | None = None


class _WorkStatus(Struct):
    conditions: list[_Condition] | None = None
    resourceStatus: _Resources | None = None  # noqa: N815

    def manifests(self) -> list[_Manifest]:
        """What is said of each object."""
        return (self.resourceStatus.manifests if self.resourceStatus else None) or []


class _Work(Struct):
    metadata: _Metadata
    spec: Raw = _NOTHING
    status: _WorkStatus | None = None


class _ClusterStatus(Struct):
    conditions: list[_Condition] | None = None
    clusterClaims: Raw | UnsetType = UNSET  # noqa: N815
    allocatable: Raw | UnsetType = UNSET
    capacity: Raw | UnsetType = UNSET
    version: Raw | UnsetType = UNSET


class _Cluster(Struct):
    metadata: _Metadata
    spec: Raw = _NOTHING
    status: _ClusterStatus = field(default_factory=_ClusterStatus)


def _work(found: _Work) -> Object:
    """A ManifestWork with what statuses are made from."""
    status = found.status or _WorkStatus()
    manifests = status.manifests()
    return {
        "apiVersion": "work.open-cluster-management.io/v1",
        "kind": "ManifestWork",
        "metadata": {"annotations": {}, **found.metadata.kept()},
        "spec": _spec(bytes(found.spec)),
        "status": {
            "conditions": [each.kept() for each in status.conditions or ()],
            "resourceStatus": {"manifests": [*_refused(manifests)]},
        },
        feedback.READ: [each.reported() for each in manifests],
    }


def _refused(manifests: list[_Manifest]) -> Iterator[Object]:
    """The objects that could not be applied, with the condition that says why."""
    for manifest in manifests:
        why = [each for each in manifest.conditions or () if each.type == "Applied" and each.status == "False"]
        if why:
            yield {"resourceMeta": manifest.resourceMeta, "conditions": [each.kept() for each in why]}


def _cluster(found: _Cluster) -> Object:
    """A ManagedCluster with what placements and statuses are made from."""
    told = found.status
    parts = {name: getattr(told, name) for name in ("clusterClaims", "allocatable", "capacity", "version")}
    status = {name: _alike(bytes(raw)) for name, raw in parts.items() if raw is not UNSET}
    conditions = [each.kept() for each in told.conditions or () if each.type == managed.AVAILABLE]
    return {
        "apiVersion": "cluster.open-cluster-management.io/v1",
        "kind": "ManagedCluster",
        "metadata": found.metadata.kept(without=("namespace", "uid", "generation", "annotations")),
        "spec": _alike(bytes(found.spec)) or {},
        "status": {**status, "conditions": conditions},
    }


work = Shape(_Work, _work)
"""Keeps of a ManifestWork what statuses are made from."""
cluster = Shape(_Cluster, _cluster)
"""Keeps of a ManagedCluster what placements and statuses are made from."""


@lru_cache(maxsize=_ALIKE)
def _alike(raw: bytes) -> Any:
    return json.loads(raw)


@lru_cache(maxsize=_ALIKE)
def _said(kind: str, name: str, raw: bytes) -> Reported:
    return feedback.said(kind, name, (json.loads(raw) or {}).get("values") or ())


@lru_cache(maxsize=_ALIKE)
def _condition(*values: Any) -> Object:
    return {name: value for name, value in zip(_Condition.__struct_fields__, values, strict=True) if value is not UNSET}


@lru_cache(maxsize=64)
def _spec(raw: bytes) -> Object:
    """Whether it is an orphan, and what was sent of what the status compares."""
    spec = json.loads(raw) or {}
    sent = [
        {"kind": each["kind"], "metadata": {"name": each["metadata"]["name"]}, "spec": {"replicas": replicas}}
        for each in (spec.get("workload") or {}).get("manifests") or ()
        if (replicas := (each.get("spec") or {}).get("replicas")) is not None
    ]
    orphaned = (spec.get("deleteOption") or {}).get("propagationPolicy", "")
    return {"workload": {"manifests": sent}, "deleteOption": {"propagationPolicy": orphaned}}
