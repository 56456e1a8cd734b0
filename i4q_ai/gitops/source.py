"""Source: a place in Git."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from i4q_ai.thing import Thing

_SCHEMES = ("http://", "https://", "ssh://", "file://")
_SCP = re.compile(r"(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9._-]+:(?!//)[^\s:]+")
"""`git@host:group/repository.git`"""
_PASSWORD = re.compile(r"[a-z+]+://(?:[^/]*:[^/]*@|[^/@]*:(?![0-9]*/)[^@]*@)", re.IGNORECASE)
_TOKEN = re.compile(r"https?://[^/@:]{30,}@", re.IGNORECASE)
"""A user by that name is none."""
_GIT = re.compile(r"\.git|git~[0-9]+")
"""As some file systems read it, too."""
_CONTROL = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]")


def _is_repo(value: str) -> str:
    if _PASSWORD.match(value) or _TOKEN.match(value):
        scheme, _, rest = value.partition("://")
        raise ValueError(
            f"'{scheme}://…@{rest.rpartition('@')[2]}' carries a password, which would stand in every record and log; "
            "leave it to a credential helper of git, or to a file that I4Q_GIT_CREDENTIALS names"
        )
    if value.startswith("-") or any(ord(each) < 33 for each in value):
        raise ValueError(f"{value!r} is no repository")
    if not (value.startswith((*_SCHEMES, "/")) or _SCP.fullmatch(value)):
        raise ValueError(f"{value!r} is no repository: https://…, ssh://…, user@host:path, file://… or /path")
    return value.rstrip("/")


def is_branch(value: str) -> str:
    """A branch by git's grammar, without `refs/heads/`.

    Raises:
        ValueError: it is none.
    """
    parts = value.split("/")
    bad = _CONTROL.search(value) or ".." in value or "@{" in value or value == "@" or value.startswith("-")
    if bad or not all(part and not part.startswith(".") and not part.endswith((".lock", ".")) for part in parts):
        raise ValueError(f"{value!r} is no branch")
    return value


def is_path(value: str) -> str:
    """A folder below the root of a repository, normalised; empty for the root.

    Raises:
        ValueError: it leads out, or into `.git`.
    """
    if value.startswith("/") or "\\" in value or any(ord(each) < 32 for each in value):
        raise ValueError(f"{value!r} is no path in a repository: a/b, from its root")
    parts = [part for part in value.split("/") if part not in ("", ".")]
    if ".." in parts or any(_GIT.fullmatch(part.lower().rstrip(". ")) for part in parts):
        raise ValueError(f"{value!r} leads out of the repository's tree")
    return "/".join(parts)


class Source(Thing):
    """Where in Git.

    Args:
        repo: `https://…`, `ssh://…`, `user@host:path`, `file://…` or a folder; without a password.
        branch: of it.
        path: a folder in it; empty for all.

    Example:
        >>> Source(repo="https://git.factory/line.git", path="edges//cnc/").path
        'edges/cnc'
    """

    repo: Annotated[str, AfterValidator(_is_repo)]
    branch: Annotated[str, AfterValidator(is_branch)] = "main"
    path: Annotated[str, AfterValidator(is_path)] = Field(default="")

    def __str__(self) -> str:
        return f"{self.repo} {self.branch}" + (f" {self.path}" if self.path else "")
