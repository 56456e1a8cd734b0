"""The fixtures of the suite: a backend with three clusters, a hub in a namespace of its own, cutting a cluster."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping

import pytest

from i4q_ai.backends.base import Fleet, Store
from i4q_ai.deadline import Deadline
from i4q_ai.deployment import Deployment
from i4q_ai.errors import I4qError
from i4q_ai.hub import Hub
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Name
from i4q_ai.status import Observation, Phase
from i4q_ai.testing import samples as making
from i4q_ai.testing.beside import Beside
from i4q_ai.testing.cases import NEEDS
from i4q_ai.testing.connection import Connection
from i4q_ai.testing.samples import Samples

LIMIT = 120.0
"""Seconds after which something that must happen counts as not happening; far more than it takes."""


class Plant:
    """What all themes share. `connection`, `cut` and `join` are for the backend to override, the rest may be."""

    clusters = ("edge-1", "edge-2", "edge-3")
    """Names of three clusters; they are added where they are not known, and removed at the end."""

    @pytest.fixture(scope="class")
    @classmethod
    def connection(cls) -> Iterator[Connection]:
        """How to open the backend; whatever it needs is made here, and ended behind a `yield`."""
        raise NotImplementedError("say how to open the backend: override the fixture `connection`")

    @pytest.fixture(scope="class")
    @classmethod
    def repository(cls, tmp_path_factory: pytest.TempPathFactory) -> str:
        """Prefix of where the samples are pushed; clusters must be able to fetch from there."""
        return f"oci:{tmp_path_factory.mktemp('registry')}/"

    def cut(self, hub: Hub, cluster: str) -> None:
        """Put a cluster out of reach."""
        hub.clusters.stop(cluster)

    def join(self, hub: Hub, cluster: str) -> None:
        """Put it within reach again."""
        hub.clusters.start(cluster)

    @pytest.fixture(scope="class")
    @classmethod
    def samples(cls, repository: str, tmp_path_factory: pytest.TempPathFactory) -> Samples:
        """Pushed models and workloads."""
        return making.push(tmp_path_factory.mktemp("samples"), repository)

    @pytest.fixture(scope="class")
    @classmethod
    def ready_clusters(cls, connection: Connection) -> Iterator[tuple[str, ...]]:
        """The three clusters are known."""
        with connection.hub("setup") as hub:
            added = [name for name in cls.clusters if name not in {each.name for each in hub.clusters}]
            for name in added:
                hub.clusters.add(name)
            yield cls.clusters
            for name in added:
                hub.clusters.remove(name)

    @pytest.fixture
    def namespace(self) -> str:
        """Of this test alone."""
        return f"contract-{secrets.token_hex(4)}"

    @pytest.fixture
    def hub(self, connection: Connection, ready_clusters: tuple[str, ...], namespace: str) -> Iterator[Hub]:  # noqa: ARG002
        """A hub in the test's namespace; what the test leaves there is taken away."""
        hub = connection.hub(namespace)
        try:
            yield hub
            self._clean(hub)
        finally:
            hub.close()

    @pytest.fixture
    def beside(self, connection: Connection, namespace: str) -> Beside:
        """Starts other processes on the same backend."""
        return Beside(connection, namespace)

    @pytest.fixture
    def store(self, hub: Hub) -> Store:
        """The store behind the hub."""
        return hub.engine.store

    @pytest.fixture
    def fleet(self, hub: Hub) -> Fleet:
        """The fleet behind the hub."""
        return hub.engine.fleet

    @pytest.fixture
    def deadline(self) -> Deadline:
        """Far away."""
        return Deadline.after(LIMIT)

    @pytest.fixture(autouse=True)
    def _only_if_it_can(self, request: pytest.FixtureRequest, connection: Connection) -> None:
        """Leave a case out if the table says so, and for no other reason."""
        need = NEEDS.get(request.function.__name__)
        if need is None:
            return
        backend = connection.backend()
        capabilities = backend.capabilities
        backend.close()
        if not need.met(capabilities):
            pytest.skip(f"is for backends {'with' if need.there else 'without'} {need.capability}")

    def _clean(self, hub: Hub) -> None:
        for cluster in hub.clusters:
            if cluster.available.status != "True":
                self.join(hub, cluster.name)
        for deployment in sorted(hub.list(), key=lambda each: each.kind == "model"):
            assert deployment.delete(timeout=LIMIT) is None, "the test leaves something behind"
        for cluster in hub.clusters:
            ours = {key: None for key in cluster.labels if key.startswith(hub.namespace)}
            if ours:
                hub.clusters.label(cluster.name, ours)
            if cluster.taints:
                hub.engine.fleet.annotate(cluster.name, taints=(), deadline=Deadline.after(LIMIT))


def on(*clusters: str) -> Placement:
    """A placement that means these clusters by name."""
    return Placement("named", Name(*clusters))


def mark(hub: Hub, marks: Mapping[str, str | None], *, refresh: bool = True) -> str:
    """Give clusters a label of this test alone.

    Args:
        hub: of the test.
        marks: cluster → value; None takes it away.
        refresh: move what is deployed.

    Returns:
        The label's key.
    """
    key = f"{hub.namespace}/mark"
    for cluster, value in marks.items():
        hub.clusters.label(cluster, {key: value}, refresh=refresh)
    return key


def rows(deployment: Deployment) -> dict[str, Observation]:
    """Cluster → what it says of a deployment."""
    return {row.cluster: row for row in deployment.status().clusters}


def until(deployment: Deployment, cluster: str, phase: Phase) -> Observation:
    """Watch a deployment until a cluster says a phase."""
    last = None
    for status in deployment.watch(timeout=LIMIT):
        last = status
        for row in status.clusters:
            if row.cluster == cluster and row.phase is phase:
                return row
    raise AssertionError(f"{cluster} never said {phase}; at last: {last}")


def answers(hub: Hub, deployment: Deployment, factors: Mapping[str, int]) -> bool:
    """Whether clusters run the version that multiplies by a factor, and answer so where they can be reached.

    Args:
        hub: of the test.
        deployment: of the sample model, with flavour server.
        factors: cluster → factor; no other cluster may have the model.
    """
    seen = rows(deployment)
    if {cluster: row.version for cluster, row in seen.items()} != {c: str(factor) for c, factor in factors.items()}:
        return False
    if not hub.capabilities.reach:
        return True
    return all(
        float(deployment.client(cluster).predict([[3.0]])[0][0]) == 3.0 * factor for cluster, factor in factors.items()
    )


def gone(hub: Hub, name: str) -> bool:
    """Whether nothing of a deployment is left: no record, nothing told, nothing observed."""
    engine, deadline = hub.engine, Deadline.after(LIMIT)
    try:
        hub.get(name)
    except I4qError:
        told = engine.fleet.assigned(namespace=hub.namespace, name=name, deadline=deadline)
        return not told and not engine.fleet.observe(namespace=hub.namespace, name=name, deadline=deadline)
    return False


def refreshed_until(hub: Hub, settled: str) -> None:
    """Refresh, as a controller does, until a deleted deployment is forgotten."""
    for _ in hub.engine.watch(settled, Deadline.after(LIMIT)):
        hub.refresh()
        if settled not in {each.name for each in hub.list()}:
            return
    raise AssertionError(f"'{settled}' was never forgotten")
