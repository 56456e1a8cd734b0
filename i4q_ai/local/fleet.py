"""The Fleet of clusters that are folders on this machine, each with an edge agent."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import groupby

from i4q_ai.backends.away import Away
from i4q_ai.backends.base import Action, Assignment, Difference, Needs, Outcome, Sight
from i4q_ai.backends.gitless import Gitless
from i4q_ai.cluster import Cluster, Taint
from i4q_ai.deadline import Deadline
from i4q_ai.edge.paths import Paths
from i4q_ai.errors import ConflictError, I4qError, NotFoundError, UnreachableError, UnsupportedError
from i4q_ai.local import logs, machine, roster, told, watching
from i4q_ai.local.agents import Agents
from i4q_ai.local.database import Database
from i4q_ai.local.observing import observations
from i4q_ai.local.projection import project
from i4q_ai.local.roster import Entry
from i4q_ai.local.told import Told
from i4q_ai.placement import Placement
from i4q_ai.status import Observation, Report

log = logging.getLogger(__name__)

_WORKERS = 8


class EmbeddedFleet(Gitless):
    """Clusters on this machine.

    Args:
        database: what clusters are and have been told.
        agents: what runs on them.
    """

    def __init__(self, database: Database, agents: Agents) -> None:
        self._database = database
        self._agents = agents
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="i4q-cluster")

    def close(self) -> None:
        """Let go of threads; agents go on."""
        self._pool.shutdown()

    # what clusters are

    def clusters(self, *, deadline: Deadline) -> list[Cluster]:
        """All clusters by name, with a condition "Available"."""
        return [_described(entry) for entry in self._entries(deadline)]

    def add(self, cluster: Cluster, *, deadline: Deadline) -> Cluster:
        """Make a cluster known; claims and resources that are not given are measured on this machine.

        Raises:
            ConflictError: there is one of that name.
        """
        measured = cluster.replace(
            claims={**machine.claims(), **cluster.claims}, resources={**machine.resources(), **cluster.resources}
        )
        with self._database.write(deadline) as connection:
            roster.add(connection, measured)
            # What lies there is of a cluster that this database does not know, and would start with a strange state.
            self._agents.remove(cluster.name, deadline=deadline)
        return self._cluster(cluster.name, deadline)

    def join(
        self,
        cluster: Cluster,
        *,
        kubeconfig: str | None,
        context: str | None,
        namespace: str | None,
        deadline: Deadline,
    ) -> Cluster:
        """Refused: what runs here is no Kubernetes.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            f"cluster '{cluster.name}' cannot join: the embedded backend runs clusters of its own",
            hint="hub.clusters.add(…), or a hub kubectl://clusters.yaml",
        )

    def needs(self, name: str, *, deadline: Deadline) -> Needs:
        """Refused, as `join`.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError(
            f"cluster '{name}' cannot join: the embedded backend runs clusters of its own", hint="i4q cluster add"
        )

    def remove(self, name: str, *, deadline: Deadline) -> None:
        """Stop a cluster and delete everything of it; broken off half-way, it can be removed again.

        Raises:
            NotFoundError: there is none of that name.
        """
        self._become(name, "removing", deadline)
        self._agents.remove(name, deadline=deadline)
        with self._database.write(deadline) as connection:
            roster.forget(connection, name)

    def annotate(
        self,
        name: str,
        *,
        labels: Mapping[str, str | None] | None = None,
        taints: Sequence[Taint] | None = None,
        deadline: Deadline,
    ) -> Cluster:
        """Change labels (None takes one away; others stay) or set all taints.

        Raises:
            NotFoundError: there is no such cluster.
        """
        with self._database.write(deadline) as connection:
            roster.annotate(connection, name, labels=labels, taints=taints)
        return self._cluster(name, deadline)

    def score(
        self,
        resource: str,
        scores: Mapping[str, Mapping[str, int]],
        *,
        until: datetime | None,
        deadline: Deadline,
    ) -> None:
        """Replace what one resource says of clusters.

        Raises:
            NotFoundError: there is no such cluster; nothing was written.
        """
        with self._database.write(deadline) as connection:
            for name, values in scores.items():
                roster.score(connection, name, resource, values, until)

    def stop(self, name: str, *, deadline: Deadline) -> None:
        """End a cluster's agent and all that runs there; it stays stopped until `start`.

        Raises:
            NotFoundError: there is no such cluster.
        """
        self._become(name, "stopped", deadline, report=self._last_report(name))
        self._agents.stop(name, deadline=deadline)

    def start(self, name: str, *, deadline: Deadline) -> None:
        """Start a stopped cluster; it catches up with what it has been told since.

        Raises:
            NotFoundError: there is no such cluster.
            UnreachableError: its agent cannot be started.
        """
        self._become(name, "on", deadline)
        away = self._run(name, deadline, retry=True)
        if away is not None:
            raise UnreachableError(f"cluster '{name}': {away.message}")

    # what they are told

    def assigned(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Assignment]:
        """What clusters have been told to run: of one deployment, of a namespace, or all."""
        with self._database.read(deadline) as connection:
            rows = told.rows(connection, namespace=namespace, name=name)
        return [Assignment(cluster=row.cluster, item=row.item) for row in rows if row.item is not None]

    def apply(self, actions: Sequence[Action], *, force: bool = False, deadline: Deadline) -> list[Outcome]:
        """Tell clusters; idempotent, in any order, each action by itself; returns when told, not when done.

        `force` has nothing to take: nobody but the agent changes what runs here.
        """
        errors: dict[str, str] = {}
        if not actions:
            return []
        with self._database.write(deadline) as connection:
            for name, group in groupby(sorted(actions, key=_cluster_of), key=_cluster_of):
                try:
                    told.record(connection, list(group))
                except NotFoundError as error:
                    errors[name] = str(error)
        names = sorted({action.cluster for action in actions} - errors.keys())
        entries = {entry.name: entry for entry in self._entries(deadline)}
        running = [name for name in names if name in entries and entries[name].state == "on"]
        woken = self._pool.map(lambda name: self._wake(name, deadline), running)
        errors |= {name: why for name, why in zip(running, woken, strict=True) if why}
        return [Outcome(action, errors.get(action.cluster, "")) for action in actions]

    def check(self, placement: Placement, *, namespace: str, name: str, deadline: Deadline) -> None:
        """Nothing to do: placements are decided here, by the rules as they are."""

    def catch_up(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Assignment]:
        """Nothing to do: agents read by themselves what they were told."""
        return []

    def compare(self, assignments: Sequence[Assignment], *, deadline: Deadline) -> list[Difference]:
        """Refused: an agent keeps its cluster as it was told, so there is nothing to compare.

        Raises:
            UnsupportedError: always.
        """
        raise UnsupportedError("the embedded backend has no objects to compare", hint="status() says what runs")

    # what they say

    def observe(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Observation]:
        """What clusters say: one observation for everything that was told, and for everything that is still there."""
        with self._database.read(deadline) as connection:
            entries = roster.entries(connection)
            rows = told.rows(connection)
        seen = self._pool.map(lambda entry: self._observe(entry, _of(rows, entry.name), deadline), entries)
        return [
            each
            for group in seen
            for each in group
            if namespace in (None, each.namespace) and name in (None, each.name)
        ]

    def look(self, *, namespace: str, name: str, deadline: Deadline) -> Sight:
        """What `clusters`, `assigned` and `observe` give of one deployment."""
        return Sight(
            self.clusters(deadline=deadline),
            self.assigned(namespace=namespace, name=name, deadline=deadline),
            self.observe(namespace=namespace, name=name, deadline=deadline),
        )

    def watch(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> Iterator[list[Observation]]:
        """What `observe` says: at once, then whenever it, a cluster, or a record changes; ends at the deadline."""
        return watching.watch(
            self._database.path,
            folders=lambda: [self._agents.folder(entry.name) for entry in self._entries(deadline)],
            observe=lambda: self.observe(namespace=namespace, name=name, deadline=deadline),
            deadline=deadline,
        )

    def reach(self, cluster: str, namespace: str, name: str, *, deadline: Deadline) -> str:
        """The base URL at which something answers on the loopback interface.

        Raises:
            NotFoundError: there is no such cluster.
            UnreachableError: it does not run.
        """
        self._cluster(cluster, deadline)
        found = [
            each for each in self.observe(namespace=namespace, name=name, deadline=deadline) if each.cluster == cluster
        ]
        if not found:
            raise UnreachableError(f"'{namespace}/{name}' is not on cluster '{cluster}'")
        seen = found[0]
        if seen.address is None:
            why = f"{seen.phase}: {seen.message or seen.reason}" if seen.message or seen.reason else str(seen.phase)
            raise UnreachableError(f"'{namespace}/{name}' does not answer on cluster '{cluster}' ({why})")
        return seen.address

    def logs(
        self, cluster: str, namespace: str, name: str, *, lines: int = 100, follow: bool = False, deadline: Deadline
    ) -> Iterator[str]:
        """The last lines of its log; with `follow`, also what comes until the deadline.

        Raises:
            NotFoundError: there is no such cluster.
            UnreachableError: nothing of that name has written a log there.
        """
        self._cluster(cluster, deadline)
        return logs.read(
            Paths(self._agents.folder(cluster)).item_log(namespace, name), lines=lines, follow=follow, deadline=deadline
        )

    # inside

    def _entries(self, deadline: Deadline) -> list[Entry]:
        with self._database.read(deadline) as connection:
            return roster.entries(connection)

    def _cluster(self, name: str, deadline: Deadline) -> Cluster:
        with self._database.read(deadline) as connection:
            return _described(roster.entry(connection, name))

    def _become(self, name: str, state: roster.State, deadline: Deadline, *, report: Report | None = None) -> None:
        with self._database.write(deadline) as connection:
            present = roster.entry(connection, name).state
            if present == "removing" and state != "removing":
                raise ConflictError(f"cluster '{name}' is being removed", hint="remove it again to finish that")
            roster.become(connection, name, state, report=report)

    def _last_report(self, name: str) -> Report | None:
        try:
            return self._agents.control(name).report()
        except (I4qError, OSError) as error:
            log.warning("cluster %s: its last report cannot be read: %s", name, error)
            return None

    def _run(self, name: str, deadline: Deadline, *, retry: bool = False) -> Away | None:
        """Bring a cluster's file up to the database and its agent to life; why not, if that cannot be."""
        try:
            project(self._database, self._agents.folder(name), name, deadline=deadline)
        except NotFoundError:
            return Away("Removed", "it was removed just now")
        return self._agents.ensure(name, retry=retry, deadline=deadline) or self._stop_again(name, deadline)

    def _stop_again(self, name: str, deadline: Deadline) -> Away | None:
        """End an agent that was started while somebody else stopped or removed its cluster."""
        entry = next((entry for entry in self._entries(deadline) if entry.name == name), None)
        if entry is not None and entry.state == "on":
            return None
        self._agents.stop(name, deadline=deadline)
        return Away("Stopped", "it was stopped just now")

    def _wake(self, name: str, deadline: Deadline) -> str:
        """Let a cluster know that it was told something; empty, or why what it was told cannot be written down."""
        try:
            away = self._run(name, deadline)
        except I4qError as error:
            return str(error)
        if away is None and not self._agents.control(name).wake():
            log.warning("cluster %s: its agent does not answer; it will look by itself", name)
        return ""

    def _observe(self, entry: Entry, rows: list[Told], deadline: Deadline) -> list[Observation]:
        control = self._agents.control(entry.name)
        try:
            report = control.report()
            away = self._away(entry, rows, report, deadline)
            report = control.report() if away is None else entry.last_report or report
        except (I4qError, OSError) as error:
            report, away = None, Away("NotReadable", str(error))
        return observations(rows, report, away)

    def _away(self, entry: Entry, rows: list[Told], report: Report | None, deadline: Deadline) -> Away | None:
        if entry.state != "on":
            return Away(entry.available.reason, entry.available.message)
        has_something = any(row.item for row in rows) or bool(report and report.items)
        unread = any(row.told_at > (report.revision if report else 0) for row in rows)
        return self._run(entry.name, deadline) if has_something or unread else None


def _described(entry: Entry) -> Cluster:
    return entry.cluster.replace(conditions=(entry.available,))


def _of(rows: list[Told], cluster: str) -> list[Told]:
    return [row for row in rows if row.cluster == cluster]


def _cluster_of(action: Action) -> str:
    return action.cluster
