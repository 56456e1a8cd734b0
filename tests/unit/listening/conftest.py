"""A Git server in memory, and rules for one source in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from i4q_ai import Label, Placement, Release
from i4q_ai.errors import UnreachableError
from i4q_ai.gitops.repository import Tree
from i4q_ai.gitops.source import Source
from i4q_ai.listening import looking
from i4q_ai.listening.rules import Listener
from tests.unit import things

URL = "https://git.factory/plant/models.git"
CNC = Placement("cnc", Label("line") == "cnc")


class FakeGit:
    """Commits of one branch; `looks` counts how often the head was asked for, `tries` how stubbornly each time."""

    def __init__(self) -> None:
        self.trees: dict[str, Mapping[str, bytes]] = {}
        self.head: str | None = None
        self.looks = 0
        self.tries: list[int] = []
        self.away = False
        self.on_read: Any = None

    def push(self, files: Mapping[str, str], *, name: str = "") -> str:
        """A commit with these files in the path; gives its id."""
        text = repr(sorted(files.items())) + (name or str(len(self.trees)))
        self.head = hashlib.sha1(text.encode()).hexdigest()
        self.trees[self.head] = {path: content.encode() for path, content in files.items()}
        return self.head

    def ls_remote(self, repo: str, *, tries: int, **_: Any) -> dict[str, str]:
        self.looks += 1
        self.tries.append(tries)
        if self.away:
            raise UnreachableError(f"{repo} does not answer")
        return {"refs/heads/main": self.head} if self.head else {}

    def read(self, source: Source, **_: Any) -> Tree:
        assert self.head is not None
        tree = Tree(self.head, self.trees[self.head])
        if self.on_read is not None:
            self.on_read()
        return tree


@pytest.fixture
def git(monkeypatch: pytest.MonkeyPatch) -> FakeGit:
    fake = FakeGit()
    monkeypatch.setattr(looking.repository, "ls_remote", fake.ls_remote)
    monkeypatch.setattr(looking.repository, "read", fake.read)
    return fake


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def release(version: str = "1", *, name: str = "tool-wear", to: Placement = CNC, **about: Any) -> dict[str, str]:
    """The files of a release of one model."""
    placed = {"model": name, "to": to.name, **about}
    made = Release(models=[things.model(name, version)], placements=[to], deployments=[placed])  # type: ignore[arg-type]
    return {"release.yaml": made.to_yaml()}


def rules(**about: Any) -> Listener:
    """One source of releases, which may deploy tool-wear on line cnc."""
    allow = about.pop("allow", {"names": ["tool-wear"], "clusters": {"label": "line", "values": ["cnc"]}})
    source = {"name": "plant", "git": {"repo": URL, "path": "releases"}, **about}
    if allow is not None:
        source["allow"] = allow
    return Listener.parse({"sources": [source]})
