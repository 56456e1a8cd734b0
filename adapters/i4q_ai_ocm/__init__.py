"""The backend `ocm`: models and workloads on the managed clusters of an Open Cluster Management or ACM hub."""

from __future__ import annotations

from i4q_ai_ocm.backend import OcmBackend
from i4q_ai_ocm.settings import Access, OcmHub
from i4q_ai_ocm.subscribing.reading import read_applications
from i4q_ai_ocm.translate.foreign import read_placement

__all__ = ["Access", "OcmBackend", "OcmHub", "read_applications", "read_placement"]
