"""Names, labels and annotations: by these our objects are found, told apart and left alone by others."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from i4q_ai.desired import Item
from i4q_ai.manifests.site import Site

MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGER = "i4q-ai"
APP = "app.kubernetes.io/name"
PART_OF = "app.kubernetes.io/part-of"
HUB = "i4q.ai/hub"
OWNER = "i4q.ai/owner"
NAMESPACE = "i4q.ai/namespace"
DEPLOYMENT = "i4q.ai/deployment"
KIND = "i4q.ai/kind"

DIGEST = "i4q.ai/digest"
VERSION = "i4q.ai/version"
REVISION = "i4q.ai/revision"
ITEM = "i4q.ai/item"
"""Annotation: the fingerprint of all that the cluster was told."""

_LONGEST = 63


def object_name(kind: str, name: str) -> str:
    """What the objects of a deployment are called: `model-wear`, `workload-line`.

    A name that would become too long is cut, and told apart by a hash.

    Example:
        >>> object_name("model", "tool-wear")
        'model-tool-wear'
    """
    return _fitting(f"{kind}-{name}")


def status_name(name: str) -> str:
    """The ConfigMap in which the edge agent beside a workload reports."""
    return _fitting(f"workload-{name}-status")


def selector(namespace: str | None = None, name: str | None = None, *, hub: str | None = None) -> dict[str, str]:
    """The labels by which our objects are found: all of a hub, or of one deployment."""
    found = {MANAGED_BY: MANAGER, HUB: hub, NAMESPACE: namespace, DEPLOYMENT: name}
    return {key: value for key, value in found.items() if value is not None}


def labels(item: Item, site: Site) -> dict[str, str]:
    """What every object of a deployment carries."""
    return {
        **selector(item.namespace, item.name, hub=site.hub),
        APP: item.name,
        KIND: item.kind,
        OWNER: _label_value(site.owner),
    }


def stamps(item: Item) -> dict[str, str]:
    """Which version of it an object is of."""
    return {
        DIGEST: item.digest,
        VERSION: item.version,
        REVISION: str(item.revision),
        ITEM: fingerprint(item),
    }


def pod_annotations(item: Item) -> dict[str, str]:
    """Which version a pod runs; without the revision, which may grow while nothing changes for the pod."""
    return {DIGEST: item.digest, VERSION: item.version}


def match(item: Item, site: Site) -> dict[str, str]:
    """The labels that lead a Service to its pods; a selector can never be changed, so they are few."""
    return selector(item.namespace, item.name, hub=site.hub)


@lru_cache(maxsize=1024)  # thousands of clusters are told the same few
def fingerprint(item: Item) -> str:
    """All that a cluster is told of an item, but for the revision it comes from, as 16 hex digits."""
    told = item.model_copy(update={"revision": 0}).model_dump_json()
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def _fitting(full: str) -> str:
    if len(full) <= _LONGEST:
        return full
    return f"{full[: _LONGEST - 9].rstrip('-')}-{hashlib.sha256(full.encode()).hexdigest()[:8]}"


def _label_value(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:_LONGEST].strip("-_.") or "unnamed"
