"""The ledger of one cluster: what people say of it, and what it has been told. Pure; it is kept in the home cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import Field

from i4q_ai.cluster import Cluster, Scores, Taint, rescored
from i4q_ai.desired import Item, ModelItem, WorkloadItem
from i4q_ai.manifests import fingerprint, kinds
from i4q_ai.plan import Action
from i4q_ai.status import Kind, Observation
from i4q_ai.thing import FrozenDict, Name, Thing

Key = tuple[str, str]
"""Namespace and name of a deployment."""


class Row(Thing):
    """What a cluster has been told of one deployment.

    Args:
        namespace, name, kind: of the deployment.
        item: what it should have; None for nothing any more.
        revision: of the deployment's record that says so.
        owner: of the deployment.
        time: when it was told.
        delivered: the cluster's API server has all of it.
        reason, error: why it could not be delivered, by somebody who will not change his mind; empty otherwise.
        left: kinds of objects that may still be there from what it was told before.
        gone: nothing of it is left there, as was seen; only for what is not wanted any more.
        last: what was last seen of it, for when the cluster is out of reach.
    """

    namespace: Name
    name: Name
    kind: Kind
    item: ModelItem | WorkloadItem | None = Field(default=None, discriminator="kind")
    revision: int
    owner: str = "i4q"
    time: datetime
    delivered: bool = False
    reason: str = ""
    error: str = ""
    left: tuple[str, ...] = ()
    gone: bool = False
    last: Observation | None = None

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def fingerprint(self) -> str:
        """Of the item; empty for none."""
        return fingerprint(self.item) if self.item else ""


class Facts(Thing):
    """What a cluster says of itself.

    Args:
        kube_version: as "v1.34.4".
        resources: allocatable, over its nodes.
        image_volumes: whether its nodes mount OCI artifacts; None where that cannot be seen.
        missing: rights for want of which something is not known.
    """

    kube_version: str = ""
    resources: dict[str, str] = Field(default_factory=dict)
    image_volumes: bool | None = None
    missing: tuple[str, ...] = ()


class Ledger(Thing):
    """All that home knows of a cluster.

    Args:
        cluster: its name.
        labels, taints: as changed through the hub; None for those of the inventory.
        scores: as published through the hub.
        facts: as last read.
        away_since: since when it is out of reach.
        rows: one per deployment that it has, or must still lose.
    """

    cluster: Name
    labels: dict[str, str] | None = None
    taints: tuple[Taint, ...] | None = None
    scores: Scores = Field(default_factory=FrozenDict)
    facts: Facts | None = None
    away_since: datetime | None = None
    rows: tuple[Row, ...] = ()

    def row(self, key: Key) -> Row | None:
        """What it was told of a deployment."""
        return next((row for row in self.rows if row.key == key), None)

    def of(self, namespace: str | None, name: str | None) -> list[Row]:
        """The rows of one deployment, of a namespace, or all; without those that are over."""
        return [
            row for row in self.rows if not row.gone and namespace in (None, row.namespace) and name in (None, row.name)
        ]

    def with_rows(self, rows: Iterable[Row]) -> Ledger:
        """With these rows in place of those of the same deployments."""
        changed = {row.key: row for row in rows}
        kept = {row.key: row for row in self.rows}
        both = {**kept, **changed}
        return self.model_copy(update={"rows": tuple(both[key] for key in sorted(both))})

    def without(self, keys: Iterable[Key]) -> Ledger:
        """Without these deployments."""
        gone = set(keys)
        return self.model_copy(update={"rows": tuple(row for row in self.rows if row.key not in gone)})

    def annotated(
        self, seed: Cluster, labels: Mapping[str, str | None] | None, taints: Sequence[Taint] | None
    ) -> Ledger:
        """With labels changed (None takes one away) and all taints set; from then on the inventory's do not count."""
        changes: dict[str, object] = {}
        if labels:
            present = {**(seed.labels if self.labels is None else self.labels), **labels}
            changes["labels"] = {key: value for key, value in present.items() if value is not None}
        if taints is not None:
            changes["taints"] = tuple(taints)
        return self.model_copy(update=changes)

    def scored(self, resource: str, values: Mapping[str, int], until: datetime | None) -> Ledger:
        """With what one resource says of the cluster replaced; see `rescored`."""
        return self.model_copy(update={"scores": rescored(self.scores, resource, values, until)})

    def described(self, seed: Cluster) -> Cluster:
        """The cluster as placements see it.

        Args:
            seed: what the inventory says of it.
        """
        facts = self.facts or Facts()
        return seed.replace(
            labels=seed.labels if self.labels is None else self.labels,
            taints=seed.taints if self.taints is None else self.taints,
            resources=facts.resources,
            scores=self.scores,
            kube_version=facts.kube_version or None,
        )


