"""Real Git servers, and a git that is nobody's but the test's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from i4q_ai import backends
from i4q_ai.cluster import Cluster
from i4q_ai.deadline import Deadline
from tests.e2e.gitops.front import Front, in_front
from tests.e2e.gitops.people import Person
from tests.testbed.gitserver import GitServer
from tests.unit.memory import MemoryBackend


@pytest.fixture(autouse=True)
def _own_git(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of git that are the test's alone; the file is there to be written to."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("I4Q_CACHE", str(home / "cache"))
    for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@plant.example\n")
    return home


@pytest.fixture
def settings(_own_git: Path) -> Path:
    """The file with the user's settings of git."""
    return _own_git / ".gitconfig"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    """A server by http."""
    if shutil.which("git") is None:
        pytest.skip("no git program")
    with GitServer(tmp_path / "git") as running:
        yield running


@pytest.fixture
def front(server: GitServer) -> Iterator[Front]:
    """One before it that does what it is told."""
    with in_front(server.url("x").rsplit("/", 1)[0]) as running:
        yield running


@pytest.fixture
def repo(server: GitServer) -> Path:
    """An empty repository, as it lies on the server."""
    server.create("edges")
    return server.path("edges")


@pytest.fixture
def url(server: GitServer, repo: Path) -> str:
    """Its URL."""
    return server.url(repo.stem)


@pytest.fixture
def person(tmp_path: Path, repo: Path) -> Person:
    """Somebody who has cloned it."""
    return Person(tmp_path / "clone", repo)


@pytest.fixture
def deadline() -> Deadline:
    """A generous one."""
    return Deadline.after(120)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemoryBackend:
    """The backend that every Hub of the test opens, with two clusters in each of two lines."""
    backend = MemoryBackend()

    def _opened(_address: str, **_options: Any) -> MemoryBackend:
        return backend

    monkeypatch.setattr(backends, "open_backend", _opened)
    for number, line in enumerate(["cnc", "cnc", "paint", "paint"], start=1):
        backend.fleet.add(Cluster(name=f"edge-{number}", labels={"line": line}), deadline=Deadline.after(60))
    return backend
