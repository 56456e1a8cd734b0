"""What clusters have been told, in SQLite: a row per cluster and deployment, a tombstone where one was removed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from i4q_ai.backends.base import Action
from i4q_ai.desired import Item, item_from
from i4q_ai.local import roster
from i4q_ai.local.revisions import revision_of
from i4q_ai.spec import RECORD_KIND
from i4q_ai.status import Kind

_SCOPE = "(:namespace IS NULL OR namespace = :namespace) AND (:name IS NULL OR name = :name)"


@dataclass(frozen=True)
class Told:
    """What one cluster has been told of one deployment.

    Args:
        cluster, namespace, name, kind: of what.
        item: what it should have; None for nothing any more.
        told_at: the revision of the cluster's desired state that says so first.
        time: when.
    """

    cluster: str
    namespace: str
    name: str
    kind: Kind
    item: Item | None
    told_at: int
    time: datetime


def rows(
    connection: sqlite3.Connection, *, cluster: str | None = None, namespace: str | None = None, name: str | None = None
) -> list[Told]:
    """What was told, tombstones included, by cluster, namespace and name."""
    sql = f"""SELECT cluster, namespace, name, kind, item, told_at, time FROM assignments
        WHERE {_SCOPE} AND (:cluster IS NULL OR cluster = :cluster) ORDER BY cluster, namespace, name"""  # noqa: S608
    found = connection.execute(sql, {"namespace": namespace, "name": name, "cluster": cluster})
    return [_told(row) for row in found]


def record(connection: sqlite3.Connection, actions: Sequence[Action]) -> None:
    """Write down actions on one cluster, except those of a slow writer; its desired state advances if it changes.

    An action is a slow writer's when the cluster has heard of a later revision, or when the deployment's record has
    another one by now, or is gone: whoever changed it did not know of this action, and would not undo it.
    """
    cluster = actions[0].cluster
    before = roster.entry(connection, cluster).revision
    changed = [_record(connection, action, before + 1) for action in actions]
    if any(changed):
        roster.advance(connection, cluster)


def forget(connection: sqlite3.Connection, namespace: str, name: str) -> None:
    """Drop the tombstones of a deployment whose record goes: its name may begin anew, at revision 1."""
    connection.execute("DELETE FROM assignments WHERE namespace = ? AND name = ? AND item IS NULL", (namespace, name))


def _record(connection: sqlite3.Connection, action: Action, told_at: int) -> bool:
    about = action.item
    key = {"cluster": action.cluster, "namespace": about.namespace, "name": about.name}
    known = connection.execute(
        """SELECT item, revision, told_at FROM assignments
        WHERE cluster = :cluster AND namespace = :namespace AND name = :name""",
        key,
    ).fetchone()
    had, revision, when = known or (None, 0, 0)
    present = revision_of(connection, RECORD_KIND, about.namespace, about.name)
    if action.revision < revision or present not in (None, action.revision):
        return False
    item = json.dumps(action.after.model_dump(mode="json")) if action.after else None
    if known and item == had and action.revision == revision:
        return False
    changes = item != had
    connection.execute(
        "REPLACE INTO assignments VALUES (:cluster, :namespace, :name, :kind, :item, :revision, :told_at, :time)",
        {
            **key, "kind": about.kind, "item": item, "revision": action.revision,
            "told_at": told_at if changes else when, "time": str(datetime.now(UTC)),
        },
    )  # fmt: skip
    return changes


def _told(row: tuple[str, str, str, Kind, str | None, int, str]) -> Told:
    cluster, namespace, name, kind, item, told_at, time = row
    thing = item_from(json.loads(item)) if item else None
    return Told(cluster, namespace, name, kind, thing, told_at, datetime.fromisoformat(time))
