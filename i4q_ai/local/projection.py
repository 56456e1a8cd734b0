"""What a cluster should have, from the database into the file that its agent reads."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.desired import Desired, ModelItem, Policy, WorkloadItem
from i4q_ai.edge import documents
from i4q_ai.edge.paths import Paths
from i4q_ai.errors import StorageError
from i4q_ai.local import roster, settings, told
from i4q_ai.local.database import Database


def project(database: Database, folder: Path, name: str, *, deadline: Deadline) -> None:
    """Bring the file of a cluster up to the database; nothing where it is.

    It is written within a write transaction, so that a slow process never puts an older state over a newer one; a
    process that is killed before or in the middle leaves an old file, and the next look at the cluster mends it.

    Args:
        database: the truth.
        folder: of the cluster; made if it is not there.
        name: of the cluster.
        deadline: when to give up.

    Raises:
        NotFoundError: there is no such cluster any more.
        StorageError: no room, or no right to write.
    """
    path = Paths(folder).desired
    with database.read(deadline) as connection:
        if _revision(path) == roster.entry(connection, name).revision:
            return
    with database.write(deadline) as connection:
        text = desired(connection, name).to_json()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"cannot make the folder {folder}: {error.strerror}") from error
        documents.write(path, text)


def desired(connection: sqlite3.Connection, name: str) -> Desired:
    """All that a cluster should have."""
    items = [row.item for row in told.rows(connection, cluster=name)]
    return Desired(
        cluster=name,
        revision=roster.entry(connection, name).revision,
        models=tuple(item for item in items if isinstance(item, ModelItem)),
        workloads=tuple(item for item in items if isinstance(item, WorkloadItem)),
        policy=settings.policy(connection) or Policy(),
    )


def _revision(path: Path) -> int | None:
    """What the file says; None when there is none, or it says nothing."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    revision = data.get("revision", 0) if isinstance(data, dict) else None
    return revision if isinstance(revision, int) else None
