"""The store: remembers, compares and sets, keeps history."""

from __future__ import annotations

import pytest

from i4q_ai.backends.base import Record, Store
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError
from i4q_ai.testing.beside import Beside
from i4q_ai.testing.connection import Connection
from i4q_ai.testing.plant import Plant

_KIND = "note"


def _note(namespace: str, name: str = "a", **data: object) -> Record:
    return Record(kind=_KIND, namespace=namespace, name=name, data=data)


class StoreCases(Plant):
    """What every store must keep."""

    @pytest.fixture(autouse=True)
    def _forget_notes(self, connection: Connection, namespace: str) -> object:
        yield
        backend, deadline = connection.backend(), Deadline.after(60)
        for kind in (_KIND, "count"):
            for record in backend.store.list(kind, namespace=namespace, deadline=deadline):
                backend.store.remove(kind, namespace, record.name, expected=record.revision, deadline=deadline)
        backend.close()

    def test_a_record_comes_back_as_it_was_written(self, store: Store, namespace: str, deadline: Deadline) -> None:
        data = {"text": "Fräse 4 ⚙", "nested": {"list": [1, 2.5, None, True, {"x": ""}]}, "empty": {}}
        written = store.put(_note(namespace).replace(data=data), expected=0, deadline=deadline)
        assert (written.revision, written.data) == (1, data)
        assert written.time is not None
        assert store.get(_KIND, namespace, "a", deadline=deadline) == written

    def test_what_was_never_written_is_not_there(self, store: Store, namespace: str, deadline: Deadline) -> None:
        assert store.get(_KIND, namespace, "a", deadline=deadline) is None
        assert store.history(_KIND, namespace, "a", deadline=deadline) == []
        assert store.list(_KIND, namespace=namespace, deadline=deadline) == []

    def test_a_change_must_know_what_it_changes(self, store: Store, namespace: str, deadline: Deadline) -> None:
        store.put(_note(namespace, step=1), expected=0, deadline=deadline)
        for wrong in (0, 2):
            with pytest.raises(ConflictError):
                store.put(_note(namespace, step=2), expected=wrong, deadline=deadline)
        with pytest.raises(ConflictError):
            store.put(_note(namespace, "b"), expected=1, deadline=deadline)
        assert store.put(_note(namespace, step=2), expected=1, deadline=deadline).revision == 2
        present = store.get(_KIND, namespace, "a", deadline=deadline)
        assert present is not None
        assert present.data == {"step": 2}

    def test_records_are_listed_by_name(self, store: Store, namespace: str, deadline: Deadline) -> None:
        for name in ("b", "c", "a"):
            store.put(_note(namespace, name), expected=0, deadline=deadline)
        store.put(_note(namespace, "b", again=True), expected=1, deadline=deadline)
        listed = store.list(_KIND, namespace=namespace, deadline=deadline)
        assert [(record.name, record.revision) for record in listed] == [("a", 1), ("b", 2), ("c", 1)]
        everywhere = store.list(_KIND, deadline=deadline)
        assert [record for record in everywhere if record.namespace == namespace] == listed
        assert store.list("other", namespace=namespace, deadline=deadline) == []

    def test_history_keeps_the_last_ten(self, store: Store, namespace: str, deadline: Deadline) -> None:
        for step in range(1, 16):
            store.put(_note(namespace, step=step), expected=step - 1, deadline=deadline)
        history = store.history(_KIND, namespace, "a", deadline=deadline)
        revisions = [record.revision for record in history]
        assert revisions[-10:] == list(range(6, 16))
        assert revisions == sorted(revisions)
        assert all(record.data == {"step": record.revision} for record in history)
        assert history[-1] == store.get(_KIND, namespace, "a", deadline=deadline)

    def test_a_removed_record_leaves_nothing(self, store: Store, namespace: str, deadline: Deadline) -> None:
        store.put(_note(namespace, life=1), expected=0, deadline=deadline)
        store.put(_note(namespace, life=1), expected=1, deadline=deadline)
        with pytest.raises(ConflictError):
            store.remove(_KIND, namespace, "a", expected=1, deadline=deadline)
        store.remove(_KIND, namespace, "a", expected=2, deadline=deadline)
        store.remove(_KIND, namespace, "a", expected=2, deadline=deadline)
        assert store.get(_KIND, namespace, "a", deadline=deadline) is None
        again = store.put(_note(namespace, life=2), expected=0, deadline=deadline)
        assert again.revision == 1
        assert store.history(_KIND, namespace, "a", deadline=deadline) == [again]

    def test_writers_in_two_processes_lose_nothing(
        self, store: Store, beside: Beside, namespace: str, deadline: Deadline
    ) -> None:
        times = 25
        others = [beside.start("count", times=times) for _ in range(2)]
        for other in others:
            other.communicate(timeout=deadline.left())
            assert other.returncode == 0
        present = store.get("count", namespace, "number", deadline=deadline)
        assert present is not None
        assert (present.data["number"], present.revision) == (2 * times, 2 * times)
