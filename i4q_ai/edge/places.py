"""Places that an agent may follow by itself: what they are called, and what each of them is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from i4q_ai.deadline import Deadline
from i4q_ai.errors import InvalidError
from i4q_ai.gitops.source import Source

_GIT, _OCI = "git+", "oci:"
HINT = "git+https://HOST/REPOSITORY.git//PATH@BRANCH, oci://REGISTRY/REPOSITORY:TAG or oci:FOLDER:TAG"


@dataclass(frozen=True)
class Found:
    """What a place says.

    Args:
        mark: changes when that does: a commit, or a digest.
        files: name → content of each document.
    """

    mark: str
    files: Mapping[str, bytes]


class Place(Protocol):
    """Somewhere that says what is wanted.

    `name` is told to people; it holds no secret.
    """

    name: str

    def look(self, known: str, deadline: Deadline) -> Found | None:
        """What it says; None if that is still what the mark `known` stands for.

        Raises:
            NotFoundError: it says nothing: no such branch, path or tag.
            UntrustedError: nobody who is trusted stands for it.
            I4qError: it cannot be asked.
        """


def parse(text: str, *, cache: Path, empty: bool = False) -> Place:
    """A place as people write it.

    Args:
        text: `git+URL//PATH@BRANCH`, where path and branch (main) may be left out, `oci://HOST/REPOSITORY:TAG`, or
            `oci:FOLDER:TAG`.
        cache: a folder for what is kept of it.
        empty: a path in Git without documents wants nothing; else it is taken for a mistake.

    Raises:
        InvalidError: it is none of these.
    """
    if text.startswith(_GIT):
        from i4q_ai.edge.gitpath import GitPath

        return GitPath(source(text), cache=cache, empty=empty)
    if text.startswith(_OCI):
        from i4q_ai.edge.tag import Tag

        return Tag(text.removeprefix(f"{_OCI}//") if text.startswith(f"{_OCI}//") else text)
    raise InvalidError(f"{text!r} is no place to follow", hint=HINT)


def source(text: str) -> Source:
    """A place in Git, out of `git+URL//PATH@BRANCH`.

    Raises:
        InvalidError: it is none.

    Example:
        >>> found = source("git+https://git.factory/plant.git//edges/line-7@stable")
        >>> found.repo, found.path, found.branch
        ('https://git.factory/plant.git', 'edges/line-7', 'stable')
    """
    scheme, colon, rest = text.removeprefix(_GIT).partition("://")
    if not colon:
        raise InvalidError(f"{text!r} is no place in Git", hint=HINT)
    host, slash, rest = rest.partition("/")
    repo, double, path = rest.partition("//")
    if double:
        path, at, branch = path.rpartition("@") if "@" in path else (path, "", "")
    else:
        repo, at, branch = repo.rpartition("@") if "@" in repo else (repo, "", "")
    about = {"branch": branch} if at else {}
    return Source(repo=f"{scheme}://{host}{slash}{repo}", path=path, **about)
