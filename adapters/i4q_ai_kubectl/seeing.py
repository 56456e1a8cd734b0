"""Seeing clusters: looked at when somebody asks, mirrored while somebody watches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from i4q_ai.backends.away import Away
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ForbiddenError, UnreachableError
from i4q_ai.status import Observation
from i4q_ai_kubectl import looking, observing
from i4q_ai_kubectl.home import MANAGED
from i4q_ai_kubectl.inventory import Entry
from i4q_ai_kubectl.ledger import Key, Ledger, Row
from i4q_ai_kubectl.mirror import Mirror
from i4q_ai_kubectl.observing import Look
from i4q_ai_kubectl.roster import Roster
from i4q_ai_kubectl.watching import Bell, Stream

log = logging.getLogger(__name__)


class Seeing:
    """What clusters say.

    Args:
        roster: the clusters.
    """

    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._mirrors: dict[str, Mirror] = {}

    def close(self) -> None:
        """End all watches."""
        for mirror in self._mirrors.values():
            mirror.close()

    def observe(self, namespace: str | None, name: str | None, deadline: Deadline) -> list[Observation]:
        """What clusters say; without home, what their objects say by themselves."""
        try:
            known, hub = self._roster.home.ledgers(deadline), self._roster.home.hub(deadline)
        except UnreachableError as error:
            log.warning("home is out of reach, so only what lies on the clusters is known: %s", error)
            return self._without_home(namespace, name, deadline)
        entries = [entry for entry in self._roster.entries() if entry.name in known]
        asked = [entry for entry in entries if known[entry.name].of(namespace, name)]

        def one(entry: Entry) -> list[Observation]:
            return self._observe(entry, known[entry.name], hub, deadline)

        found = [each for group in self._roster.each(asked, one) for each in group]
        return [each for each in found if namespace in (None, each.namespace) and name in (None, each.name)]

    def watch(
        self, namespace: str | None, name: str | None, deadline: Deadline, *, before: Callable[[], None]
    ) -> Iterator[list[Observation]]:
        """What `observe` says: at once, then whenever it, a cluster or a record changes; ends at the deadline.

        Args:
            namespace, name: of what; None for all.
            deadline: when it ends.
            before: called before each observation.

        Raises:
            ForbiddenError: the right to watch is missing, on a cluster or at home.
        """
        bell, stop = Bell(), threading.Event()
        home = self._roster.home
        stream = Stream(home.api, "ConfigMap", home.namespace, dict(MANAGED), bell.ring, stop)
        threading.Thread(target=stream.run, daemon=True, name="i4q-watch-home").start()
        mine: dict[str, Mirror] = {}
        try:
            while not deadline.passed:
                self._mirror(bell.ring, mine, namespace, name, deadline)
                before()
                yield self.observe(namespace, name, deadline)
                if not bell.wait(deadline.left()):
                    return
                _raise_refusal(stream.refused, *(mirror.refused for mirror in [*self._mirrors.values()]))
        finally:
            stop.set()
            for cluster, mirror in mine.items():
                mirror.close()
                if self._mirrors.get(cluster) is mirror:
                    del self._mirrors[cluster]

    def _observe(self, entry: Entry, ledger: Ledger, hub: str, deadline: Deadline) -> list[Observation]:
        rows = ledger.of(None, None)
        seen = self._look(entry, rows, hub, deadline)
        since = ledger.away_since or datetime.now(UTC)
        observed: dict[Key, Observation | None] = {}
        for row in rows:
            site = self._roster.site(entry, ledger, row.namespace, row.owner, hub)
            one = observing.observe(row, seen, site, away_since=since)
            observed[row.key] = one.model_copy(update={"cluster": entry.name}) if one else None
        self._roster.note(entry, ledger, observed, seen.away, deadline)
        return [each for each in observed.values() if each is not None]

    def _look(self, entry: Entry, rows: list[Row], hub: str, deadline: Deadline) -> Look:
        places: dict[str, list[Row]] = {}
        for row in rows:
            places.setdefault(entry.namespace or row.namespace, []).append(row)
        mirror = self._mirrors.get(entry.name)
        seen = mirror.look(places) if mirror else None
        if seen is not None:
            return seen
        found = self._roster.contacts.ask(
            entry, lambda api, short: looking.look(api, hub, places, short), deadline, meek=True
        )
        return Look(away=found) if isinstance(found, Away) else found

    def _without_home(self, namespace: str | None, name: str | None, deadline: Deadline) -> list[Observation]:
        def one(entry: Entry) -> list[Observation]:
            lies = entry.namespace or namespace
            if lies is None:
                return []
            found = self._roster.contacts.ask(
                entry, lambda api, short: looking.everything(api, lies, short), deadline, meek=True
            )
            if isinstance(found, Away):
                return []
            seen = [observing.unknown(key, entry.name, there) for key, there in sorted(found.there.items())]
            return [each for each in seen if each is not None]

        found = [each for group in self._roster.each(self._roster.entries(), one) for each in group]
        return [each for each in found if namespace in (None, each.namespace) and name in (None, each.name)]

    def _mirror(
        self,
        ring: Callable[[], None],
        mine: dict[str, Mirror],
        namespace: str | None,
        name: str | None,
        deadline: Deadline,
    ) -> None:
        """Mirror every cluster that has something of what is watched."""
        try:
            known, hub = self._roster.home.ledgers(deadline), self._roster.home.hub(deadline)
        except UnreachableError:
            return  # the mirrors there are go on; others begin when home is back
        for entry in self._roster.entries():
            ledger = known.get(entry.name)
            if ledger is None or not ledger.of(namespace, name):
                continue
            if entry.name not in self._mirrors:
                self._mirrors[entry.name] = mine[entry.name] = self._new_mirror(entry, hub, ring)
            self._mirrors[entry.name].follow({entry.namespace or row.namespace for row in ledger.of(None, None)})

    def _new_mirror(self, entry: Entry, hub: str, ring: Callable[[], None]) -> Mirror:
        contacts = self._roster.contacts

        def noted(away: Away | None) -> None:
            contacts.note(entry.name, away)

        return Mirror(contacts.api(entry), hub, changed=ring, noted=noted)


def _raise_refusal(*refused: ForbiddenError | None) -> None:
    for each in refused:
        if each is not None:
            raise each
