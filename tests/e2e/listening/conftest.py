from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from i4q_ai import Hub, Label, Model, Placement, Release
from i4q_ai.listening.rules import Listener
from tests.e2e.cli.conftest import background, i4q
from tests.testbed.gitserver import GitServer

__all__ = ["background", "i4q"]

CNC = Placement("cnc", Label("line") == "cnc")
_TIMEOUT = 120


class Plant:
    """A repository on a Git server, with release files of a model of one text file.

    Args:
        server: where it is.
        folder: for a working copy, a registry and what is packed.
    """

    def __init__(self, server: GitServer, folder: Path) -> None:
        self.url = server.create("plant/models")
        self.repository = f"oci:{folder}/registry/wear"
        self.work = folder / "work"
        self._folder = folder
        folder.mkdir()
        self.git("clone", "--quiet", self.url, str(self.work), at=folder)

    def git(self, *arguments: str, at: Path | None = None) -> str:
        who = ["-c", "user.name=trainer", "-c", "user.email=trainer@factory.example"]
        done = subprocess.run(
            ["git", *who, *arguments], cwd=at or self.work, check=True, capture_output=True, text=True, timeout=_TIMEOUT
        )
        return done.stdout.strip()

    def model(self, version: str, *, to: str | None = None) -> Model:
        file = self._folder / "wear.txt"
        file.write_text(f"version {version}\n")
        return Model.from_files([file], name="wear", version=version).push(to or f"{self.repository}:{version}")

    def release(self, version: str) -> str:
        placed = {"model": "wear", "to": "cnc", "flavour": "files"}
        made = Release(models=[self.model(version)], placements=[CNC], deployments=[placed])
        return made.to_yaml()

    def push(self, text: str, *, message: str = "new", force: bool = False) -> str:
        """Push a release file; gives the commit."""
        path = self.work / "releases" / "wear.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        self.git("push", "--quiet", *(["--force"] if force else []), "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")

    def rules(self, **about: object) -> Listener:
        hooks = about.pop("hooks", [])
        source = {
            "name": "plant",
            "git": {"repo": self.url, "path": "releases"},
            "allow": {"names": ["wear"], "clusters": {"label": "line", "values": ["cnc"]}},
            **about,
        }
        return Listener.parse({"hooks": hooks, "sources": [source]})


@pytest.fixture
def plant(git_server: GitServer, tmp_path: Path) -> Plant:
    return Plant(git_server, tmp_path / "plant")


@pytest.fixture
def opened() -> Iterator[Callable[[Path], Hub]]:
    """Opens hubs of a home; takes their clusters away with the test."""
    hubs: list[Hub] = []

    def opening(home: Path) -> Hub:
        hubs.append(Hub("embedded", namespace="i4q", owner="i4q", home=str(home)))
        return hubs[-1]

    yield opening
    for hub in hubs:
        for cluster in hub.clusters.list():
            hub.clusters.remove(cluster.name, refresh=False)
        hub.close()
