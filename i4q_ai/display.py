"""Tables: the same rows as plain text, as HTML for a notebook, and as data for JSON and YAML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from i4q_ai.cluster import Cluster
    from i4q_ai.deployment import Deployment, Revision
    from i4q_ai.hub import Hub
    from i4q_ai.placing.evaluate import Decision
    from i4q_ai.placing.simulate import Simulation
    from i4q_ai.plan import Change, Difference, Plan
    from i4q_ai.publication import Publication, PublicationStatus
    from i4q_ai.scores import Published
    from i4q_ai.status import Observation, Status

Row = tuple[str | None, ...]

_DIGEST = re.compile(r"(sha(?:256|512):[a-f0-9]{12})[a-f0-9]{52,}")
_COMMIT = re.compile(r"([a-f0-9]{12})[a-f0-9]{28}")
_GAP = "  "

COLOURS: dict[str, str] = {
    "Ready": "green",
    "Failed": "red",
    "RolledBack": "red",
    "Offline": "grey",
    "Removing": "grey",
    "Pending": "blue",
    "Fetching": "blue",
    "Starting": "blue",
    "Waiting": "blue",
    "in": "green",
    "out": "grey",
    "gains": "green",
    "loses": "red",
    "keeps": "grey",
    "True": "green",
    "False": "red",
}
"""What a word means, as a colour; only in the columns that say how something is."""

COLOURED = frozenset({"phase", "decision", "effect", "available"})
"""The columns that say how something is."""

_HTML_COLOURS = {"green": "#1a7f37", "red": "#b3261e", "grey": "#6e7781", "blue": "#0b57a4"}
_CELL = "text-align:left;padding:0.2em 0.8em 0.2em 0;vertical-align:top"


@dataclass(frozen=True)
class Table:
    """Rows under columns.

    Args:
        title: what it shows; a line above it.
        columns: one word each; they are the keys of `data()`.
        rows: cells as plain text; None where there is nothing to say.
        notes: lines under it: what is waited for, warnings.

    Example:
        >>> print(Table("clusters", ("name", "site"), (("edge-1", "north"), ("edge-22", None))).text())
        clusters
        NAME     SITE
        edge-1   north
        edge-22  -
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def body(self) -> str:
        """Only the columns and rows, aligned."""
        lines = [[column.upper() for column in self.columns], *([shown(cell) for cell in row] for row in self.rows)]
        widths = [max(len(line[position]) for line in lines) for position in range(len(self.columns))]
        return "\n".join(
            _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
        )

    def text(self) -> str:
        """Title, aligned columns and rows, notes; digests and commits shortened, nothing that a terminal would obey."""
        parts = [shown(self.title) if self.title else "", self.body() if self.rows else "", *map(shown, self.notes)]
        return "\n".join(part for part in parts if part)

    def html(self) -> str:
        """A table that needs no style sheet; everything is escaped."""
        head = "".join(f'<th style="{_CELL}">{html.escape(column)}</th>' for column in self.columns)
        body = "".join(
            f"<tr>{''.join(_cell(column, cell) for column, cell in zip(self.columns, row, strict=True))}</tr>"
            for row in self.rows
        )
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if self.rows else ""
        notes = "".join(f"<div>{html.escape(note)}</div>" for note in self.notes)
        return f"<div><div><b>{html.escape(self.title)}</b></div>{table}{notes}</div>"

    def data(self) -> list[dict[str, str | None]]:
        """One dict a row, nothing shortened."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


def shown(cell: str | None) -> str:
    """A cell as a line of text: digests shortened, and a commit that is all of it; a '?' for control characters."""
    if not cell:
        return "-"
    if commit := _COMMIT.fullmatch(cell):
        return commit[1]
    line = " ".join(_DIGEST.sub(r"\1", cell).split())
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def status(what: Status) -> Table:
    """A deployment, one row a cluster."""
    version = f" version {what.version}" if what.version else ""
    title = f"{what.kind} {what.namespace}/{what.name}:{version} {what.phase} (revision {what.revision})"
    table = observations(what.clusters)
    return Table(title, table.columns, table.rows, notes=(what.message,) if what.message else ())


def observations(what: Iterable[Observation]) -> Table:
    """What clusters say of one model or workload."""
    columns = ("cluster", "phase", "version", "digest", "since", "restarts", "address", "message")
    rows = tuple(
        (
            each.cluster,
            str(each.phase),
            each.version or None,
            each.running,
            _time(each.since),
            str(each.restarts) if each.restarts else None,
            each.address,
            each.message or each.reason or None,
        )
        for each in what
    )
    return Table("", columns, rows)


def clusters(what: Iterable[Cluster]) -> Table:
    """What is known of each cluster."""
    columns = ("name", "available", "labels", "claims", "resources", "taints", "kubernetes")
    rows = tuple(
        (
            each.name,
            each.available.status,
            _pairs(each.labels),
            _pairs(each.claims),
            _pairs(each.resources),
            ", ".join(map(str, each.taints)) or None,
            each.kube_version,
        )
        for each in what
    )
    return Table(_count(len(rows), "cluster"), columns, rows)


def scores(what: Iterable[Published]) -> Table:
    """What each cluster has been said to be good at."""
    columns = ("cluster", "score", "value", "until", "counts")
    rows = tuple(
        (each.cluster, each.name, str(each.value), _time(each.valid_until), "no" if each.ended else "yes")
        for each in what
    )
    return Table(_count(len(rows), "score"), columns, rows)


def decision(what: Decision) -> Table:
    """Every cluster: in or out, and what decided."""
    scored = bool(what.placement.prefer)
    columns = ("cluster", "decision", "group", "rank", *(("score",) if scored else ()), "taint", "clause")
    rows = tuple(
        (
            verdict.cluster,
            "in" if verdict.selected else "out",
            verdict.group,
            str(verdict.rank) if verdict.rank else None,
            *((None if verdict.score is None else str(verdict.score),) if scored else ()),
            verdict.taint,
            verdict.clause,
        )
        for verdict in what.verdicts
    )
    return Table(f"{what.placement}: {len(what.selected)} of {_count(len(rows), 'cluster')}", columns, rows)


def simulation(what: Simulation) -> Table:
    """Every cluster: what it would gain or lose, and why."""
    columns = ("cluster", "effect", "group", "before", "after")
    rows = tuple(
        (each.cluster, each.effect, each.after.group or each.before.group, each.before.clause, each.after.clause)
        for each in what.outcomes
    )
    numbers = f"{len(what.gains)} would gain it, {len(what.losses)} would lose it, {len(what.stays)} keep it"
    return Table(f"{what.after.placement.name}, if {what.supposed}: {numbers}", columns, rows)


def plan(what: Plan) -> Table:
    """One row for every cluster that changes, now or later."""
    columns = ("deployment", "kind", "action", "cluster", "before", "after", "digest")
    rows = tuple(row for change in what.changes for row in _planned(change))
    title = "nothing to change" if what.empty else f"{_count(len(what.actions), 'action')} to do"
    notes = [note for change in what.changes for note in _remarks(change)]
    return Table(title, columns, rows, notes=tuple(notes))


def differences(what: Iterable[Difference]) -> Table:
    """One row for every object that is not as its cluster was told."""
    columns = ("cluster", "object", "change", "lines", "conflicts")
    rows = tuple(
        (each.cluster, each.object, each.verb, "\n".join(each.lines) or None, "; ".join(each.conflicts) or None)
        for each in what
    )
    return Table(_count(len(rows), "difference"), columns, rows)


def deployments(what: Iterable[Deployment]) -> Table:
    """One row a deployment; asks for the status of each."""
    from i4q_ai.errors import NotFoundError

    columns = ("name", "kind", "version", "phase", "ready", "message")
    rows: list[Row] = []
    for each in what:
        try:
            now = each.status()
        except NotFoundError:  # gone since it was listed
            continue
        ready = sum(row.phase == "Ready" for row in now.clusters)
        share = f"{ready}/{len(now.clusters)}"
        rows.append((now.name, now.kind, now.version or None, str(now.phase), share, now.message or None))
    return Table(_count(len(rows), "deployment"), columns, tuple(rows))


def publications(what: Iterable[Publication]) -> Table:
    """What stands in Git, one row a deployment."""
    columns = ("name", "version", "commit", "branch", "repository", "folder")
    rows = tuple(
        (name, each.spec.version_text(), each.commit, each.branch, each.source.repo, each.folder(name))
        for one in what
        for name, each in one.published.items()
    )
    return Table("", columns, rows, notes=() if rows else ("nothing is published",))


def publication(what: PublicationStatus) -> Table:
    """Which commit each cluster runs."""
    where = f"proposed on {what.proposed}" if what.proposed else f"commit {what.commit[:12]}"
    columns = ("cluster", "phase", "commit", "since", "message")
    rows = tuple(
        (each.cluster, str(each.phase), each.commit or None, _time(each.since), each.message or each.reason or None)
        for each in what.clusters
    )
    notes = () if rows else ("no cluster has been seen with it",)
    return Table(f"{what.name} {what.version}: {where} of {what.source}", columns, rows, notes=notes)


def history(what: Iterable[Revision]) -> Table:
    """One row a revision, the present one last."""
    columns = ("revision", "version", "digest", "time", "placement", "deleted")
    rows = tuple(
        (
            str(each.revision),
            each.version,
            each.digest,
            _time(each.time),
            str(each.spec.placement),
            "deleted" if each.spec.deleted else None,
        )
        for each in what
    )
    return Table(_count(len(rows), "revision"), columns, rows)


def hub(what: Hub) -> Table:
    """The deployments of a hub's namespace."""
    table = deployments(what.list())
    number = _count(len(what.clusters), "cluster")
    title = f"hub {what.address}, namespace {what.namespace}: {number}, {table.title}"
    return Table(title, table.columns, table.rows)


