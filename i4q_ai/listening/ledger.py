"""The lines of all sources in the hub's Store, each changed by compare-and-set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, NotFoundError, SchemaError, nearest
from i4q_ai.listening import lines
from i4q_ai.listening.lines import Change, Line
from i4q_ai.listening.rules import ListenedSource

if TYPE_CHECKING:
    from i4q_ai.backends.base import Record, Store

RECORD_KIND = "change"
"""The kind of the store's records that hold a Line."""
FORGOTTEN_AFTER = timedelta(days=90)
"""After which the line of a source that nobody listens to any more is forgotten."""
_TRIES = 8


class Ledger:
    """Lines of sources, in a store.

    Args:
        store: of the hub.
        namespace: of the hub.
        deadline: for one call, beginning now.
    """

    def __init__(self, store: Store, namespace: str, *, deadline: Callable[[], Deadline]) -> None:
        self._store, self._namespace, self._deadline = store, namespace, deadline

    def read(self, source: ListenedSource) -> tuple[Line, int]:
        """The line of a source, and the revision of its record: 0 if there is none yet."""
        record = self._store.get(RECORD_KIND, self._namespace, lines.key(source), deadline=self._deadline())
        return (lines.fresh(source), 0) if record is None else (_line(record), record.revision)

    def revision(self, name: str) -> int:
        """The revision that a line is at; 0 if there is none."""
        record = self._store.get(RECORD_KIND, self._namespace, name, deadline=self._deadline())
        return record.revision if record else 0

    def write(self, name: str, line: Line, *, expected: int) -> int:
        """Write a line, if nobody else has; gives its revision.

        Args:
            name: of the record, as `lines.key` gives it.
            line: as it shall be.
            expected: the revision it was made from.

        Raises:
            ConflictError: somebody else has.
        """
        from i4q_ai.backends.base import Record

        record = Record(kind=RECORD_KIND, namespace=self._namespace, name=name, data=line.dump())
        return self._store.put(record, expected=expected, deadline=self._deadline()).revision

    def all(self) -> list[Line]:
        """All lines, by source."""
        return sorted((line for line, _ in self._all()), key=lambda line: (line.source, line.repository, line.path))

    def change(self, id: str) -> tuple[Line, Change]:
        """A change by its id.

        Raises:
            NotFoundError: there is none; with the nearest one.
        """
        found = [(line, each) for line in self.all() for each in line.changes]
        for line, each in found:
            if each.id == id:
                return line, each
        raise NotFoundError(f"there is no change '{id}'", hint=nearest(id, (each.id for _, each in found)))

    def answer(self, id: str, *, approve: bool, by: str, why: str = "") -> Change:
        """Approve or refuse a change that waits for a person.

        Raises:
            NotFoundError: there is none of that id.
            ConflictError: it does not wait any more.
        """
        for left in range(_TRIES - 1, -1, -1):
            self.change(id)
            line, record = next(
                (line, record) for line, record in self._all() if any(each.id == id for each in line.changes)
            )
            answered = lines.answered(line, id, approve=approve, by=by, why=why, now=datetime.now(UTC))
            try:
                self.write(record.name, answered, expected=record.revision)
            except ConflictError:
                if not left:
                    raise
            else:
                break
        assert answered.last is not None, "it has just been answered"
        return answered.last

    def prune(self, *, keep: frozenset[str], now: datetime) -> int:
        """Forget lines of sources that nobody has listened to for 90 days; gives their number.

        Args:
            keep: names of records of the sources that are listened to now.
            now: the time.
        """
        old = [
            record
            for line, record in self._all()
            if record.name not in keep and now - lines.moment(line) > FORGOTTEN_AFTER and not line.is_held("", now)
        ]
        for record in old:
            self._store.remove(
                RECORD_KIND, self._namespace, record.name, expected=record.revision, deadline=self._deadline()
            )
        return len(old)

    def _all(self) -> list[tuple[Line, Record]]:
        found = self._store.list(RECORD_KIND, namespace=self._namespace, deadline=self._deadline())
        return [(_line(record), record) for record in found]


def _line(record: Record) -> Line:
    try:
        return Line.parse(record.data, where=f"the record of source '{record.data.get('source', record.name)}'")
    except SchemaError as error:
        raise SchemaError(
            error.what, hint="a later version has written it, or somebody by hand; mend or remove the record"
        ) from error
