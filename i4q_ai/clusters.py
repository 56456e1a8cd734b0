"""The clusters of a hub: added, labelled, tainted, stopped; whatever changes them moves what is deployed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from i4q_ai.cluster import Cluster, Taint, as_taint
from i4q_ai.planning import find_cluster

if TYPE_CHECKING:
    from i4q_ai.backends.base import Needs
    from i4q_ai.engine import Engine


class Clusters:
    """What `hub.clusters` is: iterate over it, or use its verbs.

    A verb that changes what placements select refreshes the hub's deployments afterwards, unless `refresh=False`.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._fleet = engine.fleet

    def list(self) -> list[Cluster]:
        """All clusters, by name."""
        return self._fleet.clusters(deadline=self._engine.deadline())

    def __iter__(self) -> Iterator[Cluster]:
        return iter(self.list())

    def __len__(self) -> int:
        return len(self.list())

    def get(self, name: str) -> Cluster:
        """The cluster of that name.

        Raises:
            NotFoundError: there is none; with the nearest one.
        """
        return find_cluster(name, self.list())

    def add(
        self,
        name: str,
        *,
        labels: Mapping[str, str] | None = None,
        claims: Mapping[str, str] | None = None,
        resources: Mapping[str, str] | None = None,
        kube_version: str | None = None,
        taints: tuple[Taint | str, ...] = (),
        refresh: bool = True,
    ) -> Cluster:
        """Make a cluster known.

        Args:
            name: a DNS label.
            labels, claims: what rules select by.
            resources: as {"memory": "8Gi"}; measured where they are not given and can be.
            kube_version: where there is a Kubernetes.
            taints: as `taint` takes them.
            refresh: give it what placements mean for it.

        Raises:
            ConflictError: there is one of that name.
        """
        cluster = Cluster(
            name=name,
            labels=dict(labels or {}),
            claims=dict(claims or {}),
            resources=dict(resources or {}),
            kube_version=kube_version,
            taints=tuple(as_taint(taint) for taint in taints),
        )
        added = self._fleet.add(cluster, deadline=self._engine.deadline())
        return self._moved(added, refresh=refresh)

    def join(
        self,
        name: str,
        *,
        kubeconfig: str | Path | None = None,
        context: str | None = None,
        namespace: str | None = None,
        labels: Mapping[str, str] | None = None,
        claims: Mapping[str, str] | None = None,
        taints: tuple[Taint | str, ...] = (),
        refresh: bool = True,
    ) -> Cluster:
        """Make a Kubernetes cluster known that is there already, after a look at it.

        Args:
            name: a DNS label.
            kubeconfig: a file; the default one if not given.
            context: in it; the current one if not given.
            namespace: in which everything lies there; the deployment's if not given.
            labels, claims: what rules select by.
            taints: as `taint` takes them.
            refresh: give it what placements mean for it.

        Raises:
            ConflictError: there is one of that name.
            UnreachableError: it does not answer.
            UnsupportedError: the backend runs clusters of its own.
        """
        cluster = Cluster(
            name=name,
            labels=dict(labels or {}),
            claims=dict(claims or {}),
            taints=tuple(as_taint(taint) for taint in taints),
        )
        joined = self._fleet.join(
            cluster,
            kubeconfig=str(Path(kubeconfig).expanduser().absolute()) if kubeconfig else None,
            context=context,
            namespace=namespace,
            deadline=self._engine.deadline(),
        )
        return self._moved(joined, refresh=refresh)

    def needs(self, name: str) -> Needs:
        """What a Kubernetes cluster must have before it can join under a name; touches nothing.

        Raises:
            UnsupportedError: the backend runs clusters of its own.
        """
        return self._fleet.needs(name, deadline=self._engine.deadline())

    def remove(self, name: str, *, refresh: bool = True) -> None:
        """Forget a cluster, with all that it was told.

        Raises:
            NotFoundError: there is none of that name.
        """
        self.get(name)
        self._fleet.remove(name, deadline=self._engine.deadline())
        if refresh:
            self._engine.settle(self._engine.plan_refresh)

    def label(self, name: str, labels: Mapping[str, str | None], *, refresh: bool = True) -> Cluster:
        """Set labels; None takes one away, others stay."""
        self.get(name)
        return self._moved(self._fleet.annotate(name, labels=labels, deadline=self._engine.deadline()), refresh=refresh)

    def taint(self, name: str, *taints: Taint | str, refresh: bool = True) -> Cluster:
        """Add taints, each a Taint or "key=value:NoSelect"; one of the same key and effect is replaced."""
        new = [as_taint(taint) for taint in taints]
        replaced = {(taint.key, taint.effect) for taint in new}
        kept = [taint for taint in self.get(name).taints if (taint.key, taint.effect) not in replaced]
        return self._moved(
            self._fleet.annotate(name, taints=[*kept, *new], deadline=self._engine.deadline()), refresh=refresh
        )

    def untaint(self, name: str, key: str, *, refresh: bool = True) -> Cluster:
        """Take all taints of a key away."""
        kept = [taint for taint in self.get(name).taints if taint.key != key]
        return self._moved(self._fleet.annotate(name, taints=kept, deadline=self._engine.deadline()), refresh=refresh)

    def stop(self, name: str) -> None:
        """Stop a cluster and all that runs there; it stays stopped until `start`.

        Raises:
            UnsupportedError: the backend cannot.
        """
        self.get(name)
        self._fleet.stop(name, deadline=self._engine.deadline())

    def start(self, name: str) -> None:
        """Start a stopped cluster; it catches up with what it was told since."""
        self.get(name)
        self._fleet.start(name, deadline=self._engine.deadline())

    def _moved(self, cluster: Cluster, *, refresh: bool) -> Cluster:
        if refresh:
            self._engine.settle(self._engine.plan_refresh)
        return cluster

    def __repr__(self) -> str:
        return f"<Clusters of backend {self._engine.backend.name}>"

    def _repr_html_(self) -> str:
        from i4q_ai import display

        return display.clusters(self.list()).html()
