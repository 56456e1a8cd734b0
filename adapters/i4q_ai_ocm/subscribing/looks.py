"""Looks: works that change nothing at the edge, and report what its agent says of a Subscription. Pure.

The hub's own reports say `deployed` or `failed`, not of which commit and not why. What an agent writes beside its
Subscription says both, and a work of strategy ReadOnly brings it to the hub.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from i4q_ai_ocm.subscribing.things import GROUP
from i4q_ai_ocm.translate.about import NOTHING, metadata
from i4q_ai_ocm.translate.works import ALL_AT_ONCE

Object = dict[str, Any]

_FIELDS = {
    "Subscription": {
        "phase": ".status.phase",
        "reason": ".status.reason",
        "message": ".status.message",
        "time": ".status.lastUpdateTime",
        "refreshed": f".metadata.annotations.{GROUP.replace('.', chr(92) + '.')}/manual-refresh-time",
    },
    "SubscriptionStatus": {
        "overall": ".statuses.subscription.phase",
        "why": ".statuses.subscription.message",
        "applied": ".statuses.packages[*].lastUpdateTime",
        "failed": '.statuses.packages[?(@.phase=="Failed")].message',
        "package": '.statuses.packages[?(@.phase=="Failed")].name',
        "kind": '.statuses.packages[?(@.phase=="Failed")].kind',
    },
}
"""Kind → what is reported of it; of a list the first."""


def look(
    namespace: str,
    name: str,
    placement: str,
    subscription: str,
    *,
    labels: Mapping[str, str] = NOTHING,
    annotations: Mapping[str, str] = NOTHING,
) -> Object:
    """The ManifestWorkReplicaSet that looks at one Subscription on every cluster of a Placement.

    Args:
        namespace: of all of them.
        name: of the replica set.
        placement, subscription: their names.
        labels, annotations: of the replica set; its works have the labels, too.
    """
    seen = [
        _subject(f"{GROUP}/v1", "Subscription", namespace, subscription, {"channel": "none/none"}),
        _subject(f"{GROUP}/v1alpha1", "SubscriptionStatus", namespace, subscription),
    ]
    template = {
        "workload": {"manifests": seen},
        "deleteOption": {"propagationPolicy": "Orphan"},
        "manifestConfigs": [_config(each) for each in seen],
    }
    return {
        "apiVersion": "work.open-cluster-management.io/v1alpha1",
        "kind": "ManifestWorkReplicaSet",
        "metadata": metadata(namespace, name, labels, annotations),
        "spec": {
            "placementRefs": [{"name": placement, "rolloutStrategy": dict(ALL_AT_ONCE)}],
            "cascadeDeletionPolicy": "Background",
            "manifestWorkTemplate": template,
        },
    }


def _subject(version: str, kind: str, namespace: str, name: str, spec: Mapping[str, Any] | None = None) -> Object:
    about = {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}}
    return {**about, "spec": dict(spec)} if spec else about


def _config(subject: Mapping[str, Any]) -> Object:
    kind, about = subject["kind"], subject["metadata"]
    plural = {"Subscription": "subscriptions", "SubscriptionStatus": "subscriptionstatuses"}[kind]
    paths = [{"name": name, "path": path} for name, path in _FIELDS[kind].items()]
    return {
        "resourceIdentifier": {"group": GROUP, "resource": plural, **about},
        "updateStrategy": {"type": "ReadOnly"},
        "feedbackRules": [{"type": "JSONPaths", "jsonPaths": paths}],
        "feedbackScrapeType": "Watch",
    }


def said(works: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What the works of one cluster report; empty where nothing is."""
    found: dict[str, str] = {}
    for work in works:
        for manifest in ((work.get("status") or {}).get("resourceStatus") or {}).get("manifests") or ():
            for each in (manifest.get("statusFeedback") or {}).get("values") or ():
                found[each["name"]] = str(each["fieldValue"].get("string", ""))
    return found
