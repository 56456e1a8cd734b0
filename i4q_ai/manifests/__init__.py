"""Models and workloads as Kubernetes objects: plain dicts, ready for server-side apply. Pure.

`objects(item, site)` is the whole of it; one file a flavour, and one for what they share.
"""

from __future__ import annotations

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
from i4q_ai.manifests.rendering import address, kinds, objects
from i4q_ai.manifests.site import Site, Storage

__all__ = [
    "DIGEST",
    "ITEM",
    "REVISION",
    "VERSION",
    "Object",
    "Site",
    "Storage",
    "address",
    "fingerprint",
    "in_order",
    "key_of",
    "kinds",
    "object_name",
    "objects",
    "selector",
    "status_name",
]
