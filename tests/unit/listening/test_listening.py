"""Listening: rings, polls, storms, and answers of people, with sources in memory."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from i4q_ai import Hub
from i4q_ai.errors import NotFoundError
from i4q_ai.listening import listening as module
from i4q_ai.listening.lines import Change
from i4q_ai.listening.listening import Listening
from i4q_ai.listening.rules import ListenedSource, Listener
from i4q_ai.retrying import TRIES
from tests.unit.listening.conftest import URL, FakeGit, release, rules
from tests.unit.memory import MemoryBackend

LIMIT = 60.0
RARELY = 86400


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SOON", 0.01)
    monkeypatch.setattr(module, "_ANSWERS", 0.1)


@pytest.fixture
def told() -> list[Change]:
    return []


@contextmanager
def running(listening: Listening) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = threading.Thread(target=listening.run, args=(stop,))
    thread.start()
    try:
        yield stop
    finally:
        stop.set()
        thread.join(LIMIT)
        assert not thread.is_alive()


def made(cache: Path, told: list[Change], made_rules: Listener | None = None, **about: Any) -> Listening:
    def tell(_: ListenedSource, change: Change) -> None:
        told.append(change)

    return Listening(Hub(), made_rules or rules(poll=RARELY), cache=cache, told=tell, **about)


def eventually(what: Callable[[], object]) -> None:
    end = time.monotonic() + LIMIT
    while not what():
        assert time.monotonic() < end, "it did not become so"
        time.sleep(0.01)


def version() -> str:
    return Hub().get("tool-wear").spec.object.version


def test_a_ring_is_answered_and_a_poll_catches_what_rang_for_nobody(
    memory: MemoryBackend, git: FakeGit, cache: Path, told: list[Change]
) -> None:
    git.push(release())
    listening = made(cache, told, calm=0.0)
    with running(listening):
        eventually(lambda: len(told) == 1)
        git.push(release("2"))
        listening.ring("plant")
        eventually(lambda: len(told) == 2)
        assert version() == "2"
    with running(made(cache, told, rules(poll=1), calm=0.0)):
        git.push(release("3"))
        eventually(lambda: len(told) == 3)
    assert version() == "3"


def test_a_storm_ends_in_few_revisions_and_the_last_version(
    memory: MemoryBackend, git: FakeGit, cache: Path, told: list[Change]
) -> None:
    git.push(release("0"))
    listening = made(cache, told, calm=0.5)
    with running(listening):
        eventually(lambda: told)
        for number in range(1, 1001):
            git.push(release(str(number)))
            listening.ring("plant")
        eventually(lambda: version() == "1000")
    assert len(told) <= 20, "a thousand pushes"
    assert [int(each.version) for each in Hub().get("tool-wear").history()] == sorted(
        int(each.version) for each in Hub().get("tool-wear").history()
    )


def test_one_look_answers_many_rings(memory: MemoryBackend, git: FakeGit, cache: Path, told: list[Change]) -> None:
    gate = threading.Event()
    git.push(release())
    git.on_read = lambda: gate.wait(LIMIT)
    listening = made(cache, told, calm=0.0)
    with running(listening):
        eventually(lambda: git.looks == 1)
        for _ in range(100):
            listening.ring("plant")
        gate.set()
        eventually(lambda: told)
        eventually(lambda: git.looks == 2)
    assert git.looks <= 3


def test_an_approval_is_heard_without_a_ring(
    memory: MemoryBackend, git: FakeGit, cache: Path, told: list[Change]
) -> None:
    git.push(release())
    listening = made(cache, told, approve=True)
    with running(listening):
        eventually(lambda: told)
        assert [each.state for each in told] == ["waiting"]
        listening._turner.ledger.answer(told[0].id, approve=True, by="jo")
        eventually(lambda: len(told) == 2)
    assert told[1].state == "applied"


def test_two_listeners_one_revision(
    memory: MemoryBackend, git: FakeGit, cache: Path, told: list[Change], monkeypatch: pytest.MonkeyPatch
) -> None:
    put, turn = memory.store.put, threading.Lock()

    def alone(*arguments: Any, **about: Any) -> Any:
        with turn:
            return put(*arguments, **about)

    monkeypatch.setattr(memory.store, "put", alone)
    git.push(release())
    one, two = made(cache, told, rules(poll=1)), made(cache, told, rules(poll=1))
    with running(one), running(two):
        eventually(lambda: told)
        for listening in (one, two) * 5:
            listening.ring("plant")
        eventually(lambda: git.looks > 6)
    assert [each.state for each in told] == ["applied"]
    assert len(Hub().get("tool-wear").history()) == 1


def test_what_fails_is_said_once_and_does_not_stop_the_others(
    memory: MemoryBackend, git: FakeGit, cache: Path, told: list[Change], caplog: pytest.LogCaptureFixture
) -> None:
    git.away = True
    listening = made(cache, told)
    with caplog.at_level(logging.INFO), running(listening):
        eventually(lambda: git.looks >= 3)
        git.away = False
        git.push(release())
        eventually(lambda: told)
    warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in warned] == [f"source 'plant': {URL} does not answer"]
    assert "plant': " + told[0].label + " applied" in caplog.text


def test_a_worker_asks_a_server_once_as_it_looks_again_anyhow(memory: MemoryBackend, git: FakeGit, cache: Path) -> None:
    git.away = True
    listening = made(cache, [])
    assert listening.once() == {"plant": "failed"}
    assert git.tries == [TRIES], "one look alone is not repeated"
    git.tries.clear()
    with running(listening):
        eventually(lambda: len(git.tries) >= 2)
    assert set(git.tries) == {1}


def test_a_bug_in_one_look_ends_nothing(
    memory: MemoryBackend, git: FakeGit, cache: Path, told: list[Change], caplog: pytest.LogCaptureFixture
) -> None:
    git.push(release())
    git.on_read = lambda: 1 / 0
    with running(made(cache, told, lease=1)):
        eventually(lambda: "this is a bug" in caplog.text)
        git.on_read = None
        eventually(lambda: [each.state for each in told] == ["failed", "applied"])
    assert version() == "1"


def test_once(memory: MemoryBackend, git: FakeGit, cache: Path, told: list[Change]) -> None:
    listening = made(cache, told)
    assert listening.once() == {"plant": None}
    git.push(release())
    assert listening.once() == {"plant": "applied"}
    git.away = True
    assert listening.once() == {"plant": "failed"}


def test_nobody_rings_for_what_is_not_there(memory: MemoryBackend, cache: Path, told: list[Change]) -> None:
    with pytest.raises(NotFoundError, match="did you mean 'plant'"):
        made(cache, told).ring("plants")
