"""Kubernetes: one cluster's API, and what a cluster is like.

The only part that imports `kubernetes`, and that only when a cluster is opened.
"""

from __future__ import annotations

from i4q_ai.errors import FieldConflict, FieldConflictError
from i4q_ai.kube.api import Api
from i4q_ai.kube.forwarding import Forward
from i4q_ai.kube.kinds import KINDS, Kind
from i4q_ai.kube.listing import Listing
from i4q_ai.kube.watching import Event

__all__ = ["KINDS", "Api", "Event", "FieldConflict", "FieldConflictError", "Forward", "Kind", "Listing"]
