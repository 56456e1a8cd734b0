"""The clusters in SQLite: what people say of them, how far each has been told, whether it may run."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from i4q_ai.cluster import Cluster, Condition, Taint, rescored
from i4q_ai.errors import ConflictError, NotFoundError, nearest
from i4q_ai.status import Report

State = Literal["on", "stopped", "removing"]

_SELECT = "SELECT document, revision, state, since, last_report FROM clusters"
_REASONS: dict[State, tuple[str, str]] = {
    "on": ("OnDemand", "its agent is started when it is needed"),
    "stopped": ("Stopped", "it was stopped on purpose"),
    "removing": ("Removing", "it is being removed; if that was broken off, remove it again"),
}


@dataclass(frozen=True)
class Entry:
    """A cluster, as the database knows it.

    Args:
        cluster: without conditions.
        revision: of what it should have; one more with each change.
        state: whether it may run.
        since: when that state began.
        last_report: what its agent reported before it was stopped; None if it is not stopped, or never reported.
    """

    cluster: Cluster
    revision: int
    state: State
    since: datetime
    last_report: Report | None = None

    @property
    def name(self) -> str:
        """Of the cluster."""
        return self.cluster.name

    @property
    def available(self) -> Condition:
        """The condition "Available"."""
        reason, message = _REASONS[self.state]
        status: Literal["True", "False"] = "True" if self.state == "on" else "False"
        return Condition(type="Available", status=status, reason=reason, message=message, since=self.since)


def entries(connection: sqlite3.Connection) -> list[Entry]:
    """All clusters by name."""
    rows = connection.execute(f"{_SELECT} ORDER BY name")
    return [_entry(row) for row in rows]


def entry(connection: sqlite3.Connection, name: str) -> Entry:
    """One cluster.

    Raises:
        NotFoundError: there is none of that name; with the nearest one.
    """
    row = connection.execute(f"{_SELECT} WHERE name = ?", (name,)).fetchone()
    if row is None:
        known = [known for (known,) in connection.execute("SELECT name FROM clusters")]
        raise NotFoundError(f"there is no cluster '{name}'", hint=nearest(name, known))
    return _entry(row)


def add(connection: sqlite3.Connection, cluster: Cluster) -> None:
    """Make a cluster known.

    Raises:
        ConflictError: there is one of that name.
    """
    if connection.execute("SELECT 1 FROM clusters WHERE name = ?", (cluster.name,)).fetchone():
        raise ConflictError(f"there is a cluster '{cluster.name}' already", hint="give the new one another name")
    values = (cluster.name, _document(cluster), str(datetime.now(UTC)))
    connection.execute("INSERT INTO clusters VALUES (?, ?, 1, 'on', ?, NULL)", values)


def annotate(
    connection: sqlite3.Connection,
    name: str,
    *,
    labels: Mapping[str, str | None] | None,
    taints: Sequence[Taint] | None,
) -> None:
    """Change labels (None takes one away) or set all taints."""
    cluster = entry(connection, name).cluster
    changed = {**cluster.labels, **(labels or {})}
    kept = {key: value for key, value in changed.items() if value is not None}
    annotated = cluster.replace(labels=kept, taints=cluster.taints if taints is None else tuple(taints))
    connection.execute("UPDATE clusters SET document = ? WHERE name = ?", (_document(annotated), name))


def score(
    connection: sqlite3.Connection, name: str, resource: str, values: Mapping[str, int], until: datetime | None
) -> None:
    """Replace what one resource says of a cluster.

    Args:
        connection: within a write transaction.
        name: of the cluster.
        resource: whose scores they are.
        values: score → value.
        until: when they end; None for never.
    """
    cluster = entry(connection, name).cluster
    scored = cluster.replace(scores=rescored(cluster.scores, resource, values, until))
    connection.execute("UPDATE clusters SET document = ? WHERE name = ?", (_document(scored), name))


def become(connection: sqlite3.Connection, name: str, state: State, *, report: Report | None = None) -> None:
    """Put a cluster into another state; nothing if it is in it already.

    Args:
        connection: within a write transaction.
        name: of the cluster.
        state: the new one.
        report: what was last heard of it, when it goes out of reach.
    """
    connection.execute(
        """UPDATE clusters SET state = :state, since = :now, last_report = :report
        WHERE name = :name AND state <> :state""",
        {
            "name": name, "state": state, "now": str(datetime.now(UTC)),
            "report": report.model_dump_json() if report else None,
        },
    )  # fmt: skip


def advance(connection: sqlite3.Connection, name: str | None = None) -> None:
    """Say that what a cluster should have has changed; of all clusters, without a name."""
    connection.execute(
        "UPDATE clusters SET revision = revision + 1 WHERE :name IS NULL OR name = :name", {"name": name}
    )


def forget(connection: sqlite3.Connection, name: str) -> None:
    """Delete a cluster, with all that it was told."""
    connection.execute("DELETE FROM clusters WHERE name = ?", (name,))


def _document(cluster: Cluster) -> str:
    return json.dumps(cluster.replace(conditions=()).dump())


def _entry(row: tuple[str, int, State, str, str | None]) -> Entry:
    document, revision, state, since, last = row
    report = Report.model_validate_json(last) if last else None
    return Entry(Cluster.parse(json.loads(document)), revision, state, datetime.fromisoformat(since), report)
