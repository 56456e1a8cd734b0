from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.backends.base import Action, Record
from i4q_ai.cluster import Cluster
from i4q_ai.deadline import Deadline
from i4q_ai.desired import Item, ModelItem, Policy
from i4q_ai.errors import NotFoundError
from i4q_ai.local import projection, roster, settings, told
from i4q_ai.local.database import Database
from i4q_ai.local.store import EmbeddedStore

SOON = Deadline.after(600)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = _with_cluster(tmp_path / "state.db")
    yield database
    database.close()


def _with_cluster(path: Path) -> Database:
    database = Database(path, deadline=SOON)
    with database.write(SOON) as connection:
        roster.add(connection, Cluster(name="edge-1"))
    return database


def item(version: int) -> ModelItem:
    return ModelItem(
        namespace="i4q", name="wear", model="wear", version=str(version), digest=f"sha256:{version:064x}",
        references=("x",), revision=version,
    )  # fmt: skip


def tell(database: Database, *actions: Action) -> int:
    """The cluster's revision after it was told."""
    with database.write(SOON) as connection:
        told.record(connection, actions)
        return roster.entry(connection, "edge-1").revision


def action(revision: int, after: Item | None) -> Action:
    return Action(verb="update", cluster="edge-1", before=item(revision), after=after, revision=revision)


def present(database: Database) -> list[str]:
    with database.read(SOON) as connection:
        return [row.item.version for row in told.rows(connection) if row.item]


@given(revisions=st.lists(st.tuples(st.integers(1, 5), st.booleans()), min_size=1, max_size=8))
def test_in_any_order_the_highest_revision_stands(
    tmp_path_factory: pytest.TempPathFactory, revisions: list[tuple[int, bool]]
) -> None:
    database = _with_cluster(tmp_path_factory.mktemp("told") / "state.db")
    for revision, stays in revisions:
        tell(database, action(revision, item(revision) if stays else None))
    highest = max(revision for revision, _ in revisions)
    stays = [stays for revision, stays in revisions if revision == highest][-1]
    assert present(database) == ([str(highest)] if stays else [])
    database.close()


def test_the_desired_state_advances_only_with_a_change(database: Database) -> None:
    first = tell(database, action(1, item(1)))
    assert tell(database, action(1, item(1))) == first
    assert tell(database, action(2, item(2))) == first + 1
    assert tell(database, action(1, item(1))) == first + 1
    assert tell(database, action(2, None)) == first + 2
    assert tell(database, action(2, None)) == first + 2


def test_removing_what_is_not_there_asks_nobody_to_confirm(database: Database) -> None:
    tell(database, action(1, None))
    with database.read(SOON) as connection:
        assert [(row.item, row.told_at) for row in told.rows(connection)] == [(None, 0)]


def test_only_the_present_revision_of_a_record_is_heard(database: Database) -> None:
    store = EmbeddedStore(database)
    record = Record(kind="deployment", namespace="i4q", name="wear")
    store.put(record, expected=0, deadline=SOON)
    store.put(record, expected=1, deadline=SOON)
    tell(database, action(1, item(1)))
    assert present(database) == [], "its writer was overtaken before it could tell anybody"
    tell(database, action(2, item(2)))
    assert present(database) == ["2"]


def test_a_removed_record_is_not_brought_back_by_a_slow_writer(database: Database) -> None:
    store = EmbeddedStore(database)
    record = Record(kind="deployment", namespace="i4q", name="wear")
    store.put(record, expected=0, deadline=SOON)
    tell(database, action(1, item(1)))
    store.put(record, expected=1, deadline=SOON)
    tell(database, action(2, None))
    store.remove("deployment", "i4q", "wear", expected=2, deadline=SOON)
    tell(database, action(1, item(1)), action(2, item(2)))
    assert present(database) == []
    store.put(record, expected=0, deadline=SOON)
    tell(database, action(1, item(1)))
    assert present(database) == ["1"], "a new life begins at revision 1"


def test_an_unknown_cluster_is_said(database: Database) -> None:
    with pytest.raises(NotFoundError, match="edge-1"), database.write(SOON) as connection:
        told.record(connection, [Action(verb="create", cluster="edge-2", after=item(1), revision=1)])


def test_a_projection_is_written_once_and_mended(database: Database, tmp_path: Path) -> None:
    folder = tmp_path / "clusters" / "edge-1"
    tell(database, action(1, item(1)))
    projection.project(database, folder, "edge-1", deadline=SOON)
    path = folder / "desired.json"
    first = path.stat().st_ino
    projection.project(database, folder, "edge-1", deadline=SOON)
    assert path.stat().st_ino == first
    for damage in ("", "{", '{"revision": 1}', "[]"):
        path.write_text(damage)
        projection.project(database, folder, "edge-1", deadline=SOON)
        assert '"version": "1"' in path.read_text()


def test_a_policy_is_told_to_all_clusters_once(database: Database) -> None:
    policy = Policy(keep=5)
    with database.write(SOON) as connection:
        before = roster.entry(connection, "edge-1").revision
        settings.set_policy(connection, policy)
        settings.set_policy(connection, policy)
        assert roster.entry(connection, "edge-1").revision == before + 1
        assert projection.desired(connection, "edge-1").policy == policy
