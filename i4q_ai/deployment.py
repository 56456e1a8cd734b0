"""Deployment: the handle of one model or workload that is placed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Self

from i4q_ai.deadline import Deadline
from i4q_ai.engine import Alarm, Engine, Look, read
from i4q_ai.errors import ConflictError, DeadlineError, DeploymentFailed, InvalidError, NotFoundError, UnsupportedError
from i4q_ai.model import Model
from i4q_ai.placing.simulate import Simulation, WhatIf, simulate
from i4q_ai.plan import Plan
from i4q_ai.planning import find_cluster
from i4q_ai.spec import Spec
from i4q_ai.status import Kind, Phase, Status
from i4q_ai.workload import Workload

if TYPE_CHECKING:
    from i4q_ai.backends.base import Difference, Record
    from i4q_ai.placing.evaluate import Decision
    from i4q_ai.serve.client import Client


@dataclass(frozen=True)
class Revision:
    """One entry of a deployment's history.

    Args:
        revision: its number.
        version: that was wanted.
        digest: of the model or workload.
        time: when it was written.
        spec: all of it.
    """

    revision: int
    version: str
    digest: str
    time: datetime | None
    spec: Spec


class Deployment:
    """The handle of one model or workload that is placed; it holds no state but its name.

    Get one from `hub.deploy(…)`, `hub.get(name)` or `hub.list()`.
    """

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine = engine
        self.name = name
        self.namespace = engine.namespace

    # what is

    @property
    def spec(self) -> Spec:
        """What is wanted.

        Raises:
            NotFoundError: the deployment is gone.
        """
        return read(self._engine.record(self.name))

    @property
    def kind(self) -> Kind:
        """Whether it is of a "model" or a "workload"."""
        return self.spec.kind

    def status(self) -> Status:
        """What every cluster says of it.

        Raises:
            NotFoundError: the deployment is gone.
        """
        status = self._engine.status(self.name)
        if status is None:
            raise self._gone()
        return status

    def history(self) -> list[Revision]:
        """Its revisions, oldest first, the present one last.

        Raises:
            NotFoundError: the deployment is gone.
        """
        self._engine.record(self.name)
        return [_revision(record) for record in self._engine.history(self.name)]

    def explain(self) -> Decision:
        """Every cluster: in or out for this deployment, and why.

        Other than `hub.explain` of its placement, it knows where the deployment is: who has it keeps it, where `count`
        lets only some have it.

        Raises:
            NotFoundError: the deployment is gone.
        """
        record = self._engine.record(self.name)
        return self._engine.snapshot(self.name, record).decision(read(record), now=self._engine.clock())

    def simulate(self, *, change: WhatIf) -> Simulation:
        """Who would gain and who would lose it, if something changed; nothing is touched.

        Args:
            change: labels and taints of clusters, the placement's count or rule.

        Raises:
            NotFoundError: the deployment is gone, or the change is about a cluster that there is not.
        """
        record = self._engine.record(self.name)
        snapshot = self._engine.snapshot(self.name, record)
        return simulate(
            read(record).placement,
            snapshot.clusters,
            change=change,
            current=snapshot.told.keys(),
            now=self._engine.clock(),
        )

    def diff(self) -> str:
        """What `refresh` would change now; "… nothing to change" when clusters have been told everything."""
        return str(self._engine.plan_refresh(self.name))

    def drift(self) -> list[Difference]:
        """What is not as clusters were told: somebody changed or deleted it there.

        Raises:
            UnsupportedError: the backend cannot compare.
        """
        return self._engine.drift(self.name)

    def watch(self, *, timeout: float = 3600) -> Iterator[Status]:
        """The status now, and whenever it changes.

        Args:
            timeout: seconds after which it ends; it also ends when the deployment is gone.
        """
        last: Look | None = None
        alarm = Alarm()
        for _ in self._engine.watch(self.name, Deadline.after(timeout), alarm=alarm):
            look = self._engine.look(self.name)
            if look is None:
                return
            if last is None or look.status != last.status:
                yield look.status
            last, alarm.at = look, look.wakes_at

    def logs(self, cluster: str, *, lines: int = 100, follow: bool = False, timeout: float = 3600) -> Iterator[str]:
        """The last lines of its log on one cluster.

        Args:
            cluster: where.
            lines: how many.
            follow: go on with what comes, until the timeout.
            timeout: in seconds.

        Raises:
            NotFoundError: there is no such cluster.
            UnreachableError: there is no log within reach.
        """
        if not self._engine.backend.capabilities.logs:
            raise UnsupportedError(f"backend '{self._engine.backend.name}' has no logs")
        find_cluster(cluster, self._engine.fleet.clusters(deadline=self._engine.deadline()))
        deadline = Deadline.after(timeout)
        return self._engine.fleet.logs(
            cluster, self.namespace, self.name, lines=lines, follow=follow, deadline=deadline
        )

    def client(self, cluster: str, *, timeout: float = 30) -> Client:
        """A client of its model server on one cluster.

        Args:
            cluster: where.
            timeout: seconds a request may take.

        Raises:
            NotFoundError: there is no such cluster.
            UnreachableError: it cannot be reached from here, or does not run.
        """
        spec = self.spec
        if spec.kind != "model" or spec.flavour not in ("server", "image"):
            raise InvalidError(f"'{self.name}' is no model with a server", hint='deploy it with flavour="server"')
        url = self.address(cluster)
        from i4q_ai.serve.client import Client

        return Client(url, self.name, timeout=timeout)

    def address(self, cluster: str) -> str:
        """The base URL at which it answers on one cluster, as seen from here.

        Raises:
            NotFoundError: there is no such cluster.
            UnreachableError: it cannot be reached from here, or does not run.
        """
        if not self._engine.backend.capabilities.reach:
            raise UnsupportedError(f"backend '{self._engine.backend.name}' cannot reach what runs on its clusters")
        find_cluster(cluster, self._engine.fleet.clusters(deadline=self._engine.deadline()))
        return self._engine.fleet.reach(cluster, self.namespace, self.name, deadline=self._engine.deadline())

    # what changes it

    def wait(self, *, timeout: float = 120) -> Self:
        """Wait until all clusters within reach run what is wanted, and have soaked; drives a staged roll-out.

        Args:
            timeout: in seconds.

        Raises:
            DeploymentFailed: a cluster says that it does not work, or went back to the version before.
            DeadlineError: it takes longer.
        """
        deadline = Deadline.after(timeout)
        look, alarm = None, Alarm()
        for _ in self._engine.watch(self.name, deadline, alarm=alarm):
            self.refresh()
            look = self._engine.look(self.name)
            if look is None:
                raise self._gone()
            if look.status.delivered:
                return self
            _raise_if_failed(look)
            alarm.at = look.wakes_at
        status = look.status if look else None
        raise DeadlineError(
            f"'{self.name}' is {status.phase if status else 'unknown'} after {timeout:g} s"
            + (f": {_laggards(status)}" if status else ""),
            hint="status() and logs(cluster) say more",
        )

    def update(self, thing: Model | Workload, *, versions: Mapping[str, Model] | None = None) -> Self:
        """Replace the model or workload; placement, flavour and roll-out stay.

        Args:
            thing: the next version.
            versions: by group; without it, all groups get `thing`.
        """
        self._change(lambda spec: spec.replace(**_exchange(spec, thing), versions=dict(versions or {})))
        return self

    def rollback(self, *, to: int | None = None, allow_eviction: bool = False) -> Self:
        """Go back to a revision of the history; that becomes a revision of its own.

        Args:
            to: its number; the one before the present one if not given (so twice brings you back).
            allow_eviction: also if its placement takes the deployment from more clusters than may be meant.

        Raises:
            EvictionError: it does, and that is not allowed; nothing was touched.
            NotFoundError: there is no such revision.
        """
        revisions = self.history()
        numbers = {revision.revision: revision for revision in revisions[:-1]}
        if not numbers:
            raise NotFoundError(f"'{self.name}' has no revision to go back to")
        target = max(numbers) if to is None else to
        if target not in numbers:
            raise NotFoundError(
                f"'{self.name}' has no revision {target} to go back to",
                hint=f"there are: {', '.join(map(str, numbers))}",
            )
        self._change(lambda _: numbers[target].spec.replace(deleted=False), allow_eviction=allow_eviction)
        return self

    def refresh(self) -> Plan:
        """Bring clusters up to what is wanted now; as `hub.refresh(name)`."""
        return self._engine.settle(lambda: self._engine.plan_refresh(self.name))

    def repair(self, *, force: bool = False) -> Self:
        """Bring clusters back to what they were told, where `drift` shows that they are not.

        Args:
            force: take over fields that somebody else manages.

        Raises:
            DeploymentFailed: a cluster refuses; without `force`, also for a field that somebody else manages.
        """
        self._engine.repair(self.name, force=force)
        return self

    def delete(self, *, timeout: float = 60) -> Status | None:
        """Take it from all clusters, then forget it.

        Args:
            timeout: seconds to wait for clusters within reach.

        Returns:
            None when nothing is left; else what is left on clusters that are out of reach. They are asked again by
            every refresh, and by the controller.

        Raises:
            ConflictError: somebody deployed it again meanwhile.
            DeadlineError: a cluster within reach takes longer.
        """
        self._change(lambda spec: spec.replace(deleted=True))
        status: Status | None = None
        for _ in self._engine.watch(self.name, Deadline.after(timeout)):
            if self._engine.bury(self.name):
                return None
            status = self._engine.status(self.name)
            if status is None:
                return None
            if status.phase is not Phase.REMOVING:
                raise ConflictError(
                    f"'{self.name}' was deployed again while it was being deleted",
                    hint="delete it again, if it shall go",
                )
            if status.clusters and all(row.phase is Phase.OFFLINE for row in status.clusters):
                return status
        raise DeadlineError(
            f"'{self.name}' is not gone after {timeout:g} s" + (f": {_laggards(status)}" if status else "")
        )

    # inside

    def _gone(self) -> NotFoundError:
        return NotFoundError(f"there is no deployment '{self.namespace}/{self.name}'")

    def _change(self, to: Callable[[Spec], Spec], *, allow_eviction: bool = False) -> None:
        def plan() -> Plan:
            spec = to(self.spec)
            return self._engine.plan({self.name: spec}, require=not spec.deleted)

        self._engine.settle(plan, allow_eviction=allow_eviction)

    def __repr__(self) -> str:
        return f"<Deployment {self.namespace}/{self.name} of {self._engine.backend.name}>"

    def _repr_html_(self) -> str:
        return self.status()._repr_html_()


def _revision(record: Record) -> Revision:
    spec = read(record)
    return Revision(record.revision, spec.version_text(), spec.object.digest, record.time, spec)


def _exchange(spec: Spec, thing: Model | Workload) -> dict[str, Model | Workload]:
    kind = "model" if isinstance(thing, Model) else "workload" if isinstance(thing, Workload) else type(thing).__name__
    if kind != spec.kind:
        raise InvalidError(f"the deployment is of a {spec.kind}, and cannot be updated with a {kind}")
    return {kind: thing}


def _raise_if_failed(look: Look) -> None:
    status = look.status
    failed = {
        row.cluster: f"{row.phase}: {row.message or row.reason}"
        for row in status.clusters
        if row.phase in (Phase.FAILED, Phase.ROLLED_BACK)
    }
    others = [row for row in status.clusters if row.phase is not Phase.OFFLINE and not row.phase.settled]
    if failed and not others and not look.goes_on:
        raise DeploymentFailed(
            f"'{status.name}' does not work everywhere", reasons=failed, hint="logs(cluster) say more"
        )


def _laggards(status: Status) -> str:
    return "; ".join(
        f"{row.cluster}: {row.phase}" + (f" ({row.message or row.reason})" if row.message or row.reason else "")
        for row in status.clusters
        if row.phase is not Phase.READY
    )