def _cell(column: str, cell: str | None) -> str:
    colour = _HTML_COLOURS[COLOURS[cell]] if column in COLOURED and cell in COLOURS else None
    style = f"{_CELL};color:{colour}" if colour else _CELL
    return f'<td style="{style}">{html.escape(shown(cell))}</td>'


def _planned(change: Change) -> Iterable[Row]:
    name = f"{change.namespace}/{change.name}"
    for action in change.actions:
        before = action.before.version if action.before else None
        after = action.after.version if action.after else None
        yield name, change.kind, action.verb, action.cluster, before, after, action.item.digest
    for cluster in change.later:
        yield name, change.kind, "later", cluster, None, change.spec.version_text(), None


def _remarks(change: Change) -> Iterable[str]:
    name = f"{change.namespace}/{change.name}"
    if change.writes and not change.actions:
        yield f"{name}: revision {change.revision}, no cluster changes"
    if change.later:
        yield f"{name}: {change.halted or 'waits for ' + change.waits_for}"
    for remark in change.remarks():
        yield f"{name}: {remark}"


def _pairs(what: Mapping[str, str]) -> str | None:
    return ", ".join(f"{key}={value}" for key, value in sorted(what.items())) or None


def _time(when: datetime | None) -> str | None:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if when else None


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
