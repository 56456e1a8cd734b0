"""Many at once, and several mirrors: who is asked, in which order, and what stops all."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, cast

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import AuthError, I4qError, IntegrityError, NotFoundError, RegistryError, StorageError
from i4q_ai.oci.downloads.mirrors import Mirrors
from i4q_ai.oci.source import Source
from i4q_ai.oci.together import Halt, each


@dataclass
class _Named:
    name: str


def _mirrors(*names: str) -> Mirrors:
    return Mirrors([cast("Source", _Named(name)) for name in names])


class _Answers:
    """Name → errors to raise, one after the other; then it answers."""

    def __init__(self, **errors: list[I4qError]) -> None:
        self.errors, self.asked = errors, list[tuple[str, bool]]()

    def __call__(self, source: Source, patient: bool) -> str:
        self.asked.append((source.name, patient))
        left = self.errors.get(source.name, [])
        if left:
            raise left.pop(0)
        return source.name


def test_next_one_answers_and_is_asked_first_from_then_on() -> None:
    mirrors, answers = _mirrors("a", "b", "c"), _Answers(a=[NotFoundError("no")] * 9)
    assert mirrors.ask(answers, "x") == "b"
    assert mirrors.first.name == "b"
    assert mirrors.ask(answers, "y") == "b"
    assert answers.asked == [("a", False), ("b", False), ("b", False)]


def test_alone_it_is_asked_with_patience_at_once() -> None:
    answers = _Answers()
    _mirrors("a").ask(answers, "x")
    assert answers.asked == [("a", True)]


def test_all_are_asked_once_before_patience() -> None:
    answers = _Answers(a=[RegistryError("busy")], b=[NotFoundError("no")])
    assert _mirrors("a", "b").ask(answers, "x") == "a"
    assert answers.asked == [("a", False), ("b", False), ("a", True)]


@pytest.mark.parametrize(
    ("errors", "kind"),
    [
        ([NotFoundError("a"), NotFoundError("b")], NotFoundError),
        ([NotFoundError("a"), AuthError("b")], RegistryError),
        ([IntegrityError("a"), IntegrityError("b")], IntegrityError),
    ],
)
def test_none_answers(errors: list[I4qError], kind: type[I4qError]) -> None:
    answers = _Answers(a=errors[:1], b=errors[1:])
    with pytest.raises(kind, match="none of 2 references could deliver x: a; b"):
        _mirrors("a", "b").ask(answers, "x")


def test_a_full_disk_is_no_reason_to_ask_another() -> None:
    answers = _Answers(a=[StorageError("full")])
    with pytest.raises(StorageError):
        _mirrors("a", "b").ask(answers, "x")
    assert answers.asked == [("a", False)]


def test_first_failure_stops_the_others() -> None:
    started = threading.Event()

    def _work(item: int, deadline: Deadline) -> int:
        if item == 0:
            started.wait(60)
            raise ValueError("the first")
        started.set()
        deadline.pause(50)  # ends at once when another has failed
        return item

    with pytest.raises(ValueError, match="the first"):
        each(range(9), _work, Deadline.after(60), threads=2)


@pytest.mark.parametrize("count", [1, 4])
def test_cancelling_stops_all(count: int) -> None:
    cancel = threading.Event()

    def _work(item: Any, deadline: Deadline) -> None:
        cancel.set()
        deadline.pause(50)

    with pytest.raises(I4qError, match="cancelled"):
        each(range(count), _work, Deadline.after(60, cancel=cancel))


def test_all_results() -> None:
    assert sorted(each(range(20), lambda item, _: item * 2, Deadline.after(60))) == [2 * one for one in range(20)]
    assert each([], lambda item, _: item, Deadline.after(60)) == []


def test_halting_one_leaves_the_other() -> None:
    cancel = threading.Event()
    halt = Halt(cancel)
    assert not halt.wait(0.01)
    halt.set()
    assert halt.is_set()
    assert not cancel.is_set()
