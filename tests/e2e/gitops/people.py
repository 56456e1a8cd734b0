"""People who work on a repository with the git program, and what there is to see in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_TIMEOUT = 120
_WHO = {
    "GIT_AUTHOR_NAME": "Somebody", "GIT_AUTHOR_EMAIL": "somebody@plant.example",
    "GIT_COMMITTER_NAME": "Somebody", "GIT_COMMITTER_EMAIL": "somebody@plant.example",
}  # fmt: skip


def git(folder: Path | str, *arguments: str, **more: str) -> str:
    """Run git in a folder; what it says, without the last newline."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")} | _WHO | more
    command = ["git", "-c", "commit.gpgSign=false", "-C", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT, env=env, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode(errors="surrogateescape").rstrip("\n")


class Person:
    """Somebody with a clone.

    Args:
        folder: of the clone.
        repo: that is cloned.
    """

    def __init__(self, folder: Path, repo: str | Path) -> None:
        self.folder = folder
        git(folder.parent, "clone", "--quiet", str(repo), str(folder))
        git(folder, "checkout", "--quiet", "-B", "main")

    def write(self, **files: str | None) -> None:
        """Write files, `__` for a slash; None deletes one."""
        self.write_all({name.replace("__", "/"): text for name, text in files.items()})

    def write_all(self, files: dict[str, str | None]) -> None:
        """Write files; None deletes one."""
        for name, text in files.items():
            path = self.folder / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")

    def pull(self) -> None:
        """What others have pushed."""
        git(self.folder, "pull", "--quiet", "--rebase", "origin", "main")

    def push(self, message: str = "By hand", *, force: bool = False) -> str:
        """Commit all, and push; the commit."""
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--allow-empty", "-m", message)
        git(self.folder, "push", "--quiet", *(["--force"] if force else []), "origin", "main")
        return git(self.folder, "rev-parse", "HEAD")


def log(repo: Path, what: str = "%H", branch: str = "main") -> list[str]:
    """The commits of a branch, newest first."""
    return git(repo, "log", f"--format={what}", branch).splitlines()


def files(repo: Path, branch: str = "main") -> dict[str, str]:
    """Path → content of a branch's head."""
    names = git(repo, "ls-tree", "-r", "-z", "--name-only", branch).split("\0")
    return {name: git(repo, "show", f"{branch}:{name}") for name in names if name}


def sound(repo: Path) -> None:
    """Nothing in the repository is broken."""
    git(repo, "fsck", "--full", "--strict")
