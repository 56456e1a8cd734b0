"""Telling clusters: first the ledger at home, then the cluster; whatever breaks in between is made up for later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from i4q_ai.backends.away import Away
from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError
from i4q_ai.kube import Api
from i4q_ai.manifests import Site
from i4q_ai.plan import Action, Assignment, Difference
from i4q_ai_kubectl import comparing, delivering, rights
from i4q_ai_kubectl import ledger as ledgers
from i4q_ai_kubectl.inventory import Entry
from i4q_ai_kubectl.ledger import Key, Ledger, Row, key_of
from i4q_ai_kubectl.roster import FRESH, Roster

PATIENCE = 30.0
"""Seconds for all objects of one delivery."""
_ROUNDS = 5
"""How often a delivery is repeated because the cluster was told something else meanwhile."""

Records = Callable[[Key, Deadline], tuple[int, str] | None]
"""Namespace and name of a deployment → revision and owner of its record; None if there is none."""


class Telling:
    """What clusters are told.

    Args:
        roster: the clusters.
        record: of a deployment.
    """

    def __init__(self, roster: Roster, record: Records) -> None:
        self._roster = roster
        self._record = record

    def apply(self, actions: Sequence[Action], *, force: bool, deadline: Deadline) -> dict[tuple[str, Key], str]:
        """Write down what known clusters are told, and deliver it; cluster and deployment → why it was refused."""
        by_cluster: dict[str, list[Action]] = {}
        for action in actions:
            by_cluster.setdefault(action.cluster, []).append(action)
        records = {key: self._record(key, deadline) for key in {key_of(action.item) for action in actions}}

        def tell(name: str) -> tuple[Ledger, list[Row]]:
            return self._tell(name, by_cluster[name], records, deadline)

        told = self._roster.each(by_cluster, tell)
        return self._deliver_all(dict(zip(by_cluster, told, strict=True)), force=force, deadline=deadline)

    def catch_up(
        self, namespace: str | None, name: str | None, deadline: Deadline, *, refused: bool = True
    ) -> list[Assignment]:
        """Deliver what clusters have been told already and have not got yet.

        Args:
            namespace, name: of what; None for all.
            deadline: when to give up.
            refused: try again what a cluster has refused, too.
        """
        pending = {}
        for cluster, ledger in self._roster.home.ledgers(deadline).items():
            rows = [row for row in ledger.of(namespace, name) if not row.delivered and (refused or not row.error)]
            recent, away = self._roster.contacts.heard(cluster, within=FRESH)
            if rows and cluster in self._roster.inventory.names and not (recent and away):
                pending[cluster] = (ledger, rows)
        self._deliver_all(pending, force=False, deadline=deadline)
        told = [(cluster, row.item) for cluster, (_, rows) in pending.items() for row in rows]
        return [Assignment(cluster=cluster, item=item) for cluster, item in told if item is not None]

    def compare(self, assignments: Sequence[Assignment], deadline: Deadline) -> list[Difference]:
        """What applying would change on clusters within reach, as their API servers say."""
        if not assignments:
            return []
        known, hub = self._roster.home.ledgers(deadline), self._roster.home.hub(deadline)

        def one(assignment: Assignment) -> list[Difference]:
            entry = self._roster.entry(assignment.cluster)
            ledger = known.get(entry.name, Ledger(cluster=entry.name))
            row = ledgers.row_for(assignment.item, ledger, now=datetime.now(UTC))
            site = self._roster.site(entry, ledger, row.namespace, row.owner, hub)
            found = self._roster.contacts.ask(
                entry, lambda api, short: comparing.compare(api, site, row, short), deadline, patience=PATIENCE
            )
            return [] if isinstance(found, Away) else found

        return [each for group in self._roster.each(assignments, one) for each in group]

    def _tell(
        self, name: str, actions: list[Action], records: Mapping[Key, tuple[int, str] | None], deadline: Deadline
    ) -> tuple[Ledger, list[Row]]:
        now = datetime.now(UTC)
        ledger = self._roster.home.change(
            name, lambda before: ledgers.tell(before, actions, now=now, record=records.get), deadline
        )
        repeated = {key_of(action.item) for action in actions if action.before == action.after}
        rows = [ledger.row(key) for key in sorted({key_of(action.item) for action in actions})]
        return ledger, [row for row in rows if row is not None and (not row.delivered or row.key in repeated)]

    def _deliver_all(
        self, pending: Mapping[str, tuple[Ledger, list[Row]]], *, force: bool, deadline: Deadline
    ) -> dict[tuple[str, Key], str]:
        if not any(rows for _, rows in pending.values()):
            return {}
        hub = self._roster.home.hub(deadline)

        def deliver(name: str) -> dict[Key, str]:
            return self._deliver(self._roster.entry(name), *pending[name], hub, force=force, deadline=deadline)

        found = zip(pending, self._roster.each(pending, deliver), strict=True)
        return {(name, key): error for name, errors in found for key, error in errors.items()}

    def _deliver(
        self, entry: Entry, ledger: Ledger, rows: list[Row], hub: str, *, force: bool, deadline: Deadline
    ) -> dict[Key, str]:
        """Deliver rows, and write down which have arrived; again if the cluster was told something else meanwhile."""
        errors: dict[Key, str] = {}
        for _ in range(_ROUNDS):
            done = []
            for row in rows:
                site = self._roster.site(entry, ledger, row.namespace, row.owner, hub)
                refusal = self._refusal(entry, site, row, force, deadline)
                if refusal is None:
                    break  # it is away; it gets the rest when it is back
                done.append((row, *refusal))
                errors[row.key] = refusal[1]
            if not done:
                break
            ledger = self._write_down(entry, done, deadline)
            told = [ledger.row(row.key) for row, _, _ in done]
            rows = [now for now in told if now is not None and not (now.delivered or now.error)]
            if not rows:
                break
        return errors

    def _write_down(self, entry: Entry, done: Sequence[tuple[Row, str, str]], deadline: Deadline) -> Ledger:
        def written(before: Ledger) -> Ledger:
            for row, reason, error in done:
                before = ledgers.delivered(before, row, reason=reason, error=error)
            return before

        return self._roster.home.change(entry.name, written, deadline)

    def _refusal(self, entry: Entry, site: Site, row: Row, force: bool, deadline: Deadline) -> tuple[str, str] | None:
        """Reason and message of what the cluster refuses, empty if it took it; None if it is away."""

        def deliver(api: Api, short: Deadline) -> tuple[str, str]:
            with rights.told(api, short):
                delivering.deliver(api, site, row, force=force, deadline=short)
            return "", ""

        try:
            answer = self._roster.contacts.ask(entry, deliver, deadline, patience=PATIENCE)
        except I4qError as error:
            return type(error).__name__.removesuffix("Error"), str(error)
        return None if isinstance(answer, Away) else answer
