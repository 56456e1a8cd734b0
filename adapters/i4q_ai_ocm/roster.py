"""The clusters of a hub: what they are, and how each is reached from here, if at all."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from i4q_ai.cluster import Cluster, Taint
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, NotFoundError, OwnedError, UnreachableError, nearest
from i4q_ai.kube import Api
from i4q_ai.manifests import Object
from i4q_ai_kubectl.home import make_namespace
from i4q_ai_ocm import managed, rights
from i4q_ai_ocm.hub import HubObjects
from i4q_ai_ocm.settings import Access
from i4q_ai_ocm.translate.placements import AWAY


class Roster:
    """The ManagedClusters of a hub.

    Args:
        objects: of the hub.
        folder: of the settings, which files in it are relative to.
    """

    def __init__(self, objects: HubObjects, folder: Path) -> None:
        self._objects = objects
        self.folder = folder
        self._apis: dict[str, Api] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            for api in self._apis.values():
                api.close()
            self._apis.clear()

    def clusters(self, deadline: Deadline) -> list[Cluster]:
        """All clusters of the sets that count, by name."""
        return self._objects.clusters(deadline)

    def add(self, cluster: Cluster, deadline: Deadline) -> Cluster:
        """Make a cluster known and accept it; it joins when its agent comes.

        Raises:
            ConflictError: there is one of that name.
        """
        if self._find(cluster.name, deadline) is not None:
            raise ConflictError(f"there is a cluster '{cluster.name}' already", hint="give the new one another name")
        wanted = {
            "apiVersion": "cluster.open-cluster-management.io/v1",
            "kind": "ManagedCluster",
            "metadata": {"name": cluster.name, "labels": {managed.SET: self._set(), **cluster.labels}},
            "spec": {"hubAcceptsClient": True, "taints": [_taint(each) for each in cluster.taints]},
        }
        made = self._objects.home.api.create(wanted, deadline=deadline)
        make_namespace(self._objects.home.api, cluster.name, deadline, program=rights.PROGRAM)
        return managed.cluster(made)

    def remove(self, name: str, deadline: Deadline) -> None:
        """Let the hub forget a cluster; what it was told goes with it.

        Raises:
            NotFoundError: there is none of that name.
        """
        self._objects.delete(self.one(name, deadline), deadline)

    def annotate(
        self, name: str, labels: Mapping[str, str | None] | None, taints: Sequence[Taint] | None, deadline: Deadline
    ) -> Cluster:
        """Change labels (None takes one away) or set all taints; those that the hub sets itself stay.

        Raises:
            NotFoundError: there is no such cluster.
        """
        while True:
            found = self.one(name, deadline)
            try:
                changed = self._objects.home.api.replace(_annotated(found, labels, taints), deadline=deadline)
            except ConflictError:
                deadline.pause(0.02)
            else:
                return managed.cluster(changed, self._objects.scores(deadline, name).get(name, ()))

    def score(
        self, resource: str, scores: Mapping[str, Mapping[str, int]], until: datetime | None, deadline: Deadline
    ) -> None:
        """Replace what one resource says of clusters.

        Raises:
            NotFoundError: there is no such cluster.
            OwnedError: the scores of that name are somebody else's.
        """
        for cluster in scores:
            self.one(cluster, deadline)

        def write(cluster: str) -> None:
            self._write_score(managed.score(cluster, resource), managed.score_status(scores[cluster], until), deadline)

        self._objects.each([*scores], write)

    def _write_score(self, wanted: Object, status: Object, deadline: Deadline) -> None:
        api, cluster, resource = self._objects.home.api, wanted["metadata"]["namespace"], wanted["metadata"]["name"]
        while True:
            present = api.get(wanted["kind"], cluster, resource, deadline=deadline)
            if present is not None and not managed.OURS.items() <= (present["metadata"].get("labels") or {}).items():
                raise OwnedError(
                    f"the scores '{resource}' of cluster '{cluster}' are somebody else's", hint="take another resource="
                )
            try:
                made = present or self._objects.home.create(wanted, deadline)
                api.replace({**made, "status": status}, subresource="status", deadline=deadline)
            except (ConflictError, NotFoundError):
                deadline.pause(0.02)  # somebody was faster; or took it away just now
            else:
                return

    def one(self, name: str, deadline: Deadline) -> Object:
        """The ManagedCluster of that name.

        Raises:
            NotFoundError: there is none; with the nearest one.
        """
        found = self._find(name, deadline)
        if found is None:
            known = [each["metadata"]["name"] for each in self._objects.managed(deadline)]
            raise NotFoundError(f"there is no cluster '{name}' on this hub", hint=nearest(name, known))
        return found

    def reaches(self, name: str) -> bool:
        """Whether the settings say how to reach a cluster from here."""
        return name in self._objects.settings.reach

    def api(self, name: str) -> Api:
        """The API server of a cluster itself.

        Raises:
            UnreachableError: the settings do not say how to reach it.
        """
        access = self._objects.settings.reach.get(name)
        if access is None:
            raise UnreachableError(
                f"cluster '{name}' cannot be reached from here, only by its hub",
                hint=f"say how in the hub's settings: reach: {{{name}: {{kubeconfig: FILE}}}}",
            )
        with self._lock:
            if name not in self._apis:
                self._apis[name] = opened(access, self.folder)
            return self._apis[name]

    def _find(self, name: str, deadline: Deadline) -> Object | None:
        return self._objects.home.api.get("ManagedCluster", None, name, deadline=deadline)

    def _set(self) -> str:
        """The set that a new cluster is put into, as the hub itself would: `global` takes in everybody."""
        return next((name for name in self._objects.settings.sets if name != "global"), "default")


def opened(access: Access, folder: Path) -> Api:
    """A client of an API server.

    Args:
        access: how to reach it.
        folder: that a relative path begins at.
    """
    file = folder / Path(access.kubeconfig).expanduser() if access.kubeconfig else None
    return Api.open(kubeconfig=file, context=access.context)


def _annotated(found: Object, labels: Mapping[str, str | None] | None, taints: Sequence[Taint] | None) -> Object:
    metadata, spec = found["metadata"], found.get("spec", {})
    changed = {**(metadata.get("labels") or {}), **(labels or {})}
    kept = {key: value for key, value in changed.items() if value is not None}
    present = spec.get("taints") or []
    if taints is not None:
        since = {(each["key"], each.get("value", ""), each["effect"]): each for each in present}
        own = [each for each in present if each["key"] in AWAY]
        present = [*own, *(since.get((each.key, each.value, each.effect), _taint(each)) for each in taints)]
    return {**found, "metadata": {**metadata, "labels": kept}, "spec": {**spec, "taints": present}}


def _taint(taint: Taint) -> Object:
    return {"key": taint.key, "value": taint.value, "effect": taint.effect}
