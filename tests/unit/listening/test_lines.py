"""Lines: whatever order listeners come in and die in, newer changes are never followed by older ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from i4q_ai.errors import ConflictError, NotFoundError
from i4q_ai.listening import lines
from i4q_ai.listening.lines import KEPT, Head, Line
from i4q_ai.listening.rules import ListenedSource
from tests.unit.listening.conftest import rules

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PLANT = rules().sources[0]


def head(name: str) -> Head:
    return Head(commit=name * 40, label=name)


def claimed(line: Line, name: str, *, holder: str = "one", now: datetime = NOW, source: ListenedSource = PLANT) -> Line:
    return lines.claimed(line, source, head(name), holder=holder, seconds=15, now=now)


def applied(line: Line, name: str) -> Line:
    return lines.finished(claimed(line, name), "applied", now=NOW, content=name)


def states(line: Line) -> list[tuple[str, str]]:
    return [(each.label, each.state) for each in line.changes]


def test_a_line_goes_through_a_store_and_back() -> None:
    line = applied(claimed(lines.fresh(PLANT), "a"), "b")
    assert Line.parse(line.dump()) == line


def test_the_same_change_is_done_once() -> None:
    line = applied(lines.fresh(PLANT), "a")
    assert lines.is_done(line, head("a"))
    assert not lines.is_done(line, head("b"))


def test_what_was_claimed_by_somebody_who_is_gone_is_not_done() -> None:
    line = claimed(lines.fresh(PLANT), "a")
    assert not lines.is_done(line, head("a"))
    assert line.is_held("two", NOW + timedelta(seconds=14))
    assert not line.is_held("two", NOW + timedelta(seconds=15))
    assert not line.is_held("one", NOW)
    again = claimed(line, "a", holder="two", now=NOW + timedelta(seconds=15))
    assert states(again) == [("a", "claimed")]
    assert again.changes[0].id == line.changes[0].id
    assert again.changes[0].seen == NOW


def test_a_newer_change_supersedes_what_was_not_applied() -> None:
    line = claimed(lines.fresh(PLANT), "a")
    line = lines.finished(line, "waiting", now=NOW, plan="much")
    line = claimed(line, "b")
    assert states(line) == [("a", "superseded"), ("b", "claimed")]
    assert line.changes[0].plan == ""
    assert line.changes[0].why == "b came after it"
    assert states(claimed(applied(lines.fresh(PLANT), "a"), "b")) == [("a", "applied"), ("b", "claimed")]


def test_going_back_is_noticed() -> None:
    line = applied(applied(lines.fresh(PLANT), "a"), "b")
    back = claimed(line, "a").last
    assert back is not None
    assert back.back
    assert states(claimed(line, "a")) == [("b", "applied"), ("a", "claimed")]


def test_one_tag_that_moves_may_move_back() -> None:
    source = rules(git=None, registry={"repository": "r.factory/m", "tags": "live"}).sources[0]
    line = lines.fresh(source)
    for name in "ab":
        line = lines.finished(claimed(line, name, source=source), "applied", now=NOW)
    last = claimed(line, "a", source=source).last
    assert last is not None
    assert not last.back


def test_a_lower_tag_after_a_higher_one_goes_back_although_nobody_has_seen_it() -> None:
    source = rules(git=None, registry={"repository": "r.factory/m"}).sources[0]
    line = lines.finished(claimed(lines.fresh(source), "3", source=source), "applied", now=NOW)
    for name, back in (("2", True), ("4", False)):
        last = claimed(line, name, source=source).last
        assert last is not None
        assert last.back is back


def test_few_changes_are_kept() -> None:
    line = lines.fresh(PLANT)
    for number in range(KEPT + 5):
        line = lines.finished(
            lines.claimed(line, PLANT, Head(commit=str(number), label=str(number)), holder="one", seconds=15, now=NOW),
            "applied",
            now=NOW,
        )
    assert [each.label for each in line.changes] == [str(number) for number in range(5, KEPT + 5)]


def test_a_person_answers_once() -> None:
    line = lines.finished(claimed(lines.fresh(PLANT), "a"), "waiting", now=NOW, plan="much")
    assert line.last is not None
    known = line.last.id
    yes = lines.answered(line, known, approve=True, by="jo", why="", now=NOW)
    assert states(yes) == [("a", "approved")]
    assert not lines.is_done(yes, head("a"))
    no = lines.answered(line, known, approve=False, by="jo", why="not today", now=NOW)
    assert states(no) == [("a", "refused")]
    assert lines.is_done(no, head("a"))
    with pytest.raises(ConflictError, match="is approved; it waits for nobody"):
        lines.answered(yes, known, approve=True, by="jo", why="", now=NOW)
    with pytest.raises(NotFoundError):
        lines.answered(line, "nothing", approve=True, by="jo", why="", now=NOW)


def test_what_was_refused_may_be_approved_as_long_as_it_is_the_newest() -> None:
    line = lines.finished(claimed(lines.fresh(PLANT), "a"), "refused", now=NOW, why="no cluster")
    assert line.last is not None
    known = line.last.id
    assert not lines.is_done(lines.answered(line, known, approve=True, by="jo", why="", now=NOW), head("a"))
    with pytest.raises(ConflictError):
        lines.answered(line, known, approve=False, by="jo", why="", now=NOW)
    with pytest.raises(ConflictError, match=r"superseded|refused"):
        lines.answered(claimed(line, "b"), known, approve=True, by="jo", why="", now=NOW)


def test_what_is_written_has_an_end() -> None:
    line = lines.finished(claimed(lines.fresh(PLANT), "a"), "waiting", now=NOW, plan="x" * 10**6, why="y" * 10**6)
    assert len(str(line.dump())) < 10_000


def test_two_listeners_know_a_source_by_what_it_is() -> None:
    assert lines.key(PLANT) == lines.key(PLANT.replace(name="other", poll=5))
    assert lines.key(PLANT) != lines.key(rules(git={"repo": "https://git.factory/plant/models.git"}).sources[0])
