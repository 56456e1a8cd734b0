"""The SQLite file that is the truth: opened, brought to its schema, read and written in short transactions."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.errors import DeadlineError, I4qError, InvalidError, StorageError, UnsupportedError

SCHEMA = 1
"""The version of the tables below; written into the file."""

_TABLES = (
    # The present revision of each name that was ever used; 0 for a record that was removed.
    """CREATE TABLE names (
        kind TEXT, namespace TEXT, name TEXT, revision INTEGER NOT NULL,
        PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID""",
    """CREATE TABLE records (
        kind TEXT, namespace TEXT, name TEXT, revision INTEGER, data TEXT NOT NULL, time TEXT NOT NULL,
        PRIMARY KEY (kind, namespace, name, revision)) WITHOUT ROWID""",
    """CREATE TABLE clusters (
        name TEXT PRIMARY KEY, document TEXT NOT NULL, revision INTEGER NOT NULL,
        state TEXT NOT NULL, since TEXT NOT NULL, last_report TEXT) WITHOUT ROWID""",
    # A row without an item is a tombstone: it keeps the revision of the removal.
    """CREATE TABLE assignments (
        cluster TEXT REFERENCES clusters (name) ON DELETE CASCADE, namespace TEXT, name TEXT,
        kind TEXT NOT NULL, item TEXT, revision INTEGER NOT NULL, told_at INTEGER NOT NULL, time TEXT NOT NULL,
        PRIMARY KEY (cluster, namespace, name)) WITHOUT ROWID""",
    "CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)
_NO_ROOM = {sqlite3.SQLITE_FULL: "the disk is full", sqlite3.SQLITE_IOERR: "the disk is full, or broken"}
_NO_RIGHT = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


class Database:
    """One connection to the file; threads take turns.

    Args:
        path: of the file; its folder and the file are made if they are not there.
        deadline: when to give up opening it.

    Raises:
        StorageError: no room, no right, or the file is damaged.
        UnsupportedError: a later version of this package has written it.
        DeadlineError: other processes did not let go of it.
    """

    def __init__(self, path: Path, *, deadline: Deadline) -> None:
        self.path = path
        self._turn = threading.RLock()
        try:
            # What workloads are given in their environment stands here, which is nobody else's business.
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make the folder {path.parent}: {error.strerror}") from error
        with self._told_as_ours():
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(deadline)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        with self._turn:
            self._connection.close()

    @contextmanager
    def read(self, deadline: Deadline) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state of everything."""
        with self._transaction("BEGIN", deadline) as connection:
            yield connection

    @contextmanager
    def write(self, deadline: Deadline) -> Iterator[sqlite3.Connection]:
        """A transaction of which there is only one at a time, in all processes; all of it is kept, or nothing."""
        with self._transaction("BEGIN IMMEDIATE", deadline) as connection:
            yield connection

    def version(self, deadline: Deadline) -> int:
        """Differs from the last answer when somebody has changed the file through another connection; cheap."""
        with self._turn, self._told_as_ours():
            self._wait_until(deadline)
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    @contextmanager
    def _transaction(self, begin: str, deadline: Deadline) -> Iterator[sqlite3.Connection]:
        with self._turn, self._told_as_ours():
            self._wait_until(deadline)
            self._connection.execute(begin)
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def _prepare(self, deadline: Deadline) -> None:
        with self._told_as_ours():
            self._wait_until(deadline)
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._use_wal(deadline)
            if self._schema() == SCHEMA:
                return
        with self.write(deadline) as connection:
            found = self._schema()
            if found > SCHEMA:
                raise UnsupportedError(
                    f"{self.path} was written by a later version (schema {found}, this one knows {SCHEMA})",
                    hint="upgrade this package, or use another home",
                )
            if found < SCHEMA:
                for table in _TABLES:
                    connection.execute(table)
                connection.execute(f"PRAGMA user_version = {SCHEMA}")

    def _use_wal(self, deadline: Deadline) -> None:
        """Readers and a writer do not wait for each other; two processes that switch at once do."""
        pause = threading.Event()
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL").fetchone()
                return
            except sqlite3.OperationalError as error:
                if _code(error) not in _BUSY or deadline.passed:
                    raise
            pause.wait(0.01)  # SQLite does not wait by itself for this lock, and has no event for it

    def _schema(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _wait_until(self, deadline: Deadline) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {int(deadline.left() * 1000)}")

    @contextmanager
    def _told_as_ours(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _as_ours(error, self.path) from error


def _code(error: sqlite3.Error) -> int:
    # Extended codes say more in the upper bits.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _as_ours(error: sqlite3.Error, path: Path) -> I4qError:
    code = _code(error)
    if code in _BUSY:
        return DeadlineError(f"{path} is held by another process", hint="give it a longer timeout")
    if code in _NO_ROOM:
        return StorageError(f"cannot write {path}: {_NO_ROOM[code]}", hint="make room, then try again")
    if code == sqlite3.SQLITE_CANTOPEN:
        hint = "its folder must be one to write in, and its path no longer than 512 bytes"
        return StorageError(f"cannot open {path}", hint=hint)
    if code in _NO_RIGHT:
        return StorageError(f"no right to write {path}", hint="use another home, or mend the rights of this one")
    if code in _DAMAGED:
        return StorageError(f"{path} is damaged: {error}", hint="put a backup in its place, or move it away")
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return InvalidError("this hub is closed", hint="open a new one")
    return StorageError(f"{path}: {error}")
