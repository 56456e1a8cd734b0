"""The hub's objects: read all at once, written by compare-and-set."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, ForbiddenError, NotFoundError
from i4q_ai.manifests import selector
from i4q_ai_ocm import managed, state
from i4q_ai_ocm.home import OcmHome
from i4q_ai_ocm.settings import OcmHub
from i4q_ai_ocm.state import Key, Object, State
from i4q_ai_ocm.translate import works

log = logging.getLogger(__name__)

T = TypeVar("T")

WRITTEN = "i4q.ai/written"
"""Annotation: a hash of what was written last, so that what is there already is not written again."""
WORKERS = 16


class HubObjects:
    """The objects on a hub that say what clusters are, and what they are told.

    Args:
        home: the hub's API server.
        settings: of the hub.
    """

    def __init__(self, home: OcmHome, settings: OcmHub) -> None:
        self.home = home
        self.settings = settings
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="i4q-hub")

    def close(self) -> None:
        """Let go of threads."""
        self._pool.shutdown()

    def each(self, things: list[Any], do: Callable[[Any], T]) -> list[T]:
        """Do something for many things at once; results in their order."""
        return list(self._pool.map(do, things))

    def managed(self, deadline: Deadline) -> list[Object]:
        """The ManagedClusters of the sets that count, by name."""
        api = self.home.api
        clusters = api.list("ManagedCluster", None, deadline=deadline).items
        sets = api.list("ManagedClusterSet", None, deadline=deadline).items
        return managed.members(clusters, sets, self.settings.sets)

    def scores(self, deadline: Deadline, cluster: str | None = None) -> dict[str, list[Object]]:
        """Cluster → its AddOnPlacementScores: of one cluster, or of all; none where there is no right to see them."""
        try:
            listed = self.home.api.list("AddOnPlacementScore", cluster, deadline=deadline).items
        except ForbiddenError as error:
            log.warning("placements cannot prefer by scores: %s", error)
            return {}
        found: dict[str, list[Object]] = {}
        for each in listed:
            found.setdefault(each["metadata"]["namespace"], []).append(each)
        return found

    def states(self, namespace: str | None, name: str | None, deadline: Deadline) -> dict[Key, State]:
        """What clusters have been told: of one deployment, of a namespace, or all."""
        api = self.home.api
        labels = selector(namespace, name, hub=self.home.hub(deadline))
        replica_sets = api.list("ManifestWorkReplicaSet", namespace, labels=labels, deadline=deadline).items
        works = api.list("ManifestWork", None, labels=labels, deadline=deadline).items
        decisions = api.list("PlacementDecision", namespace, deadline=deadline).items if replica_sets else ()
        return state.read(replica_sets, works, decisions)

    def state(self, key: Key, deadline: Deadline) -> State:
        """What clusters have been told of one deployment."""
        return self.states(*key, deadline).get(key, State())

    def write(self, wanted: Object, present: Object | None, deadline: Deadline) -> Object:
        """Make an object, or put it in the place of the one that is there, if nobody changed that since it was read.

        Args:
            wanted: all of it, without status.
            present: as it was read; None if there was none.
            deadline: when to give up.

        Raises:
            ConflictError: somebody else was faster.
        """
        metadata = wanted["metadata"]
        stamped = {**(metadata.get("annotations") or {}), WRITTEN: _hash(wanted)}
        if present is None:
            return self.home.create({**wanted, "metadata": {**metadata, "annotations": stamped}}, deadline)
        known = present["metadata"]
        same = (known.get("annotations") or {}).get(WRITTEN) == stamped[WRITTEN]
        if same and not works.is_orphaned(present):
            return present
        merged = {
            **known,
            "labels": {**(known.get("labels") or {}), **(metadata.get("labels") or {})},
            "annotations": {**(known.get("annotations") or {}), **stamped},
        }
        return self.home.api.replace({**present, **wanted, "metadata": merged}, deadline=deadline)

    def ensure(self, wanted: Object, deadline: Deadline) -> Object:
        """Make an object, or bring the one that is there to this, whoever changed it meanwhile."""
        metadata = wanted["metadata"]
        while True:
            present = self.home.api.get(wanted["kind"], metadata.get("namespace"), metadata["name"], deadline=deadline)
            try:
                return self.write(wanted, present, deadline)
            except (ConflictError, NotFoundError):
                deadline.pause(0.02)

    def delete(self, found: Object, deadline: Deadline) -> None:
        """Delete that very object."""
        about = found["metadata"]
        self.home.api.delete(found["kind"], about.get("namespace"), about["name"], uid=about["uid"], deadline=deadline)


def _hash(wanted: Object) -> str:
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]
