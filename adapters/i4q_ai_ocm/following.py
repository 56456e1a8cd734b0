"""Whether a hub follows standing orders: its controller for ManifestWorkReplicaSets may be switched off."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, InvalidError, NotFoundError
from i4q_ai.manifests import Object
from i4q_ai_ocm.hub import HubObjects

log = logging.getLogger(__name__)

FINALIZER = "work.open-cluster-management.io/manifest-work-cleanup"
PATIENCE = 5.0
"""Seconds within which a controller that runs has put its finalizer on a new object; it takes a fraction of one."""
PROBE = "i4q-probe"
"""Name of the replica set by which it is found out where there is no other."""


class Following:
    """Finds out once, and remembers.

    Args:
        objects: of the hub, whose settings may say so.
    """

    def __init__(self, objects: HubObjects) -> None:
        self._objects = objects
        self._known = objects.settings.replica_sets
        self._lock = threading.Lock()

    def __call__(self, deadline: Deadline) -> bool:
        """Whether the controller runs."""
        with self._lock:
            if self._known is None:
                self._known = self._others(deadline)
            if self._known is None:
                self._known = self._probe(deadline)
            return self._known

    def _others(self, deadline: Deadline) -> bool | None:
        """What those that are there say; None if there are none."""
        try:
            found = self._objects.home.api.list("ManifestWorkReplicaSet", None, deadline=deadline).items
        except NotFoundError:
            return False
        return True if any(FINALIZER in (each["metadata"].get("finalizers") or ()) for each in found) else None

    def _probe(self, deadline: Deadline) -> bool:
        """Whether the controller notices one that chooses no cluster."""
        about = {"name": PROBE, "namespace": "default"}
        probe = {
            "apiVersion": "work.open-cluster-management.io/v1alpha1",
            "kind": "ManifestWorkReplicaSet",
            "metadata": about,
            "spec": {
                "placementRefs": [{"name": PROBE, "rolloutStrategy": {"type": "All"}}],
                "manifestWorkTemplate": {
                    "workload": {"manifests": [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": about}]}
                },
            },
        }
        try:
            self._objects.home.api.create(probe, deadline=deadline)
        except ConflictError:
            log.debug("somebody else asks at this moment")
        except InvalidError:
            return False  # the webhook of a hub whose controller is switched off refuses it
        try:
            return self._noticed(deadline)
        finally:
            self._objects.home.api.delete("ManifestWorkReplicaSet", "default", PROBE, deadline=deadline)

    def _noticed(self, deadline: Deadline) -> bool:
        def good(found: Mapping[str, Object]) -> bool:
            probe = found.get(f"default/{PROBE}")
            return probe is not None and FINALIZER in (probe["metadata"].get("finalizers") or ())

        return self._objects.until("ManifestWorkReplicaSet", "default", {}, good, deadline, patience=PATIENCE)
