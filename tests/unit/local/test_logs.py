from __future__ import annotations

import threading
from pathlib import Path

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import UnreachableError
from i4q_ai.local import logs


@pytest.mark.parametrize("lines", [0, 1, 3, 500, 20_000])
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_last_lines_are_read_from_the_end(tmp_path: Path, lines: int, end: str) -> None:
    said = [f"line {number} {'ö' * (number % 50)}" for number in range(5000)]
    path = tmp_path / "log"
    path.write_text("\n".join(said) + end)
    assert logs.tail(path, tmp_path / "older", lines=lines) == (said[-lines:] if lines else [])


def test_lines_that_were_set_aside_count(tmp_path: Path) -> None:
    (tmp_path / "log.1").write_text("a\nb\nc\n")
    (tmp_path / "log").write_text("d\ne\n")
    assert logs.tail(tmp_path / "log", tmp_path / "log.1", lines=4) == ["b", "c", "d", "e"]


def test_no_log_is_said(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError):
        logs.read(tmp_path / "log", lines=1, follow=False, deadline=Deadline.after(60))


def test_what_comes_is_followed_also_when_the_log_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("old\n" * 10 + "last\n")
    said = logs.read(path, lines=1, follow=True, deadline=Deadline.after(60))
    assert next(said) == "last"
    with path.open("a") as log:
        log.write("ne")
    threading.Timer(0.3, lambda: _append(path, "w\nnewer\n")).start()
    assert [next(said), next(said)] == ["new", "newer"]
    path.write_text("anew\n")
    assert next(said) == "anew"


def test_following_ends_at_the_deadline(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("a\n")
    assert list(logs.read(path, lines=5, follow=True, deadline=Deadline.after(0.3))) == ["a"]


def _append(path: Path, text: str) -> None:
    with path.open("a") as log:
        log.write(text)
