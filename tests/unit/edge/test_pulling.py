"""Looking again and again: what a place says or does must never end it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.desired import Desired
from i4q_ai.edge import merging
from i4q_ai.edge.heard import Heard
from i4q_ai.edge.paths import Paths
from i4q_ai.edge.places import Found
from i4q_ai.edge.pulling import Puller, pause
from i4q_ai.errors import NotFoundError, UnreachableError
from tests.unit.edge.test_heard import Line, found, wear

WAIT = 60.0


class Scripted:
    """A place that answers as it was told."""

    name = "git+https://git.factory/plant.git//a@main"

    def __init__(self, *answers: Callable[[], Found | None]) -> None:
        self._answers = list(answers)
        self.known: list[str] = []
        self.over = threading.Event()

    def look(self, known: str, deadline: Deadline) -> Found | None:
        deadline.check()
        self.known.append(known)
        if not self._answers:
            self.over.set()
            return None
        return self._answers.pop(0)()


def failing(error: Exception) -> Callable[[], Found | None]:
    def fail() -> Found | None:
        raise error

    return fail


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


@pytest.fixture
def pulled(line: Line) -> Iterator[Callable[[Scripted], None]]:
    begun: list[Puller] = []

    def run(place: Scripted) -> None:
        puller = Puller(place, Heard(Paths(line.paths.folder), [place.name], "line-7", line), every=0.001)
        begun.append(puller)
        puller.start()
        assert place.over.wait(WAIT)

    yield run
    for puller in begun:
        puller.stop()
        puller.join(WAIT)
        assert not puller.is_alive()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (UnreachableError("nobody answers"), "nobody answers"),
        (NotFoundError("there is no such branch"), "there is no such branch"),
        (ZeroDivisionError("a server that is hostile"), "unexpected ZeroDivisionError"),
        (MemoryError(), "unexpected MemoryError"),
        (OSError(28, "No space left on device"), "No space left on device"),
    ],
)
def test_whatever_fails_it_goes_on(line: Line, pulled: Callable[[Scripted], None], error: Exception, told: str) -> None:
    place = Scripted(lambda: found("1" * 40, wear("1")), failing(error), lambda: found("2" * 40, wear("2")))
    pulled(place)
    assert any(told in remark for remark in line.remarks)
    assert line.wanted == ["wear 2"]
    assert place.known[:4] == ["", "1" * 40, "1" * 40, "2" * 40]


def test_what_cannot_be_digested_does_not_end_it(
    line: Line, pulled: Callable[[Scripted], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([RuntimeError("a document that is hostile")])

    def joined(*arguments: object, **about: object) -> Desired:
        for error in answers:
            raise error
        return real(*arguments, **about)

    real = merging.joined
    monkeypatch.setattr(merging, "joined", joined)
    pulled(Scripted(lambda: found("1" * 40, wear("1")), lambda: found("1" * 40, wear("1"))))
    assert "unexpected RuntimeError" in line.remarks[0]
    assert line.wanted == ["wear 1"]


@pytest.mark.parametrize(
    ("every", "failures", "seconds"),
    [(30, 0, 30), (30, 1, 60), (30, 5, 120), (200, 3, 300), (900, 3, 900), (0.2, 50, 0.8)],
)
def test_pauses(every: float, failures: int, seconds: float) -> None:
    found = {pause(every, failures) for _ in range(50)}
    assert all(0.9 * seconds <= each <= 1.1 * seconds for each in found)
    assert len(found) > 1, "not all at the same moment"
