from __future__ import annotations

import math
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from i4q_ai.backends.base import Record
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, DeadlineError, InvalidError, StorageError, UnsupportedError
from i4q_ai.local.database import SCHEMA, Database
from i4q_ai.local.store import KEPT, EmbeddedStore

NOTE = Record(kind="note", namespace="i4q", name="a")


def soon(seconds: float = 60) -> Deadline:
    return Deadline.after(seconds)


def open_database(path: Path) -> Database:
    return Database(path, deadline=soon())


def test_what_is_half_written_is_not_there(tmp_path: Path) -> None:
    database = open_database(tmp_path / "state.db")

    def write_and_fail() -> None:
        with database.write(soon()) as connection:
            connection.execute("INSERT INTO settings VALUES ('a', 'b')")
            raise KeyError("in the middle")

    with pytest.raises(KeyError):
        write_and_fail()
    with database.read(soon()) as connection:
        assert connection.execute("SELECT count(*) FROM settings").fetchone() == (0,)
    database.close()


def test_another_connection_sees_changes_and_that_there_are_some(tmp_path: Path) -> None:
    one, two = (open_database(tmp_path / "state.db") for _ in range(2))
    before = two.version(soon())
    EmbeddedStore(one).put(NOTE, expected=0, deadline=soon())
    assert two.version(soon()) != before
    assert EmbeddedStore(two).get("note", "i4q", "a", deadline=soon()) is not None
    one.close()
    two.close()


def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this is no database, and long enough to be taken for one" * 100)
    with pytest.raises(StorageError, match="damaged"):
        open_database(path)


def test_a_damaged_page_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    database = open_database(path)
    store = EmbeddedStore(database)
    for step in range(KEPT):
        store.put(NOTE.replace(data={"text": "x" * 3000}), expected=step, deadline=soon())
    database.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    database = open_database(path)
    with pytest.raises(StorageError, match="damaged"):
        EmbeddedStore(database).history("note", "i4q", "a", deadline=soon())
    database.close()


def test_a_later_schema_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    open_database(path).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    connection.close()
    with pytest.raises(UnsupportedError, match="later version"):
        open_database(path)


def test_a_home_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StorageError, match="home"):
        open_database(tmp_path / "home" / "state.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_no_right_to_write_is_said(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    open_database(path).close()
    path.chmod(0o400)
    with pytest.raises(StorageError, match="right"):
        EmbeddedStore(open_database(path)).put(NOTE, expected=0, deadline=soon())


def test_a_full_disk_is_said_and_nothing_is_lost(tmp_path: Path) -> None:
    database = open_database(tmp_path / "state.db")
    store = EmbeddedStore(database)
    kept = store.put(NOTE, expected=0, deadline=soon())
    with database.write(soon()) as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="full"):
        store.put(NOTE.replace(data={"text": "x" * 100_000}), expected=1, deadline=soon())
    assert store.history("note", "i4q", "a", deadline=soon()) == [kept]
    database.close()


def test_a_file_that_somebody_holds_is_waited_for_until_the_deadline(tmp_path: Path) -> None:
    one, two = (open_database(tmp_path / "state.db") for _ in range(2))
    with one.write(soon()), pytest.raises(DeadlineError):
        EmbeddedStore(two).put(NOTE, expected=0, deadline=soon(0.05))
    assert EmbeddedStore(two).put(NOTE, expected=0, deadline=soon()).revision == 1
    one.close()
    two.close()


def test_a_closed_database_says_so(tmp_path: Path) -> None:
    database = open_database(tmp_path / "state.db")
    database.close()
    with pytest.raises(InvalidError, match="closed"):
        EmbeddedStore(database).get("note", "i4q", "a", deadline=soon())


def test_conflicts_say_what_is_there(tmp_path: Path) -> None:
    database = open_database(tmp_path / "state.db")
    store = EmbeddedStore(database)
    with pytest.raises(ConflictError, match="does not exist any more"):
        store.put(NOTE, expected=3, deadline=soon())
    store.put(NOTE, expected=0, deadline=soon())
    with pytest.raises(ConflictError, match="exists already, at revision 1"):
        store.put(NOTE, expected=0, deadline=soon())
    with pytest.raises(ConflictError, match="at revision 1, not at 3"):
        store.put(NOTE, expected=3, deadline=soon())
    database.close()


def test_a_home_whose_path_is_too_long_is_not_told_as_a_missing_right(tmp_path: Path) -> None:
    home = tmp_path.joinpath(*["d" * 200] * 5)
    with pytest.raises(StorageError, match="cannot open") as told:
        open_database(home / "state.db")
    assert "no longer than 512 bytes" in told.value.hint


def test_a_home_is_nobody_elses_business(tmp_path: Path) -> None:
    open_database(tmp_path / "home" / "state.db").close()
    assert (tmp_path / "home").stat().st_mode & 0o077 == 0


def test_one_may_wait_for_ever(tmp_path: Path) -> None:
    with closing(Database(tmp_path / "state.db", deadline=soon(math.inf))) as database:
        assert EmbeddedStore(database).list("note", deadline=soon(math.inf)) == []
