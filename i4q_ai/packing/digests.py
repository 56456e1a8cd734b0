"""Digests that were found once: of files, by what the disk says of them, and of what is made from files.

Kept in one SQLite file in the cache folder, for all processes. It may be deleted, rot or be read-only at any time:
then things are hashed again. A file counts as the same while device, inode, size and time of change are.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from i4q_ai import config
from i4q_ai.errors import NotFoundError, StorageError

if TYPE_CHECKING:
    import sqlite3

_log = logging.getLogger(__name__)

MOST = 20_000
"""Entries that are kept; the oldest go first."""

_CHUNK = 1024 * 1024
_BUSY = 2.0
_ASKED_AT_ONCE = 500
_TICK = 50_000_000
_COARSE_TICK = 2_000_000_000
_SECOND = 1_000_000_000
_SOUND = tuple(f"SQLITE_{word}" for word in ("BUSY", "LOCKED", "READONLY", "FULL", "CANTOPEN", "PERM"))
"""Errors of a file that is not broken."""
_TABLE = "CREATE TABLE IF NOT EXISTS digests (key TEXT PRIMARY KEY, value TEXT, proof TEXT, used REAL) WITHOUT ROWID"
_PRUNE = "DELETE FROM digests WHERE key IN (SELECT key FROM digests ORDER BY used DESC LIMIT -1 OFFSET ?)"


class Stamp(NamedTuple):
    """What the disk says of a file, by which a change shows without reading it."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, about: os.stat_result) -> Stamp:
        """From the answer of `stat`."""
        return cls(about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)

    @property
    def key(self) -> str:
        """Under which the digest of the file is kept; a link to it or a rename changes nothing."""
        return f"file:{self.device}:{self.inode}:{self.size}:{self.mtime_ns}"

    def settled(self, now_ns: int) -> bool:
        """Whether a write from now on shows: it would not, within the same tick of the disk's clock."""
        tick = _COARSE_TICK if self.mtime_ns % _SECOND == 0 else _TICK
        return now_ns - self.mtime_ns > tick


class Digests:
    """Key → value, both short texts, in a file.

    Args:
        place: of the file; made when it is first written to.
    """

    def __init__(self, place: Path) -> None:
        self._place = place

    def look_up(self, keys: Iterable[str]) -> dict[str, str]:
        """Those of the keys that are known, with their values."""
        asked, found = list(dict.fromkeys(keys)), dict[str, str]()
        if asked and self._place.exists():
            self._do(lambda database: found.update(_select(database, asked)))
        return found

    def remember(self, values: Mapping[str, str]) -> None:
        """Keep these from now on, if the disk allows."""
        now = time.time()
        rows = [(key, value, _proof(key, value), now) for key, value in values.items()]
        if rows:
            self._do(lambda database: _insert(database, rows))

    def forget(self, keys: Iterable[str]) -> None:
        """Drop these."""
        rows = [(key,) for key in keys]
        if rows and self._place.exists():
            self._do(lambda database: _delete(database, rows))

    def _do(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """What goes wrong with the file is no error: it only saves time."""
        import sqlite3

        try:
            self._place.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(self._place, timeout=_BUSY)) as database:
                database.execute("PRAGMA synchronous = OFF")
                database.execute(_TABLE)
                work(database)
        except sqlite3.Error as error:
            _log.debug("%s cannot be used: %s", self._place, error)
            if not getattr(error, "sqlite_errorname", "").startswith(_SOUND):  # one that is found in Python has no name
                with contextlib.suppress(OSError):
                    self._place.unlink()
        except OSError as error:
            _log.debug("%s cannot be used: %s", self._place, error)


def _select(database: sqlite3.Connection, keys: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for start in range(0, len(keys), _ASKED_AT_ONCE):
        some = keys[start : start + _ASKED_AT_ONCE]
        marks = ",".join("?" * len(some))
        rows = database.execute(f"SELECT key, value, proof FROM digests WHERE key IN ({marks})", some)  # noqa: S608 - only marks
        found |= {key: value for key, value, proof in rows if proof == _proof(key, value)}
    return found


def _insert(database: sqlite3.Connection, rows: Sequence[tuple[str, str, str, float]]) -> None:
    database.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?)", rows)
    if database.execute("SELECT count(*) FROM digests").fetchone()[0] > MOST:
        database.execute(_PRUNE, (MOST * 3 // 4,))
    database.commit()


def _delete(database: sqlite3.Connection, rows: Sequence[tuple[str]]) -> None:
    database.executemany("DELETE FROM digests WHERE key = ?", rows)
    database.commit()


def known() -> Digests:
    """The digests of this user."""
    return Digests(config.cache() / "digests.sqlite")


def of_files(places: Iterable[Path]) -> dict[Path, tuple[Stamp, str]]:
    """What each file is: its stamp, and the sha256 (64 hex digits) of what it held then; read only where it is new.

    Raises:
        NotFoundError, StorageError: one cannot be read.
    """
    kept = known()
    stamps = {place: stamp_of(place) for place in places}
    seen = kept.look_up(stamp.key for stamp in stamps.values())
    found, new = dict[Path, tuple[Stamp, str]](), dict[str, str]()
    for place, stamp in stamps.items():
        if stamp.key in seen:
            found[place] = stamp, seen[stamp.key]
            continue
        begun = time.time_ns()
        found[place] = read = _read(place)
        if read[0].settled(begun):
            new[read[0].key] = read[1]
    kept.remember(new)
    return found


def stamp_of(place: Path) -> Stamp:
    """The stamp of a file.

    Raises:
        NotFoundError, StorageError: there is none.
    """
    with reading(place):
        return Stamp.of(place.stat())


@contextlib.contextmanager
def reading(place: Path) -> Iterator[None]:
    """OSErrors inside say that a file cannot be read.

    Raises:
        NotFoundError, StorageError: it cannot.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise NotFoundError(f"{place} is gone") from error
    except OSError as error:
        raise StorageError(f"{place} cannot be read: {error.strerror}") from error


def _read(place: Path) -> tuple[Stamp, str]:
    digest, size = hashlib.sha256(), 0
    with reading(place), place.open("rb", buffering=0) as file:
        stamp = Stamp.of(os.fstat(file.fileno()))
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return stamp._replace(size=size), digest.hexdigest()


def _proof(key: str, value: str) -> str:
    """What an entry that has rotted does not have."""
    return hashlib.sha256(f"{key}\0{value}".encode()).hexdigest()[:16]
