"""Works: what a cluster is told, as a ManifestWork of its own or as the template of a ManifestWorkReplicaSet."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from i4q_ai.errors import InvalidError
from i4q_ai.manifests import Object
from i4q_ai_ocm.translate import ordering, reporting, sizes
from i4q_ai_ocm.translate.about import NOTHING, metadata
from i4q_ai_ocm.translate.sizes import split

__all__ = ["FIELD_MANAGER", "is_orphaned", "orphan", "replica_set", "split", "template", "work"]

FIELD_MANAGER = "work-agent-i4q"
"""Who owns the fields at the edge: the work agent in our name, so that what others apply is told apart."""

_GROUP = "work.open-cluster-management.io"
_APPLY: dict[str, Any] = {
    "type": "ServerSideApply",
    "serverSideApply": {"fieldManager": FIELD_MANAGER, "force": True},
}
_ORPHAN = {"propagationPolicy": "Orphan"}
_CREATE: dict[str, Any] = {"type": "CreateOnly"}
ALL_AT_ONCE: Mapping[str, Any] = MappingProxyType(
    {"type": "All", "all": {"progressDeadline": "None", "minSuccessTime": "0", "maxFailures": 0}}
)


def template(manifests: Iterable[Object], *, watch: bool = True) -> dict[str, Any]:
    """The spec of a work: manifests in the order in which they are applied, and what is reported of them.

    The namespaces that they lie in come first; they are made where they are missing, and never deleted. All else is
    applied by the server side with force: a conflict would stop a roll-out, and only what is ours is in there. No
    default is left to the hub, so that what is there can be compared with what is wanted.

    Args:
        manifests: of one deployment; references, never weights.
        watch: the work agent watches what reports; else it asks now and then.

    Raises:
        InvalidError: there are none, or more than one work holds: `split` them.
        UnsupportedError: a kind that is never delivered by works.
    """
    found = ordering.with_namespaces(list(manifests))
    if not found:
        raise InvalidError("a work without manifests", hint="delete it instead")
    if not sizes.fits(found):
        raise sizes.too_large(found)
    rules = reporting.conditions(found)
    configs = [_config(each, rules.get(place, []), watch=watch) for place, each in enumerate(found)]
    return {
        "workload": {"manifests": found},
        "deleteOption": _keeping_namespaces(found),
        "manifestConfigs": configs,
    }


def work(
    cluster: str,
    name: str,
    manifests: Iterable[Object],
    *,
    labels: Mapping[str, str] = NOTHING,
    annotations: Mapping[str, str] = NOTHING,
    watch: bool = True,
) -> dict[str, Any]:
    """The ManifestWork of one cluster.

    Args:
        cluster: its name, and so the namespace.
        name: of the work.
        manifests, watch: as of `template`.
        labels, annotations: of the work.

    Raises:
        InvalidError, UnsupportedError: as `template`.
    """
    return {
        "apiVersion": f"{_GROUP}/v1",
        "kind": "ManifestWork",
        "metadata": metadata(cluster, name, labels, annotations),
        "spec": template(manifests, watch=watch),
    }


def replica_set(
    namespace: str,
    name: str,
    placement_name: str,
    manifests: Iterable[Object],
    *,
    rollout: Mapping[str, Any] = ALL_AT_ONCE,
    labels: Mapping[str, str] = NOTHING,
    annotations: Mapping[str, str] = NOTHING,
    watch: bool = True,
) -> dict[str, Any]:
    """The ManifestWorkReplicaSet that has the hub make a work on every cluster of a Placement.

    Args:
        namespace, name: of it; the name is that of the works, too.
        placement_name: of a Placement in the same namespace.
        manifests, watch: as of `template`.
        rollout: its strategy; as `rollouts.progressive` makes it, or all at once.
        labels, annotations: of it; the works have the labels, too.

    Raises:
        InvalidError, UnsupportedError: as `template`.
    """
    return {
        "apiVersion": f"{_GROUP}/v1alpha1",
        "kind": "ManifestWorkReplicaSet",
        "metadata": metadata(namespace, name, labels, annotations),
        "spec": {
            "placementRefs": [{"name": placement_name, "rolloutStrategy": copy.deepcopy(dict(rollout))}],
            "cascadeDeletionPolicy": "Background",
            "manifestWorkTemplate": template(manifests, watch=watch),
        },
    }


def orphan(found: Mapping[str, Any]) -> dict[str, Any]:
    """A ManifestWork or ManifestWorkReplicaSet that leaves everything where it is when it goes.

    For handing over: the old one is made an orphan, the new one adopts what lies there, and the old one is deleted.
    """
    left = copy.deepcopy(dict(found))
    _spec(left)["deleteOption"] = dict(_ORPHAN)
    return left


def is_orphaned(found: Mapping[str, Any]) -> bool:
    """Whether a ManifestWork or ManifestWorkReplicaSet leaves everything where it is when it goes."""
    return (_spec(found).get("deleteOption") or {}).get("propagationPolicy") == _ORPHAN["propagationPolicy"]


def _spec(found: Mapping[str, Any]) -> dict[str, Any]:
    """The spec of the works, which in a replica set is the template."""
    spec: dict[str, Any] = found["spec"]
    return spec["manifestWorkTemplate"] if found["kind"] == "ManifestWorkReplicaSet" else spec


def _keeping_namespaces(manifests: Iterable[Object]) -> dict[str, Any]:
    rules = [ordering.resource(each) for each in manifests if each["kind"] == "Namespace"]
    return {"propagationPolicy": "SelectivelyOrphan", "selectivelyOrphans": {"orphaningRules": rules}}


def _config(manifest: Object, rules: list[dict[str, Any]], *, watch: bool) -> dict[str, Any]:
    """How one manifest is applied and what is reported of it.

    Each manifest has exactly one: where several fit, OCM takes some fields from the first and others from the last.
    """
    found: dict[str, Any] = {
        "resourceIdentifier": ordering.resource(manifest),
        "updateStrategy": copy.deepcopy(_CREATE if manifest["kind"] == "Namespace" else _APPLY),
        "feedbackScrapeType": "Poll",
    }
    asked = reporting.feedback(manifest)
    if asked:
        found |= {"feedbackRules": asked, "feedbackScrapeType": "Watch" if watch else "Poll"}
    if rules:
        found["conditionRules"] = rules
    return found
