"""Looks: works that change nothing at the edge, and report what its agent says of a Subscription. Pure.

The hub's own reports say `deployed` or `failed`, not of which commit and not why. What an agent writes beside its
Subscription says both, and a work of strategy ReadOnly brings it to the hub.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from i4q_ai_ocm.subscribing.things import GROUP
from i4q_ai_ocm.translate import ordering, reporting
from i4q_ai_ocm.translate.about import NOTHING, metadata
from i4q_ai_ocm.translate.works import ALL_AT_ONCE

Object = dict[str, Any]

REFERENCE = "reference"
"""Name of the value that is the reference by which a delivered object names its version."""
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
    delivered: Sequence[Object] = (),
    digest: str = "",
    labels: Mapping[str, str] = NOTHING,
    annotations: Mapping[str, str] = NOTHING,
) -> Object:
    """The ManifestWorkReplicaSet that looks at one Subscription on every cluster of a Placement.

    Args:
        namespace: of all of them.
        name: of the replica set.
        placement, subscription: their names.
        delivered: objects that the Subscription brings, which are looked at, too.
        digest: which tells their version, in one of their references.
        labels, annotations: of the replica set; its works have the labels, too.
    """
    seen = [
        _subject(f"{GROUP}/v1", "Subscription", namespace, subscription, {"channel": "none/none"}),
        _subject(f"{GROUP}/v1alpha1", "SubscriptionStatus", namespace, subscription),
    ]
    placed = [{**each, "metadata": {**each["metadata"], "namespace": namespace}} for each in delivered]
    rules = reporting.conditions(placed) if placed else {}
    template = {
        "workload": {"manifests": [*seen, *placed]},
        "manifestConfigs": [
            *(_config(each) for each in seen),
            *(_delivered(each, rules.get(place, []), digest) for place, each in enumerate(placed)),
        ],
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


def _delivered(manifest: Object, rules: list[Object], digest: str) -> Object:
    found: Object = {
        "resourceIdentifier": ordering.resource(manifest),
        "updateStrategy": {"type": "ReadOnly"},
        "feedbackScrapeType": "Poll",
    }
    asked = reporting.feedback(manifest)
    where = next(_paths(manifest, f"@{digest}"), None) if digest else None
    if where is not None:
        asked = asked or [{"type": "JSONPaths", "jsonPaths": []}]
        asked[0]["jsonPaths"].append({"name": REFERENCE, "path": where})
    if asked:
        found |= {"feedbackRules": asked, "feedbackScrapeType": "Watch"}
    return found | ({"conditionRules": rules} if rules else {})


def _paths(value: Any, ending: str, at: str = "") -> Iterator[str]:
    """Where a reference stands in an object, as JSONPath."""
    if isinstance(value, str) and value.endswith(ending):
        yield at
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _paths(each, ending, f"{at}.{key}")
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _paths(each, ending, f"{at}[{place}]")


def version_of(reference: str) -> tuple[str, str]:
    """Digest and version of `repository:version@digest`; empty where there is none."""
    where, _, digest = reference.rpartition("@")
    _, _, version = where.rpartition("/")[2].partition(":")
    return digest, version


def why(values: Iterable[Mapping[str, Any]]) -> str:
    """Why an agent could not deliver; empty where it could, or has not said.

    Args:
        values: what its Subscription and its SubscriptionStatus report.
    """
    told = {name: str(value) for each in values for name, value in each.items()}
    if told.get("failed"):
        return f"{told.get('kind', '')} '{told.get('package', '')}': {told['failed']}"
    if told.get("overall") == "Failed":
        return told.get("why") or "its agent does not say why"
    return (told.get("reason") or "its agent does not say why") if told.get("phase") == "Failed" else ""


def said(works: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What the works of one cluster report; empty where nothing is."""
    found: dict[str, str] = {}
    for work in works:
        for manifest in ((work.get("status") or {}).get("resourceStatus") or {}).get("manifests") or ():
            for each in (manifest.get("statusFeedback") or {}).get("values") or ():
                found[each["name"]] = str(each["fieldValue"].get("string", ""))
    return found
