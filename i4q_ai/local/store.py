"""The Store in SQLite."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime

from i4q_ai.backends import revisions
from i4q_ai.backends.base import Record
from i4q_ai.deadline import Deadline
from i4q_ai.local import told
from i4q_ai.local.database import Database
from i4q_ai.local.revisions import revision_of
from i4q_ai.spec import RECORD_KIND

KEPT = 20
"""How many revisions of a record are kept, the present one included."""

_COLUMNS = "r.kind, r.namespace, r.name, r.revision, r.data, r.time"
_PRESENT = f"""SELECT {_COLUMNS} FROM names n JOIN records r USING (kind, namespace, name, revision)
    WHERE n.kind = :kind"""  # noqa: S608 - constants only
_KEY = "kind = :kind AND namespace = :namespace AND name = :name"


class EmbeddedStore:
    """Records in SQLite.

    Args:
        database: open.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, kind: str, namespace: str, name: str, *, deadline: Deadline) -> Record | None:
        """The present revision of a record; None if there is none."""
        sql = f"{_PRESENT} AND n.namespace = :namespace AND n.name = :name"
        with self._database.read(deadline) as connection:
            row = connection.execute(sql, _key(kind, namespace, name)).fetchone()
        return _record(row) if row else None

    def put(self, record: Record, *, expected: int, deadline: Deadline) -> Record:
        """Write a record, if the stored one still has the expected revision.

        Args:
            record: its revision and time are set here.
            expected: the revision it was made from; 0 if it must not exist yet.
            deadline: when to give up.

        Raises:
            ConflictError: the stored revision is another one.
            StorageError: no room, or no right to write.
        """
        key = _key(record.kind, record.namespace, record.name)
        with self._database.write(deadline) as connection:
            _expect(connection, key, expected)
            stored = record.replace(revision=expected + 1, time=datetime.now(UTC))
            values = {**key, "revision": stored.revision, "data": json.dumps(record.data), "time": str(stored.time)}
            connection.execute("REPLACE INTO names VALUES (:kind, :namespace, :name, :revision)", values)
            connection.execute("INSERT INTO records VALUES (:kind, :namespace, :name, :revision, :data, :time)", values)
            oldest = {**key, "oldest": stored.revision - KEPT}
            connection.execute(f"DELETE FROM records WHERE {_KEY} AND revision <= :oldest", oldest)  # noqa: S608
        return stored

    def remove(self, kind: str, namespace: str, name: str, *, expected: int, deadline: Deadline) -> None:
        """Forget a record and its history, if it still has the expected revision; nothing if it is gone.

        Raises:
            ConflictError: the stored revision is another one.
        """
        key = _key(kind, namespace, name)
        with self._database.write(deadline) as connection:
            if not revision_of(connection, kind, namespace, name):
                return
            _expect(connection, key, expected)
            connection.execute(f"UPDATE names SET revision = 0 WHERE {_KEY}", key)  # noqa: S608
            connection.execute(f"DELETE FROM records WHERE {_KEY}", key)  # noqa: S608
            if kind == RECORD_KIND:
                told.forget(connection, namespace, name)

    def history(self, kind: str, namespace: str, name: str, *, deadline: Deadline) -> list[Record]:
        """The last 20 revisions of a record, oldest first, the present one last."""
        sql = f"SELECT {_COLUMNS} FROM records r WHERE {_KEY} ORDER BY revision"  # noqa: S608
        with self._database.read(deadline) as connection:
            rows = connection.execute(sql, _key(kind, namespace, name)).fetchall()
        return [_record(row) for row in rows]

    def list(self, kind: str, *, namespace: str | None = None, deadline: Deadline) -> list[Record]:
        """The present revision of all records of a kind, by name; of one namespace, or of all."""
        sql = f"{_PRESENT} AND (:namespace IS NULL OR n.namespace = :namespace) ORDER BY n.name, n.namespace"
        with self._database.read(deadline) as connection:
            rows = connection.execute(sql, {"kind": kind, "namespace": namespace}).fetchall()
        return [_record(row) for row in rows]


def _key(kind: str, namespace: str, name: str) -> dict[str, str]:
    return {"kind": kind, "namespace": namespace, "name": name}


def _expect(connection: sqlite3.Connection, key: dict[str, str], expected: int) -> None:
    revisions.check(**key, present=revision_of(connection, **key) or 0, expected=expected)


def _record(row: tuple[str, str, str, int, str, str]) -> Record:
    kind, namespace, name, revision, data, time = row
    return Record(
        kind=kind, namespace=namespace, name=name, revision=revision, data=json.loads(data),
        time=datetime.fromisoformat(time),
    )  # fmt: skip
