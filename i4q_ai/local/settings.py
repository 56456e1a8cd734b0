"""What holds for all clusters of one home, in SQLite."""

from __future__ import annotations

import json
import sqlite3

from i4q_ai.desired import Policy
from i4q_ai.local import roster

_POLICY = "policy"


def policy(connection: sqlite3.Connection) -> Policy | None:
    """How agents go about it; None if nobody has said."""
    row = connection.execute("SELECT value FROM settings WHERE key = ?", (_POLICY,)).fetchone()
    return Policy.parse(json.loads(row[0])) if row else None


def set_policy(connection: sqlite3.Connection, wanted: Policy) -> None:
    """Say how agents go about it; every cluster is told if that is news."""
    if policy(connection) == wanted:
        return
    connection.execute("REPLACE INTO settings VALUES (?, ?)", (_POLICY, json.dumps(wanted.dump())))
    roster.advance(connection)
