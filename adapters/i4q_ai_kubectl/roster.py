"""The roster: the clusters of the inventory with their clients and ledgers; what fleet, telling and seeing share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from i4q_ai.backends.away import Away
from i4q_ai.cluster import Cluster, Condition
from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError
from i4q_ai.manifests import Site
from i4q_ai.status import Observation
from i4q_ai_kubectl import editing, facts
from i4q_ai_kubectl import inventory as inventories
from i4q_ai_kubectl import ledger as ledgers
from i4q_ai_kubectl.contacts import Contacts
from i4q_ai_kubectl.home import Home
from i4q_ai_kubectl.inventory import Entry, Inventory
from i4q_ai_kubectl.ledger import Facts, Key, Ledger

log = logging.getLogger(__name__)

S = TypeVar("S")
T = TypeVar("T")

WORKERS = 24
FRESH = 2.0
"""Seconds for which it counts that a cluster answered, or did not."""


class Roster:
    """The clusters of an inventory.

    Args:
        path: of the inventory.
        contacts: the clusters' APIs.
        home: where ledgers are.
    """

    def __init__(self, path: Path, contacts: Contacts, home: Home) -> None:
        self._path = path
        self._inventory = inventories.read(path) if path.exists() else None
        self.contacts = contacts
        self.home = home
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="i4q-cluster")

    def close(self) -> None:
        """Let go of threads."""
        self._pool.shutdown()

    @property
    def inventory(self) -> Inventory:
        """What is in the inventory.

        Raises:
            NotFoundError: there is none yet.
        """
        if self._inventory is None:
            self._inventory = inventories.read(self._path)
        return self._inventory

    @property
    def names(self) -> tuple[str, ...]:
        """Of all clusters; none where there is no inventory yet."""
        return self.inventory.names if self._path.exists() else ()

    def each(self, things: Iterable[S], do: Callable[[S], T]) -> list[T]:
        """Do something for many clusters at once; results in the order of the things."""
        return list(self._pool.map(do, things))

    def entry(self, name: str) -> Entry:
        """What the inventory says of a cluster.

        Raises:
            NotFoundError: there is no such cluster.
        """
        return self.inventory.entry(name)

    def entries(self) -> list[Entry]:
        """All clusters by name."""
        return sorted(self.inventory.clusters, key=lambda entry: entry.name)

    def ledger(self, name: str, deadline: Deadline) -> Ledger:
        """The ledger of a cluster; an empty one if there is none yet."""
        return self.home.ledgers(deadline).get(name, Ledger(cluster=name))

    def admit(self, entry: Entry, found: Facts, deadline: Deadline) -> None:
        """Write a new cluster into the inventory."""
        self._inventory = editing.append(self._path, entry)
        self.home.change(entry.name, lambda before: before.model_copy(update={"facts": found}), deadline)

    def dismiss(self, name: str, deadline: Deadline) -> None:
        """Take a cluster out of the inventory."""
        self._inventory = editing.drop(self._path, name)
        self.home.forget(name, deadline)

    def describe(self, entry: Entry, ledger: Ledger, deadline: Deadline) -> Cluster:
        """A cluster as placements see it; asked whether it is there, unless that was done just now."""
        recent, away = self.contacts.heard(entry.name, within=FRESH)
        if ledger.facts is None and not (recent and away):
            found = self.contacts.ask(entry, facts.read, deadline, meek=True)
            away = found if isinstance(found, Away) else None
            if not isinstance(found, Away):
                changes = {"facts": found}
                ledger = self.home.change(entry.name, lambda before: before.model_copy(update=changes), deadline)
        elif not recent:
            answer = self.contacts.ask(entry, lambda api, short: api.version(deadline=short), deadline, meek=True)
            away = answer if isinstance(answer, Away) else None
        ledger = self.note(entry, ledger, {}, away, deadline)
        return ledger.described(entry.cluster()).replace(conditions=(_available(away, ledger),))

    def note(
        self,
        entry: Entry,
        ledger: Ledger,
        seen: Mapping[Key, Observation | None],
        away: Away | None,
        deadline: Deadline,
    ) -> Ledger:
        """Keep in home what must be known of a cluster once it is away; nothing is lost but that if it cannot be."""

        def noted(before: Ledger) -> Ledger:
            return ledgers.noted(before, seen, away=away is not None, now=datetime.now(UTC))

        if noted(ledger) == ledger:
            return ledger
        try:
            return self.home.change(entry.name, noted, deadline)
        except I4qError as error:
            log.warning("cluster %s: what was seen of it cannot be kept: %s", entry.name, error)
            return ledger

    def site(self, entry: Entry, ledger: Ledger, namespace: str, owner: str, hub: str) -> Site:
        """How things of a deployment's namespace are written on a cluster."""
        known = ledger.facts.image_volumes if ledger.facts else None
        return Site(
            cluster=entry.name,
            namespace=entry.namespace or namespace,
            hub=hub,
            owner=owner,
            image=entry.image or self.inventory.image or "",
            image_volumes=bool(known) if entry.image_volumes is None else entry.image_volumes,
            pull_secrets=entry.pull_secrets,
            plain_http=self.inventory.plain_http if entry.plain_http is None else entry.plain_http,
            storage=entry.storage.storage() if entry.storage else None,
            replicas=entry.replicas,
        )


def _available(away: Away | None, ledger: Ledger) -> Condition:
    if away is None:
        return Condition(type="Available", status="True", reason="Answers", message="its API server answers")
    return Condition(
        type="Available", status="False", reason=away.reason, message=away.message, since=ledger.away_since
    )
