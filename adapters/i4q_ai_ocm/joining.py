"""A Kubernetes cluster that is there already joins a hub: its Klusterlet there, its acceptance on the hub."""

from __future__ import annotations

from pathlib import Path

from i4q_ai.backends.base import Needs
from i4q_ai.cluster import Cluster
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, InvalidError, NotFoundError, UnsupportedError
from i4q_ai.kube import Api
from i4q_ai_ocm import managed
from i4q_ai_ocm.hub import HubObjects
from i4q_ai_ocm.roster import Roster, opened
from i4q_ai_ocm.settings import Access
from i4q_ai_ocm.translate import klusterlets

MANAGER = "i4q-ai"


class Joining:
    """Lets clusters join.

    Args:
        objects: of the hub.
        roster: of its clusters.
    """

    def __init__(self, objects: HubObjects, roster: Roster) -> None:
        self._objects = objects
        self._roster = roster

    def needs(self, cluster: str) -> Needs:
        """What a cluster must have before it joins; the credentials are not among it."""
        known = self._objects.settings.bootstrap is not None
        return Needs(tuple(klusterlets.klusterlet(cluster)), klusterlets.steps(cluster, secret=known))

    def join(self, cluster: Cluster, access: Access, deadline: Deadline) -> Cluster:
        """Accept a cluster, and have its klusterlet operator make the agent that asks; it is available once that came.

        Args:
            cluster: name, labels and taints.
            access: how its API server is reached; files are absolute.
            deadline: when to give up.

        Raises:
            ConflictError: a cluster of that name has joined, or this one belongs to another already.
            UnreachableError: it does not answer.
            UnsupportedError: its klusterlet operator is missing, or nobody said who lets it in.
        """
        kubeconfig = self._bootstrap(cluster.name)
        self._require_unknown(cluster.name, deadline)
        with opened(access, self._roster.folder) as api:
            self._require_operator(api, cluster.name, deadline)
            found = self._accept(cluster, deadline)
            namespace, klusterlet = klusterlets.klusterlet(cluster.name)
            for each in (namespace, klusterlets.bootstrap(kubeconfig), klusterlet):
                api.apply(each, manager=MANAGER, deadline=deadline)
        return found

    def _bootstrap(self, cluster: str) -> str:
        """The kubeconfig by which a cluster asks to be let in."""
        named = self._objects.settings.bootstrap
        if named is None:
            raise UnsupportedError(
                f"cluster '{cluster}' is not told how to ask the hub: its settings name no bootstrap kubeconfig",
                hint=f"bootstrap: FILE in the hub's settings; or i4q cluster import {cluster} --print, and by hand",
            )
        path = self._roster.folder / Path(named).expanduser()
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidError(f"the bootstrap kubeconfig {path} cannot be read: {type(error).__name__}") from error

    def _require_unknown(self, name: str, deadline: Deadline) -> None:
        found = self._objects.home.api.get("ManagedCluster", None, name, deadline=deadline)
        if found is not None and managed.has_joined(found):
            raise ConflictError(f"a cluster '{name}' has joined already", hint="give the new one another name")

    def _require_operator(self, api: Api, name: str, deadline: Deadline) -> None:
        try:
            present = api.get("Klusterlet", None, klusterlets.NAME, deadline=deadline)
        except NotFoundError as error:
            raise UnsupportedError(
                f"cluster '{name}' has no klusterlet operator, which makes the agent",
                hint=f"i4q cluster import {name} --print says how it is installed; or clusteradm join",
            ) from error
        if present is not None and (present.get("spec") or {}).get("clusterName") != name:
            known = (present.get("spec") or {}).get("clusterName") or "another name"
            raise ConflictError(
                f"this cluster belongs to a hub already, as '{known}'",
                hint="clusteradm unjoin, or the right kubeconfig",
            )

    def _accept(self, cluster: Cluster, deadline: Deadline) -> Cluster:
        try:
            return self._roster.add(cluster, deadline)
        except ConflictError:  # accepted before, and never joined
            return self._roster.annotate(cluster.name, cluster.labels, cluster.taints or None, deadline)