def tell(
    ledger: Ledger, actions: Iterable[Action], *, now: datetime, record: Callable[[Key], tuple[int, str] | None]
) -> Ledger:
    """Write down actions, except those of a slow writer.

    An action is a slow writer's when the cluster has heard of a later revision, or when the deployment's record has
    another one by now: whoever changed it did not know of this action, and would not undo it.

    Args:
        ledger: of the cluster.
        actions: on it.
        now: the time.
        record: key of a deployment → the revision and owner of its record; None if there is none.
    """
    rows = []
    for action in actions:
        key = key_of(action.item)
        known, present = ledger.row(key), record(key)
        late = known is not None and action.revision < known.revision
        if late or (present is not None and present[0] != action.revision):
            continue
        row = _next(known, action.item, action.after, action.revision, now)
        rows.append(row.model_copy(update={"owner": present[1]}) if present else row)
    return ledger.with_rows(rows)


def row_for(item: Item, ledger: Ledger, *, now: datetime) -> Row:
    """The row that a cluster would have, had it been told an item now."""
    return _next(ledger.row(key_of(item)), item, item, item.revision, now)


def _next(known: Row | None, about: Item, item: Item | None, revision: int, now: datetime) -> Row:
    """The row after a cluster was told something; what it knows already stays as it is."""
    row = Row(namespace=about.namespace, name=about.name, kind=about.kind, item=item, revision=revision, time=now)
    if known is None:
        return row
    row = row.model_copy(update={"owner": known.owner, "last": known.last})
    if known.fingerprint == row.fingerprint and known.kind == row.kind:
        kept = ("time", "delivered", "item", "reason", "error", "left", "gone")
        return row.model_copy(update={field: getattr(known, field) for field in kept})
    return row.model_copy(update={"left": tuple(sorted({*known.left, *kinds(known.item)}))})


def key_of(item: Item) -> Key:
    """Namespace and name of its deployment."""
    return item.namespace, item.name


def delivered(ledger: Ledger, row: Row, *, reason: str = "", error: str = "") -> Ledger:
    """Write down that a row has arrived, or why it will not.

    If the cluster was told something else meanwhile, that has to be delivered again: what has arrived so late may
    stand in its way, and of kinds that nobody would look for.
    """
    present = ledger.row(row.key)
    if present is None:
        return ledger
    if present.fingerprint != row.fingerprint or present.kind != row.kind:
        left = tuple(sorted({*present.left, *kinds(row.item)}))
        return ledger.with_rows([present.model_copy(update={"delivered": False, "left": left, "gone": False})])
    pending = tuple(kind for kind in present.left if kind not in row.left)
    left = present.left if error or row.item is None else pending
    changes = {"delivered": not (error or pending), "reason": reason, "error": error, "left": left}
    return ledger.with_rows([present.model_copy(update=changes)])


def noted(ledger: Ledger, seen: Mapping[Key, Observation | None], *, away: bool, now: datetime) -> Ledger:
    """Write down what must be known of a cluster once it is out of reach, and nothing that changes all the time.

    Args:
        ledger: of the cluster.
        seen: deployment → what is observed of it; None where nothing is left.
        away: it is out of reach.
        now: the time.
    """
    since = (ledger.away_since or now) if away else None
    ledger = ledger if ledger.away_since == since else ledger.model_copy(update={"away_since": since})
    if away:
        return ledger
    changed = []
    for row in ledger.rows:
        found = seen.get(row.key, row.last)
        if row.item is None and row.key in seen and found is None and not row.gone:
            changed.append(row.model_copy(update={"gone": True, "last": None}))
        elif row.item is not None and found is not None and found.phase.settled and _news(row.last, found):
            changed.append(row.model_copy(update={"last": found}))
    return ledger.with_rows(changed) if changed else ledger


def _news(before: Observation | None, after: Observation) -> bool:
    fields = ("phase", "running", "version", "desired")
    return before is None or any(getattr(before, field) != getattr(after, field) for field in fields)
