"""The hub's objects: read all at once, written by compare-and-set."""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from i4q_ai.cluster import Cluster
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, ForbiddenError, NotFoundError
from i4q_ai.kube.listing import Keep, whole
from i4q_ai.kube.transport import uncollected
from i4q_ai.manifests import Object, selector
from i4q_ai_ocm import condensing, managed, state
from i4q_ai_ocm.home import OcmHome
from i4q_ai_ocm.settings import OcmHub
from i4q_ai_ocm.state import Key, State
from i4q_ai_ocm.translate import works

log = logging.getLogger(__name__)

T = TypeVar("T")
U = TypeVar("U")

WRITTEN = "i4q.ai/written"
"""Annotation: a hash of what was written last, so that what is there already is not written again."""
NUDGED = "i4q.ai/nudged"
"""Label of a work: another value whenever somebody wants it carried out once more."""
WORKERS = 8
"""Calls at once; as many as a client keeps connections, for more would each begin with a handshake."""

Test = Callable[[Mapping[str, Object]], bool]
"""Whether objects, by namespace and name, are as they should be."""

PATIENCE = 10.0
"""Seconds within which a hub, or an edge, does what it is told; it takes a fraction of one."""


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

    def both(self, one: Callable[[], T], other: Callable[[], U]) -> tuple[T, U]:
        """Do two things at once."""
        begun = self._pool.submit(other)
        try:
            return one(), begun.result()
        finally:
            begun.cancel()

    def managed(self, deadline: Deadline) -> list[Object]:
        """The ManagedClusters of the sets that count, by name, condensed."""
        api = self.home.api
        sets = api.list("ManagedClusterSet", None, deadline=deadline).items
        clusters = api.list("ManagedCluster", None, keep=condensing.cluster, deadline=deadline).items
        return managed.members(clusters, sets, self.settings.sets)

    def clusters(
        self,
        deadline: Deadline,
        *,
        found: Sequence[Object] | None = None,
        scores: Mapping[str, list[Object]] | None = None,
    ) -> list[Cluster]:
        """The clusters of the sets that count, by name.

        Args:
            deadline: when to give up.
            found: the ManagedClusters, where they were read already.
            scores: cluster → its scores, where they were read already, or none are wanted.
        """
        scores = self.scores(deadline) if scores is None else scores
        each = self.managed(deadline) if found is None else found
        with uncollected():
            return [managed.cluster(one, scores.get(one["metadata"]["name"], ())) for one in each]

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

    def states(
        self, namespace: str | None, name: str | None, deadline: Deadline, *, keep: Keep = whole
    ) -> dict[Key, State]:
        """What clusters have been told: of one deployment, of a namespace, or all.

        Args:
            namespace, name: of which deployments.
            deadline: when to give up.
            keep: what is kept of the works; all where they may be written back.
        """
        api = self.home.api
        labels = selector(namespace, name, hub=self.home.hub(deadline))
        replica_sets = api.list("ManifestWorkReplicaSet", namespace, labels=labels, deadline=deadline).items
        works = api.list("ManifestWork", None, labels=labels, keep=keep, deadline=deadline).items
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
        stamped = {**(metadata.get("annotations") or {}), WRITTEN: marked(wanted)}
        if present is None:
            return self.home.create({**wanted, "metadata": {**metadata, "annotations": stamped}}, deadline)
        known = present["metadata"]
        same = (known.get("annotations") or {}).get(WRITTEN) == stamped[WRITTEN]
        if same and _holds(present["spec"], wanted["spec"]) and not works.is_orphaned(present):
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

    def nudge(self, found: Object, deadline: Deadline) -> None:
        """Have the agent of a work carry it out once more: it does so when the spec or a label changes."""
        about = found["metadata"]
        while True:
            present = self.home.api.get(found["kind"], about["namespace"], about["name"], deadline=deadline)
            if present is None:
                return
            labels = {**(present["metadata"].get("labels") or {}), NUDGED: secrets.token_hex(4)}
            try:
                self.home.api.replace(
                    {**present, "metadata": {**present["metadata"], "labels": labels}}, deadline=deadline
                )
            except (ConflictError, NotFoundError):
                deadline.pause(0.02)
            else:
                return

    def until(
        self,
        kind: str,
        namespace: str | None,
        labels: Mapping[str, str],
        good: Test,
        deadline: Deadline,
        *,
        patience: float = PATIENCE,
    ) -> bool:
        """Wait until objects are as they should be; False if they are not, for so many seconds."""
        short = Deadline.after(max(0.001, deadline.left(patience)), f"waiting for {kind}")
        found: dict[str, Object] = {}
        for event in self.home.api.watch(kind, namespace, labels=labels, deadline=short):
            if event.type == "RESYNC":
                found = {_id(each): each for each in event.items}
            elif event.type == "DELETED":
                found.pop(_id(event.object), None)
            elif event.type != "BOOKMARK":
                found[_id(event.object)] = event.object
            if good(found):
                return True
        deadline.check()
        return False

    def delete(self, found: Object, deadline: Deadline) -> None:
        """Delete that very object."""
        about = found["metadata"]
        self.home.api.delete(found["kind"], about.get("namespace"), about["name"], uid=about["uid"], deadline=deadline)


def _id(found: Object) -> str:
    return f"{found['metadata'].get('namespace', '')}/{found['metadata']['name']}"


def marked(wanted: Object) -> str:
    """A mark of an object: another one for another object."""
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]


def _holds(present: Any, wanted: Any) -> bool:
    """Whether everything that is wanted is there; the server may have added more, but not to a list."""
    if isinstance(wanted, dict):
        there = present if isinstance(present, dict) else {}
        return all(key in there and _holds(there[key], value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(present, list) and len(present) == len(wanted) and all(map(_holds, present, wanted))
    return bool(present == wanted)
