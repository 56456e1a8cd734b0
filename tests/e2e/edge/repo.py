"""A repository as people work on it: a clone on this disk, and pushes from there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from i4q_ai.desired import Desired, Item, ModelItem, WorkloadItem
from tests.testbed.gitserver import GitServer

_TIMEOUT = 120


class Repo:
    """Somebody's clone.

    Args:
        folder: to be made.
        url: of the server's repository.
    """

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("remote", "add", "origin", url)

    @classmethod
    def on(cls, server: GitServer, folder: Path, *, name: str = "plant") -> Repo:
        return cls(folder, server.create(name))

    def git(self, *arguments: str) -> str:
        who = {"GIT_AUTHOR_NAME": "us", "GIT_AUTHOR_EMAIL": "us@plant"}
        who |= {"GIT_COMMITTER_NAME": "us", "GIT_COMMITTER_EMAIL": "us@plant", "GIT_CONFIG_GLOBAL": os.devnull}
        own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        command = ["git", "-C", str(self.folder), *arguments]
        done = subprocess.run(command, env={**own, **who}, capture_output=True, text=True, timeout=_TIMEOUT)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def want(self, path: str, *items: Item) -> str:
        """Let `path/desired.json` name these, and push."""
        self.write(f"{path}/desired.json", document(*items).to_json())
        return self.push(f"{path}: {', '.join(item.version for item in items)}")

    def push(self, message: str, *options: str) -> str:
        """Commit what is there and push it; the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        self.git("push", "--quiet", *options, "origin", "main")
        return self.git("rev-parse", "HEAD")


def document(*items: Item) -> Desired:
    return Desired(
        cluster="any",
        models=tuple(item for item in items if isinstance(item, ModelItem)),
        workloads=tuple(item for item in items if isinstance(item, WorkloadItem)),
    )
