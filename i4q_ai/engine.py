"""Engine: plan, apply, refresh and status on top of the port; the same for every backend."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from i4q_ai import eviction, planning, summary
from i4q_ai.deadline import Deadline
from i4q_ai.errors import (
    ConflictError,
    DeploymentFailed,
    NotFoundError,
    OwnedError,
    StalePlanError,
    UnreachableError,
    nearest,
)
from i4q_ai.plan import Action, Assignment, Change, Difference, Plan, fingerprint
from i4q_ai.snapshot import Snapshot
from i4q_ai.spec import RECORD_KIND, Spec
from i4q_ai.status import Status
from i4q_ai.trust import Trust

if TYPE_CHECKING:
    from i4q_ai.backends.base import Backend, Fleet, Record, Store

log = logging.getLogger(__name__)

_TRIES = 8
"""How often a plan is made anew because somebody else was faster."""
_SHORTEST_LOOK = 0.01
"""Seconds; clocks that differ by less must not make a loop of it."""

Clock = Callable[[], datetime]


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass
class Alarm:
    """When to look again, although nothing will tell of a change then.

    Args:
        at: the end of the next soak; set by whoever looks.
    """

    at: datetime | None = None


@dataclass(frozen=True)
class Look:
    """What one look at a deployment has found.

    Args:
        status: of it.
        wakes_at: when the next soak ends, after which there is more to see.
        goes_on: a roll-out has more to do, and is not halted.
    """

    status: Status
    wakes_at: datetime | None = None
    goes_on: bool = False


@dataclass(frozen=True)
class Engine:
    """What hub, clusters, deployments and controller share.

    Args:
        backend: the store and the fleet.
        namespace: of the deployments.
        owner: whose deployments it may change.
        timeout: seconds that a call to the backend may take.
        eviction_limit: the share of the clusters that have a deployment which a changed placement may take it from.
        trust: the policy that must let a version in before it is pinned; None asks nobody.
        clock: by which soaks end; another one in tests.
    """

    backend: Backend
    namespace: str
    owner: str
    timeout: float
    eviction_limit: float = eviction.LIMIT
    trust: Trust | None = field(default=None, repr=False)
    clock: Clock = field(default=_utc, repr=False)

    @property
    def store(self) -> Store:
        """What remembers."""
        return self.backend.store

    @property
    def fleet(self) -> Fleet:
        """What acts."""
        return self.backend.fleet

    def deadline(self) -> Deadline:
        """For one call, beginning now."""
        return Deadline.after(self.timeout)

    # what there is

    def records(self) -> dict[str, Record]:
        """Name → record of every deployment of the namespace."""
        found = self.store.list(RECORD_KIND, namespace=self.namespace, deadline=self.deadline())
        return {record.name: record for record in found}

    def record(self, name: str) -> Record:
        """The record of a deployment.

        Raises:
            NotFoundError: there is none; with the nearest one.
        """
        record = self._find(name)
        if record is None:
            known = self.records()
            raise NotFoundError(f"there is no deployment '{self.namespace}/{name}'", hint=nearest(name, known))
        return record

    def history(self, name: str) -> list[Record]:
        """The revisions of a deployment's record, oldest first."""
        return list(self.store.history(RECORD_KIND, self.namespace, name, deadline=self.deadline()))

    def snapshot(self, name: str, record: Record | None) -> Snapshot:
        """All that is known of a deployment now."""
        sight = self.fleet.look(namespace=self.namespace, name=name, deadline=self.deadline())
        return Snapshot(
            namespace=self.namespace,
            name=name,
            revision=record.revision if record else 0,
            spec=read(record) if record else None,
            clusters=tuple(sight.clusters),
            assigned=tuple(sight.assigned),
            observed=tuple(sight.observed),
        )

    def status(self, name: str) -> Status | None:
        """The status of a deployment; None if there is none."""
        look = self.look(name)
        return None if look is None else look.status

    def look(self, name: str) -> Look | None:
        """The status of a deployment, and when to look again; None if there is none."""
        try:
            record = self._find(name)
        except UnreachableError as error:
            return Look(self._status_without_record(name, error))
        if record is None:
            return None
        snapshot, spec = self.snapshot(name, record), read(record)
        due = planning.change(snapshot, spec, others={}, require=False, now=self.clock(), binding=False)
        goes_on = bool(due.wakes_at or (due.later and not due.halted))
        return Look(summary.summarize(snapshot, spec, due), due.wakes_at, goes_on)

    def _status_without_record(self, name: str, error: UnreachableError) -> Status:
        """What the clusters say by themselves, where the store is out of reach."""
        observed = self.fleet.observe(namespace=self.namespace, name=name, deadline=self.deadline())
        if not observed:
            raise error
        return summary.without_record(self.namespace, name, observed, why=error.what)

    def watch(self, name: str | None, deadline: Deadline, *, alarm: Alarm | None = None) -> Iterator[None]:
        """At once, whenever anything may have changed, and when a soak ends; until the deadline.

        Args:
            name: of a deployment; None for all.
            deadline: when to end.
            alarm: may be set anew at every look.
        """
        alarm = alarm or Alarm()
        while True:
            due = alarm.at
            until = self._until(due, deadline)
            for _ in self.fleet.watch(namespace=self.namespace, name=name, deadline=until):
                yield
                if alarm.at != due:
                    break
            else:
                if deadline.passed or not until.passed:
                    return

    def _until(self, due: datetime | None, deadline: Deadline) -> Deadline:
        """The deadline, or the end of a soak that comes before it."""
        now = self.clock()
        if due is None or due <= now:
            return deadline
        seconds = max((due - now).total_seconds(), _SHORTEST_LOOK)
        return replace(deadline, at=min(deadline.at, deadline.clock() + seconds))

    # what shall be

    def plan(
        self, specs: Mapping[str, Spec], *, require: bool = True, live: bool = False, vouched: bool = False
    ) -> Plan:
        """What must change so that deployments are as their specs say.

        Args:
            specs: name → what is wanted.
            require: refuse a placement that no cluster meets.
            live: ask clusters what would differ there, where the backend can.
            vouched: the specs are those of the records, which the trust policy has let in already.

        Raises:
            OwnedError: clusters take what has that name from Git already, or it belongs to somebody else.
            UntrustedError: the trust policy does not let a version in.
        """
        records = self.records()
        known = {name: read(record) for name, record in records.items()}
        changes = []
        for name, spec in sorted(specs.items(), key=_order):
            others = {other: one for other, one in {**known, **specs}.items() if other != name}
            past = [read(record) for record in self.history(name)] if name in records else []
            snapshot = self.snapshot(name, records.get(name))
            planning.check(
                spec, snapshot, others=others, past=past, capabilities=self.backend.capabilities, owner=self.owner
            )
            if not spec.deleted and not vouched:
                self._need_unpublished(name)
            if _is_new_placement(spec, snapshot.spec):
                about = {"namespace": self.namespace, "name": name}
                self.fleet.check(spec.placement, **about, deadline=self.deadline())
            change = planning.change(
                snapshot,
                spec if vouched else self.vouched(spec, snapshot.spec),
                others=others,
                require=require,
                now=self.clock(),
                eviction_limit=self.eviction_limit,
            )
            changes.append(self._compared(change, snapshot) if live and self.backend.capabilities.compare else change)
        return Plan(tuple(changes))

    def drift(self, name: str) -> list[Difference]:
        """What is not as clusters were told, on those within reach."""
        told = self.fleet.assigned(namespace=self.namespace, name=name, deadline=self.deadline())
        return self.fleet.compare(told, deadline=self.deadline())

    def repair(self, name: str, *, force: bool = False) -> None:
        """Tell all clusters of a deployment again what they should have.

        Args:
            name: of the deployment.
            force: take over what somebody else has changed there.

        Raises:
            DeploymentFailed: clusters could not be told.
        """
        told = self.fleet.assigned(namespace=self.namespace, name=name, deadline=self.deadline())
        revision = self.record(name).revision
        self._tell(
            name,
            [
                Action(verb="update", cluster=each.cluster, before=each.item, after=each.item, revision=revision)
                for each in told
            ],
            force=force,
        )

    def plan_refresh(self, name: str | None = None) -> Plan:
        """What must change so that clusters are as the records say: of one deployment, or of all of this owner."""
        specs = {each: read(record) for each, record in self.records().items() if name in (None, each)}
        return self.plan(
            {each: spec for each, spec in specs.items() if spec.owner == self.owner}, require=False, vouched=True
        )

    def settle(self, make: Callable[[], Plan], *, allow_eviction: bool = False) -> Plan:
        """Plan and apply; when somebody was faster, plan again from what they left.

        Args:
            make: plans.
            allow_eviction: as for `apply`.

        Returns:
            The plan that was applied.
        """
        for _ in range(_TRIES - 1):
            plan = make()
            try:
                self.apply(plan, allow_eviction=allow_eviction)
            except StalePlanError as error:
                log.debug("planning again: %s", error)
            else:
                return plan
        plan = make()
        self.apply(plan, allow_eviction=allow_eviction)
        return plan

    def apply(self, plan: Plan, *, allow_eviction: bool = False) -> None:
        """Do what a plan says, change by change.

        Args:
            plan: made by this engine.
            allow_eviction: also where a changed placement takes more away than may be meant.

        Raises:
            EvictionError: it takes more away than that; nothing was touched.
            StalePlanError: what a change was made from is gone; it and those behind it were not done.
            DeploymentFailed: clusters could not be told.
        """
        if not allow_eviction:
            eviction.check(plan)
        for change in plan.changes:
            self._apply(change)

    def bury(self, name: str) -> bool:
        """Forget a deleted deployment once nothing of it is left anywhere.

        Returns:
            Whether it is gone.
        """
        record = self._find(name)
        if record is None:
            return True
        snapshot = self.snapshot(name, record)
        if snapshot.spec is None or not snapshot.spec.deleted or snapshot.assigned or snapshot.observed:
            return False
        self.store.remove(RECORD_KIND, self.namespace, name, expected=record.revision, deadline=self.deadline())
        return True

    def vouched(self, spec: Spec, present: Spec | None) -> Spec:
        """A spec that the trust policy has let in, with what clusters must know of it.

        Without a policy here, the one that is in the record already stays.
        """
        trust = self.trust or (present.trust if present else None)
        if spec.deleted or trust is None:
            return spec
        stamped = spec.replace(trust=trust if trust.edge else None)
        if stamped != present:
            for thing in stamped.objects():
                thing.verify(trust, timeout=self.timeout)
        return stamped

    def _find(self, name: str) -> Record | None:
        return self.store.get(RECORD_KIND, self.namespace, name, deadline=self.deadline())

    def _need_unpublished(self, name: str) -> None:
        """Clusters that take a name from Git are not told of it as well; `publish` refuses the other way round."""
        from i4q_ai.published import RECORD_KIND as PUBLISHED

        if not self.backend.capabilities.gitops:
            return
        if self.store.get(PUBLISHED, self.namespace, name, deadline=self.deadline()) is not None:
            raise OwnedError(
                f"'{self.namespace}/{name}' is published to Git already",
                hint=f"publish it again, `i4q publication delete {name}`, or take another name=",
            )

    def _apply(self, change: Change) -> None:
        self._require_fresh(change)
        if change.writes:
            self._write(change)
        self._tell(change.name, change.actions)
        self.fleet.catch_up(namespace=change.namespace, name=change.name, deadline=self.deadline())
        if change.spec.deleted:
            self.bury(change.name)

    def _tell(self, name: str, actions: Sequence[Action], *, force: bool = False) -> None:
        outcomes = self.fleet.apply(actions, force=force, deadline=self.deadline())
        errors = {outcome.action.cluster: outcome.error for outcome in outcomes if outcome.error}
        if errors:
            raise DeploymentFailed(f"'{name}' could not be told to every cluster", reasons=errors)

    def _compared(self, change: Change, snapshot: Snapshot) -> Change:
        told = {action.cluster: action.after for action in change.actions}
        wanted = [Assignment(cluster=cluster, item=item) for cluster, item in told.items() if item is not None]
        untouched = [each for each in snapshot.assigned if each.cluster not in told]
        return replace(
            change,
            details=tuple(self.fleet.compare(wanted, deadline=self.deadline())),
            drift=tuple(self.fleet.compare(untouched, deadline=self.deadline())),
        )

    def _require_fresh(self, change: Change) -> None:
        record, deadline = self._find(change.name), self.deadline()
        clusters = self.fleet.clusters(deadline=deadline)
        assigned = self.fleet.assigned(namespace=change.namespace, name=change.name, deadline=deadline)
        if fingerprint(record.revision if record else 0, clusters, assigned) != change.basis:
            raise StalePlanError(
                f"'{change.namespace}/{change.name}' has changed since it was planned", hint="plan again"
            )

    def _write(self, change: Change) -> None:
        from i4q_ai.backends.base import Record

        record = Record(kind=RECORD_KIND, namespace=change.namespace, name=change.name, data=change.spec.dump())
        try:
            self.store.put(record, expected=change.expected, deadline=self.deadline())
        except ConflictError as error:
            raise StalePlanError(f"'{change.name}' was changed by somebody else just now", hint="plan again") from error


def read(record: Record) -> Spec:
    """What a deployment's record says."""
    return Spec.parse(record.data, where=f"record of '{record.namespace}/{record.name}'")


def _is_new_placement(spec: Spec, present: Spec | None) -> bool:
    if spec.deleted:
        return False
    return present is None or present.deleted or present.placement != spec.placement


def _order(entry: tuple[str, Spec]) -> tuple[bool, str]:
    """Models before the workloads that use them; the other way round when they go."""
    name, spec = entry
    return (spec.kind == "workload") != spec.deleted, name
