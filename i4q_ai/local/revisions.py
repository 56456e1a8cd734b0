"""The present revision of records in SQLite."""

from __future__ import annotations

import sqlite3


def revision_of(connection: sqlite3.Connection, kind: str, namespace: str, name: str) -> int | None:
    """The present revision of a record; 0 if it was removed, None if there never was one."""
    row = connection.execute(
        "SELECT revision FROM names WHERE kind = ? AND namespace = ? AND name = ?", (kind, namespace, name)
    ).fetchone()
    return int(row[0]) if row else None
