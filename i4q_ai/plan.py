"""Plan: ordered changes with a diff and the state they were made from; shown, then applied, refused when stale."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from i4q_ai.cluster import Cluster
from i4q_ai.desired import ModelItem, WorkloadItem
from i4q_ai.spec import Spec
from i4q_ai.status import Kind
from i4q_ai.thing import Thing


class Assignment(Thing):
    """What a cluster has been told to run."""

    cluster: str
    item: ModelItem | WorkloadItem = Field(discriminator="kind")


@dataclass(frozen=True)
class Difference:
    """What a cluster has, and what it would have.

    Args:
        cluster: where.
        namespace, name: of the deployment.
        object: kind and name of what differs.
        verb: "create", "update", "remove", or "refused" where the cluster would not take it.
        lines: of a unified diff; the words of the refusal.
        conflicts: fields that somebody else manages, and who.
    """

    cluster: str
    namespace: str
    name: str
    object: str
    verb: Literal["create", "update", "remove", "refused"]
    lines: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()

    def text(self) -> Iterator[str]:
        """For people."""
        yield f"{self.cluster}: {self.verb} {self.object}"
        yield from (f"  {line}" for line in self.lines)
        yield from (f"  conflict: {line}" for line in self.conflicts)


class Action(Thing):
    """One change on one cluster.

    Args:
        verb: what is done.
        cluster: where.
        before: what it has been told so far; None for create.
        after: what it is told now; None for remove.
        revision: of the deployment's record that it comes from. A fleet ignores an action that comes from a lower
            revision than what the cluster has been told already: a slow writer never undoes a later one.
    """

    verb: Literal["create", "update", "remove"]
    cluster: str
    before: ModelItem | WorkloadItem | None = None
    after: ModelItem | WorkloadItem | None = None
    revision: int = 0

    @property
    def item(self) -> ModelItem | WorkloadItem:
        """What it is about: after, or before where nothing comes after."""
        item = self.after or self.before
        assert item is not None, "an action has a before or an after"
        return item


@dataclass(frozen=True)
class Change:
    """What happens to one deployment.

    Args:
        namespace, name, kind: of the deployment.
        basis: a fingerprint of the state it was made from.
        expected: revision of the record it was made from; 0 for none.
        revision: of the record after it.
        spec: what the record says after it.
        actions: on clusters, now.
        later: clusters whose stage has not come.
        waits_for: why they must wait.
        halted: why the roll-out stops.
        wakes_at: when the next soak ends, after which more may change; nothing tells of that, so look again then.
        losers: clusters that have it, and lose it.
        evicts: why it must be allowed by name; empty where it need not.
        warnings: for people.
        details: what the actions change on the clusters, object by object, where the backend can tell.
        drift: what is not as it was told on clusters that get no action.
    """

    namespace: str
    name: str
    kind: Kind
    basis: str
    expected: int
    revision: int
    spec: Spec
    actions: tuple[Action, ...] = ()
    later: tuple[str, ...] = ()
    waits_for: str = ""
    halted: str = ""
    wakes_at: datetime | None = None
    losers: tuple[str, ...] = ()
    evicts: str = ""
    warnings: tuple[str, ...] = ()
    details: tuple[Difference, ...] = ()
    drift: tuple[Difference, ...] = ()

    @property
    def writes(self) -> bool:
        """Whether the record changes."""
        return self.revision != self.expected

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return not self.writes and not self.actions

    def lines(self) -> Iterator[str]:
        """A unified diff per action, then what comes later, who loses it, and the warnings."""
        title = f"{self.kind} {self.namespace}/{self.name}"
        if self.empty:
            yield f"{title}: nothing to change"
        elif not self.actions:
            yield f"{title}: revision {self.revision}, no cluster changes"
        for action in self.actions:
            yield f"{title}: {action.verb} on {action.cluster}"
            yield from _diff(action)
            for difference in self.details:
                if difference.cluster == action.cluster:
                    yield from (f"  {line}" for line in difference.text())
        for difference in self.drift:
            yield from (f"{title}: drift: {line}" for line in difference.text())
        if self.later:
            yield f"{title}: later on {', '.join(self.later)} ({self.halted or 'waits for ' + self.waits_for})"
        for remark in self.remarks():
            yield f"{title}: {remark}"

    def remarks(self) -> Iterator[str]:
        """Who loses it, what must be allowed, and the warnings."""
        if self.losers:
            yield f"lost by {', '.join(self.losers)}"
        if self.evicts:
            yield f"refused unless eviction is allowed: {self.evicts}"
        for warning in self.warnings:
            yield f"warning: {warning}"


@dataclass(frozen=True)
class Plan:
    """Changes in the order in which they are applied: models before the workloads that use them.

    `str(plan)` is a diff; `plan.empty` says that there is nothing to do.
    """

    changes: tuple[Change, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing changes."""
        return all(change.empty for change in self.changes)

    @property
    def actions(self) -> tuple[Action, ...]:
        """All actions on clusters."""
        return tuple(action for change in self.changes for action in change.actions)

    @property
    def wakes_at(self) -> datetime | None:
        """When the next soak ends; nothing tells of that, so look again then."""
        return min((change.wakes_at for change in self.changes if change.wakes_at), default=None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """All warnings."""
        return tuple(warning for change in self.changes for warning in change.warnings)

    def __str__(self) -> str:
        return "\n".join(line for change in self.changes for line in change.lines()) or "nothing to change"

    def _repr_html_(self) -> str:
        from i4q_ai import display

        return display.plan(self).html()


def _diff(action: Action) -> Iterator[str]:
    from i4q_ai import yamls

    def shown(item: ModelItem | WorkloadItem | None) -> dict[str, Any] | None:
        named = {"namespace", "name", "revision"}
        return None if item is None else item.model_dump(mode="json", exclude=named, exclude_defaults=True)

    return (f"  {line}" for line in yamls.diff(shown(action.before), shown(action.after)))


def fingerprint(revision: int, clusters: Iterable[Cluster], assigned: Iterable[Assignment]) -> str:
    """What a plan depends on, as one digest: the record's revision, what clusters are, and what they have been told.

    Conditions are left out: a cluster that comes or goes makes no plan stale.
    """
    state = {
        "revision": revision,
        "clusters": [cluster.model_dump(mode="json", exclude={"conditions"}) for cluster in clusters],
        "assigned": sorted(json.dumps(each.model_dump(mode="json"), sort_keys=True) for each in assigned),
    }
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()
