"""The backend `kubectl`: models and workloads on a list of plain Kubernetes clusters, by server-side apply."""

from __future__ import annotations

from i4q_ai_kubectl.backend import KubectlBackend
from i4q_ai_kubectl.inventory import Entry, Home, Inventory

__all__ = ["Entry", "Home", "Inventory", "KubectlBackend"]
