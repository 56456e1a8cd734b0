"""A person's clone of a repository: what they edit, commit and push with git itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

_TIMEOUT = 120
_PERSON = {
    "GIT_AUTHOR_NAME": "operator", "GIT_AUTHOR_EMAIL": "operator@factory.example",
    "GIT_COMMITTER_NAME": "operator", "GIT_COMMITTER_EMAIL": "operator@factory.example",
    "GIT_TERMINAL_PROMPT": "0",
}  # fmt: skip


class Clone:
    """A clone of a repository.

    Args:
        url: of the repository; it may be empty.
        folder: that does not exist yet.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.folder = folder
        _git("clone", "--quiet", url, str(folder))
        self.git("symbolic-ref", "HEAD", "refs/heads/main")
        self.git("reset", "--quiet", "--hard", "origin/main") if self.git("branch", "-r") else None

    def git(self, *arguments: str) -> str:
        """Run git in it; gives what it prints."""
        return _git("-C", str(self.folder), *arguments)

    def commit(self, files: Mapping[str, str | None], message: str = "by hand", *, force: bool = False) -> str:
        """Write files (None removes one), commit and push them; gives the commit."""
        for name, text in files.items():
            place = self.folder / name
            if text is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        self.git("add", "--all")
        self.git("commit", "--quiet", f"--message={message}")
        self.git("push", "--quiet", *(["--force"] if force else []), "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")


def _git(*arguments: str) -> str:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *arguments], env=clean | _PERSON, capture_output=True, text=True, timeout=_TIMEOUT, check=False
    )
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()
