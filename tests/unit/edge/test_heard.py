"""What places have said, on disk: kept, merged, and never lost to a place that says nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from i4q_ai.desired import Desired, ModelItem
from i4q_ai.edge.heard import Heard
from i4q_ai.edge.paths import Paths
from i4q_ai.edge.places import Found
from i4q_ai.errors import UnreachableError
from tests.unit.edge.world import model

A, B = "git+https://git.factory/plant.git//a@main", "oci://registry.factory/edges/b:now"
AWAY = UnreachableError("nobody answers")
FIRST, SECOND = "1" * 40, "2" * 40


class Line:
    """The folder of an agent, and what it is told."""

    def __init__(self, base: Path) -> None:
        self.paths = Paths(base / "line-7")
        self.paths.folder.mkdir()
        self.remarks: list[str] = []
        self.followed: Mapping[str, str] = {}

    def heard(self, remark: str, followed: Mapping[str, str]) -> None:
        self.remarks.append(remark)
        self.followed = followed

    def begin(self, *names: str) -> Heard:
        """As after a start of the agent."""
        return Heard(self.paths, names, "line-7", self)

    @property
    def desired(self) -> Desired:
        return Desired.from_json(self.paths.desired.read_bytes())

    @property
    def wanted(self) -> list[str]:
        """What the agent reads, in short."""
        if not self.paths.desired.exists():
            return []
        return [f"{item.name} {item.version}" for item in self.desired.models]


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


def found(mark: str, *items: ModelItem) -> Found:
    files = {f"{item.name}/desired.json": Desired(cluster="any", models=(item,)).to_json().encode() for item in items}
    return Found(mark, files)


def wear(version: str) -> ModelItem:
    return model(version, revision=0)


def chatter(version: str) -> ModelItem:
    return model(version, revision=0, name="chatter")


def test_what_is_said_is_wanted_by_this_cluster(line: Line) -> None:
    heard = line.begin(A)
    heard.said(A, found(FIRST, wear("1"), chatter("1")))
    assert line.wanted == ["chatter 1", "wear 1"]
    assert (line.desired.cluster, line.desired.revision) == ("line-7", 1)
    assert (line.remarks, line.followed) == ([""], {A: FIRST})
    assert heard.seen(A) == FIRST


def test_the_same_again_is_no_news(line: Line) -> None:
    heard = line.begin(A)
    heard.said(A, found(FIRST, wear("1")))
    heard.said(A, None)
    assert len(line.remarks) == 1
    heard.said(A, found(SECOND, wear("1")))
    assert (line.desired.revision, line.followed) == (1, {A: SECOND})


def test_a_place_that_is_away_stands_and_says_so_once(line: Line) -> None:
    heard = line.begin(A)
    heard.said(A, found(FIRST, wear("1")))
    for _ in range(3):
        heard.silent(A, AWAY)
    told = f"source '{A}' cannot be followed: nobody answers; 111111111111 stands"
    assert line.remarks == ["", told]
    heard.said(A, None)
    assert line.remarks[-1] == ""
    assert line.wanted == ["wear 1"]


def test_after_a_restart_what_was_said_last_stands(line: Line) -> None:
    line.begin(A).said(A, found(FIRST, wear("1")))
    heard = line.begin(A)
    assert heard.seen(A) == ""
    heard.silent(A, AWAY)
    assert (line.wanted, line.followed, line.desired.revision) == (["wear 1"], {A: FIRST}, 1)
    heard.said(A, found(SECOND, wear("2")))
    assert (line.wanted, line.desired.revision) == (["wear 2"], 2)


@pytest.mark.parametrize("restarted", [False, True])
def test_what_cannot_be_read_changes_nothing_until_it_can(line: Line, restarted: bool) -> None:
    heard = line.begin(A)
    heard.said(A, found(FIRST, wear("1")))
    heard = line.begin(A) if restarted else heard
    heard.said(A, Found(SECOND, {"wear/desired.json": b"{", "chatter/desired.json": b"{}"}))
    assert "at 222222222222, " in line.remarks[-1]
    assert line.remarks[-1].endswith("111111111111 stands")
    assert (line.wanted, line.followed) == (["wear 1"], {A: FIRST})
    assert heard.seen(A) == SECOND, "it is not read again"
    heard.silent(A, AWAY)
    heard.said(A, None)
    assert "222222222222" in line.remarks[-1], "it is still what it says"
    heard.said(A, found("3" * 40, wear("2")))
    assert (line.wanted, line.remarks[-1]) == (["wear 2"], "")


def test_nothing_is_written_before_each_was_asked(line: Line) -> None:
    heard = line.begin(A, B)
    heard.said(A, found(FIRST, wear("1")))
    assert (line.wanted, line.remarks) == ([], [])
    heard.silent(B, AWAY)
    assert line.wanted == ["wear 1"]
    assert "nobody answers" in line.remarks[-1]


def test_the_first_place_decides_and_says_that_another_wants_it_too(line: Line) -> None:
    heard = line.begin(A, B)
    heard.said(A, found(FIRST, wear("1")))
    heard.said(B, found("sha256:" + "2" * 64, wear("2"), chatter("1")))
    assert line.wanted == ["wear 1", "chatter 1"]
    assert f"source '{B}' names i4q/wear too, about which '{A}' decides" in line.remarks[-1]


def test_while_a_place_was_never_heard_nothing_is_taken_away(line: Line) -> None:
    line.begin(A).said(A, found(FIRST, wear("1")))
    heard = line.begin(B)
    heard.silent(B, AWAY)
    assert line.wanted == ["wear 1"]
    heard.said(B, found("sha256:" + "2" * 64, chatter("1")))
    assert line.wanted == ["chatter 1"]


def test_what_a_place_said_before_it_was_left_is_forgotten(line: Line) -> None:
    line.begin(A).said(A, found(FIRST, wear("1")))
    line.begin(B).said(B, found("sha256:" + "2" * 64, wear("2")))
    line.begin(A).silent(A, AWAY)
    assert line.wanted == ["wear 2"], "not what it said long ago"


def test_a_place_that_wants_nothing_is_believed(line: Line) -> None:
    heard = line.begin(A)
    heard.said(A, found(FIRST, wear("1")))
    heard.said(A, Found(SECOND, {}))
    assert (line.wanted, line.desired.revision) == ([], 2)


def test_an_item_that_comes_again_has_a_new_revision(line: Line) -> None:
    heard = line.begin(A)
    revisions = []
    for mark, version in (("1", "1"), ("2", "2"), ("3", "1"), ("4", "2")):
        heard.said(A, found(mark * 40, wear(version), chatter("1")))
        revisions.append({item.name: item.revision for item in line.desired.models})
    assert [each["wear"] for each in revisions] == [1, 2, 3, 4]
    assert [each["chatter"] for each in revisions] == [1, 1, 1, 1]


def test_no_room_is_told_and_it_is_tried_again(line: Line) -> None:
    heard = line.begin(A)
    heard.said(A, found(FIRST, wear("1")))
    line.paths.sources.rename(line.paths.folder / "aside")
    line.paths.sources.write_text("a file where the folder should be")
    heard.said(A, found(SECOND, wear("2")))
    assert "cannot" in line.remarks[-1]
    assert (line.wanted, heard.seen(A)) == (["wear 1"], FIRST)
    line.paths.sources.unlink()
    heard.said(A, found(SECOND, wear("2")))
    assert (line.wanted, line.remarks[-1]) == (["wear 2"], "")


def test_what_is_kept_and_broken_is_left_out(line: Line) -> None:
    line.begin(A).said(A, found(FIRST, wear("1")))
    (kept,) = line.paths.sources.iterdir()
    for broken in ("{", "[]", json.dumps({"document": {"cluster": "x", "sinks": []}, "mark": ""})):
        kept.write_text(broken)
        heard = line.begin(A)
        heard.silent(A, AWAY)
        assert line.wanted == ["wear 1"]
