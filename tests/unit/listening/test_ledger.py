"""The ledger: compare-and-set in the store, answers of people, and an end to what is old."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, NotFoundError, SchemaError
from i4q_ai.listening import lines
from i4q_ai.listening.ledger import FORGOTTEN_AFTER, RECORD_KIND, Ledger
from i4q_ai.listening.lines import Head, Line
from tests.unit.listening.conftest import rules
from tests.unit.memory import MemoryStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLANT = rules().sources[0]
KEY = lines.key(PLANT)


def ledger(store: MemoryStore) -> Ledger:
    return Ledger(store, "i4q", deadline=lambda: Deadline.after(60))


def waiting() -> Line:
    line = lines.claimed(lines.fresh(PLANT), PLANT, Head(commit="a" * 40, label="a"), holder="one", seconds=15, now=NOW)
    return lines.finished(line, "waiting", now=NOW)


def test_the_second_who_writes_is_refused() -> None:
    one = ledger(MemoryStore())
    line, revision = one.read(PLANT)
    assert revision == 0
    assert one.write(KEY, line, expected=0) == one.revision(KEY) == 1
    with pytest.raises(ConflictError):
        one.write(KEY, line, expected=0)


def test_answers() -> None:
    one = ledger(MemoryStore())
    one.write(KEY, waiting(), expected=0)
    known = lines.identity(PLANT, "a" * 40)
    assert one.change(known)[1].state == "waiting"
    assert one.answer(known, approve=True, by="jo").state == "approved"
    assert [each.last.by for each in one.all() if each.last] == ["jo"]
    with pytest.raises(ConflictError):
        one.answer(known, approve=True, by="jo")
    with pytest.raises(NotFoundError, match=r"did you mean"):
        one.answer(known[:-1], approve=True, by="jo")


def test_an_answer_finds_its_way_past_a_listener_that_writes_too() -> None:
    store = MemoryStore()
    one = ledger(store)
    one.write(KEY, waiting(), expected=0)

    class Beside(Ledger):
        def write(self, name: str, line: Line, *, expected: int) -> int:
            if store.records[RECORD_KIND, "i4q", KEY][-1].revision == 1:
                one.write(KEY, waiting(), expected=1)
            return super().write(name, line, expected=expected)

    beside = Beside(store, "i4q", deadline=lambda: Deadline.after(60))
    assert beside.answer(lines.identity(PLANT, "a" * 40), approve=True, by="jo").state == "approved"


def test_old_lines_of_sources_that_nobody_listens_to_are_forgotten() -> None:
    one = ledger(MemoryStore())
    one.write(KEY, waiting(), expected=0)
    later = NOW + FORGOTTEN_AFTER + timedelta(seconds=1)
    assert one.prune(keep=frozenset({KEY}), now=later) == 0
    assert one.prune(keep=frozenset(), now=NOW + FORGOTTEN_AFTER) == 0
    assert one.prune(keep=frozenset(), now=later) == 1
    assert one.all() == []


def test_a_record_that_cannot_be_read_is_named() -> None:
    store = MemoryStore()
    one = ledger(store)
    one.write(KEY, waiting(), expected=0)
    record = store.records[RECORD_KIND, "i4q", KEY][-1]
    store.put(record.replace(data={**record.data, "colour": "red"}), expected=1, deadline=Deadline.after(60))
    with pytest.raises(SchemaError, match="record of source 'plant'") as error:
        one.all()
    assert "later version" in error.value.hint
