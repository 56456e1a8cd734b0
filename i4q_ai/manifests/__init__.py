"""Models and workloads as Kubernetes objects: plain dicts, ready for server-side apply. Pure.

`objects(item, site)` is the whole of it for hubs; one file a flavour, and one for what they share. `chart` and
`kustomize` write the same objects for those who apply them by other means.
"""

from __future__ import annotations

from i4q_ai.manifests.charts import Chart, chart
from i4q_ai.manifests.kustomizing import kustomize
from i4q_ai.manifests.naming import (
    DIGEST,
    ITEM,
    REVISION,
    VERSION,
    fingerprint,
    object_name,
    selector,
    status_name,
)
from i4q_ai.manifests.order import Object, in_order, key_of
from i4q_ai.manifests.publishable import Form, rendered
from i4q_ai.manifests.rendering import address, kinds, objects
from i4q_ai.manifests.site import Site, Storage

__all__ = [
    "DIGEST",
    "ITEM",
    "REVISION",
    "VERSION",
    "Chart",
    "Form",
    "Object",
    "Site",
    "Storage",
    "address",
    "chart",
    "fingerprint",
    "in_order",
    "key_of",
    "kinds",
    "kustomize",
    "object_name",
    "objects",
    "rendered",
    "selector",
    "status_name",
]
