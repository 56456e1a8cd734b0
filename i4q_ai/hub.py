"""Hub: the front door to one backend. Plans, applies and refreshes, the same for every backend."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from i4q_ai import backends, config, planning, summary
from i4q_ai.clusters import Clusters
from i4q_ai.deadline import Deadline
from i4q_ai.deployment import Deployment
from i4q_ai.desired import Flavour
from i4q_ai.errors import ConflictError, DeploymentFailed, InvalidError, NotFoundError, StalePlanError, UnsupportedError, nearest
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.placing.evaluate import Decision, evaluate
from i4q_ai.plan import Change, Plan
from i4q_ai.planning import Snapshot
from i4q_ai.release import Release
from i4q_ai.rollout.step import Rollout
from i4q_ai.spec import Spec
from i4q_ai.status import Observation, Status
from i4q_ai.workload import Workload

if TYPE_CHECKING:
    from i4q_ai.backends.base import Backend, Record
    from i4q_ai.capabilities import Capabilities

log = logging.getLogger(__name__)

KIND = "deployment"
_TRIES = 8


class Hub:
    """The front door to one backend.

    Args:
        address: "embedded" (clusters on this machine), or `name://rest` of another backend; the default is `I4Q_HUB`.
        namespace: of the deployments; the default is `I4Q_NAMESPACE`.
        owner: that new deployments are marked with; those of other owners are left alone. The default is `I4Q_OWNER`.
        timeout: seconds that a call may take, unless it takes a timeout itself.
        options: of the backend; the embedded one has `home=`, the folder of its state.

    Raises:
        NotFoundError: there is no such backend.

    Example:
        >>> from i4q_ai import Hub
        >>> hub = Hub(home=home)
        >>> hub.clusters.add("edge-1", labels={"line": "cnc"}).labels
        {'line': 'cnc'}
        >>> hub.close()
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        namespace: str | None = None,
        owner: str | None = None,
        timeout: float = 60,
        **options: Any,
    ) -> None:
        if address is not None and not isinstance(address, str):
            raise UnsupportedError("a hub over several hubs is not built yet", hint="open one Hub per address")
        self.address = address or config.hub()
        self.namespace = namespace or config.namespace()
        self.owner = owner or config.owner()
        self._timeout = timeout
        self._backend: Backend = backends.open_backend(self.address, **options)
        self.clusters = Clusters(self)

    # what there is

    @property
    def capabilities(self) -> Capabilities:
        """What the backend can do."""
        return self._backend.capabilities

    def get(self, name: str) -> Deployment:
        """The deployment of that name.

        Raises:
            NotFoundError: there is none in this namespace; with the nearest one.
        """
        records = self._records()
        if name not in records:
            raise NotFoundError(f"there is no deployment '{self.namespace}/{name}'", hint=nearest(name, records))
        return Deployment(self, name)

    def list(self) -> list[Deployment]:
        """All deployments of the namespace, by name."""
        return [Deployment(self, name) for name in self._records()]

    def explain(self, placement: Placement) -> Decision:
        """Every cluster: in or out, and the clause that decided.

        Args:
            placement: does not have to be deployed.
        """
        return evaluate(placement, self._backend.fleet.clusters(deadline=self._deadline()))

    # plan, show, apply

    def plan(
        self,
        thing: Model | Workload,
        *,
        to: Placement,
        name: str | None = None,
        flavour: Flavour = "server",
        versions: Mapping[str, Model] | None = None,
        rollout: Rollout | None = None,
    ) -> Plan:
        """What `deploy` with the same arguments would change; nothing is touched.

        Args:
            thing: a model or workload that is pushed.
            to: which clusters.
            name: of the deployment; the thing's name if not given.
            flavour: how a model is delivered: "server" or "files".
            versions: group → model, where groups of the placement differ; `"*"` is the rest.
            rollout: how the change reaches the clusters; all at once if not given.

        Raises:
            InvalidError: it is not pushed, or does not fit what it uses.
            RuleError: no cluster meets the placement.
            OwnedError: the name is taken.
            UnsupportedError: the backend cannot do that.
            VersionExistsError: the version is known with other content.
        """
        return self._plan_specs({name or thing.name: self._spec(thing, to, flavour, versions, rollout)}, require=True)

    def deploy(
        self,
        thing: Model | Workload,
        *,
        to: Placement,
        name: str | None = None,
        flavour: Flavour = "server",
        versions: Mapping[str, Model] | None = None,
        rollout: Rollout | None = None,
    ) -> Deployment:
        """Create or update a deployment; returns when the clusters are told, `.wait()` waits for them.

        Args:
            thing, to, name, flavour, versions, rollout: as for `plan`, whose errors it raises too.
        """
        spec = self._spec(thing, to, flavour, versions, rollout)
        self._settle(lambda: self._plan_specs({name or thing.name: spec}, require=True))
        return Deployment(self, name or thing.name)

    def apply(self, plan: Plan) -> list[Deployment]:
        """Do what a plan says.

        Raises:
            StalePlanError: what it was made from is gone; nothing was touched, or only the changes before that one.
        """
        for change in plan.changes:
            self._apply(change)
        return [Deployment(self, change.name) for change in plan.changes if not change.spec.deleted]

    def apply_file(self, path: str | Path, *, dry_run: bool = False) -> Plan:
        """Do what a release file says.

        Args:
            path: a YAML file with one Release.
            dry_run: only plan.

        Returns:
            The plan that was applied, or would be.

        Raises:
            SchemaError: the file is broken, with line and column; or does not fit, with the path of the field.
        """
        return self.apply_release(Release.read(Path(path)), dry_run=dry_run)

    def apply_release(self, release: Release, *, dry_run: bool = False) -> Plan:
        """Like `apply_file`, from the object."""
        specs = release.specs(owner=self.owner)

        def plan() -> Plan:
            return self._plan_specs(specs, require=True)

        return plan() if dry_run else self._settle(plan)

    def refresh(self, name: str | None = None) -> Plan:
        """Bring clusters up to what is wanted now: after a label has changed, a cluster has come, a stage is good.

        Args:
            name: of one deployment; all of this owner in the namespace if not given.

        Returns:
            The plan that was applied.
        """
        return self._settle(lambda: self._plan_refresh(name))

    # for the handles

    def _deadline(self) -> Deadline:
        return Deadline.after(self._timeout)

    def _records(self) -> dict[str, Record]:
        found = self._backend.store.list(KIND, namespace=self.namespace, deadline=self._deadline())
        return {record.name: record for record in found}

    def _spec(
        self,
        thing: Model | Workload,
        to: Placement,
        flavour: Flavour,
        versions: Mapping[str, Model] | None,
        rollout: Rollout | None,
    ) -> Spec:
        if not isinstance(thing, Model | Workload):
            raise InvalidError(f"a {type(thing).__name__} cannot be deployed", hint="give a Model or a Workload")
        return Spec(
            model=thing if isinstance(thing, Model) else None,
            workload=thing if isinstance(thing, Workload) else None,
            placement=to,
            flavour=flavour,
            versions=dict(versions or {}),
            rollout=rollout or Rollout(),
            owner=self.owner,
        )

    def _snapshot(self, name: str, record: Record | None) -> Snapshot:
        deadline, fleet = self._deadline(), self._backend.fleet
        return Snapshot(
            namespace=self.namespace,
            name=name,
            revision=record.revision if record else 0,
            spec=Spec.parse(record.data, where=f"record of '{name}'") if record else None,
            clusters=tuple(fleet.clusters(deadline=deadline)),
            assigned=tuple(fleet.assigned(namespace=self.namespace, name=name, deadline=deadline)),
            observed=tuple(fleet.observe(namespace=self.namespace, name=name, deadline=deadline)),
        )

    def _plan_specs(self, specs: Mapping[str, Spec], *, require: bool) -> Plan:
        records = self._records()
        known = {name: Spec.parse(record.data) for name, record in records.items()}
        changes = []
        for name, spec in sorted(specs.items(), key=_models_first):
            others = {other: one for other, one in {**known, **specs}.items() if other != name}
            snapshot = self._snapshot(name, records.get(name))
            planning.check(spec, snapshot, others=others, capabilities=self.capabilities, owner=self.owner)
            changes.append(planning.change(snapshot, spec, others=others, require=require))
        return Plan(tuple(changes))

    def _plan_refresh(self, name: str | None) -> Plan:
        specs = {each: Spec.parse(record.data) for each, record in self._records().items() if name in (None, each)}
        return self._plan_specs({each: spec for each, spec in specs.items() if spec.owner == self.owner}, require=False)

    def _settle(self, plan: Any) -> Plan:
        """Plan and apply; when somebody was faster, plan again from what they left."""
        for _ in range(_TRIES - 1):
            made: Plan = plan()
            try:
                self.apply(made)
            except StalePlanError as error:
                log.debug("planning again: %s", error)
            else:
                return made
        made = plan()
        self.apply(made)
        return made

    def _apply(self, change: Change) -> None:
        deadline, store, fleet = self._deadline(), self._backend.store, self._backend.fleet
        record = store.get(KIND, change.namespace, change.name, deadline=deadline)
        if self._snapshot_basis(change, record) != change.basis:
            raise StalePlanError(f"'{change.namespace}/{change.name}' has changed since it was planned", hint="plan again")
        if change.writes:
            self._write(change)
        outcomes = fleet.apply(change.actions, deadline=deadline)
        errors = {outcome.action.cluster: outcome.error for outcome in outcomes if outcome.error}
        if errors:
            raise DeploymentFailed(f"'{change.name}' could not be told to every cluster", reasons=errors)
        if change.spec.deleted:
            self._bury(change.name)

    def _snapshot_basis(self, change: Change, record: Record | None) -> str:
        from i4q_ai.plan import fingerprint

        deadline, fleet = self._deadline(), self._backend.fleet
        assigned = fleet.assigned(namespace=change.namespace, name=change.name, deadline=deadline)
        return fingerprint(record.revision if record else 0, fleet.clusters(deadline=deadline), assigned)

    def _write(self, change: Change) -> None:
        from i4q_ai.backends.base import Record

        record = Record(kind=KIND, namespace=change.namespace, name=change.name, data=change.spec.dump())
        try:
            self._backend.store.put(record, expected=change.expected, deadline=self._deadline())
        except StalePlanError:
            raise
        except ConflictError as error:
            raise StalePlanError(f"'{change.name}' was changed by somebody else just now", hint="plan again") from error

    def _bury(self, name: str) -> bool:
        """Forget a deleted deployment once nothing of it is left; says whether it is gone."""
        record = self._backend.store.get(KIND, self.namespace, name, deadline=self._deadline())
        if record is None:
            return True
        snapshot = self._snapshot(name, record)
        if snapshot.spec is None or not snapshot.spec.deleted or snapshot.assigned or snapshot.observed:
            return False
        self._backend.store.remove(
            KIND, self.namespace, name, expected=record.revision, deadline=self._deadline()
        )
        return True

    def _status(self, name: str) -> Status | None:
        record = self._backend.store.get(KIND, self.namespace, name, deadline=self._deadline())
        if record is None:
            return None
        snapshot = self._snapshot(name, record)
        assert snapshot.spec is not None, "the record was there"
        due = planning.change(snapshot, snapshot.spec, others={}, require=False)
        return summary.summarize(snapshot, snapshot.spec, due)

    def _changes(self, name: str | None, deadline: Deadline) -> Iterator[Iterable[Observation]]:
        return self._backend.fleet.watch(namespace=self.namespace, name=name, deadline=deadline)

    # life

    def close(self) -> None:
        """Let go of connections; what runs goes on."""
        self._backend.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Hub {self.address} namespace={self.namespace}>"

    def _repr_html_(self) -> str:
        from i4q_ai import display

        return display.hub(self).html()


def _models_first(entry: tuple[str, Spec]) -> tuple[bool, str]:
    name, spec = entry
    return (spec.kind == "workload") != spec.deleted, name
