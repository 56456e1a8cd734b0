"""Commit objects: whose they are, and signed where the user's git signs."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Sequence

from dulwich.config import StackedConfig
from dulwich.objects import Commit, ObjectID, ShaFile
from dulwich.repo import Repo

from i4q_ai.errors import GitError, InvalidError, UnsupportedError
from i4q_ai.gitops.credentials import silent

_PERSON = re.compile(r"[^<>\n\0]+ <[^<>\s]+>")
_NOBODY = "i4q-ai <i4q-ai@localhost.invalid>"
_TIMEOUT = 60.0


def made(
    repo: Repo, tree: ObjectID, parent: ObjectID | None, objects: Sequence[ShaFile], *, message: str, author: str | None
) -> Commit:
    """A commit, kept in a repository on this disk.

    Args:
        repo: in which.
        tree: what it holds.
        parent: on which it stands.
        objects: that are new with it.
        message: of it.
        author: `Name <address>`; None is who git says the user is.

    Raises:
        InvalidError: the author is none.
        GitError: git signs commits here, and cannot sign this one.
    """
    who = person("AUTHOR") if author is None else _checked(author)
    committer = person("COMMITTER", fallback=who)
    repo.object_store.add_objects([(each, None) for each in objects])
    if _boolean(b"commit", b"gpgSign"):
        return _signed(repo, tree, parent, message=message, author=who, committer=committer)
    commit = Commit()
    commit.tree, commit.parents = tree, [] if parent is None else [parent]
    commit.author, commit.committer = who.encode(), committer.encode()
    commit.author_time = commit.commit_time = int(time.time())
    commit.author_timezone = commit.commit_timezone = 0
    commit.encoding = b"UTF-8"
    commit.message = f"{message.rstrip()}\n".encode()
    repo.object_store.add_object(commit)
    return commit


def person(role: str, *, fallback: str = _NOBODY) -> str:
    """Who git says the user is, as AUTHOR or as COMMITTER."""
    name = os.environ.get(f"GIT_{role}_NAME") or _setting(b"user", b"name")
    address = os.environ.get(f"GIT_{role}_EMAIL") or _setting(b"user", b"email") or os.environ.get("EMAIL")
    told = f"{name} <{address}>"
    return told if name and address and _PERSON.fullmatch(told) else fallback


def _checked(author: str) -> str:
    if not _PERSON.fullmatch(author):
        raise InvalidError(f"{author!r} is no author", hint="Name <address>")
    return author


def _signed(
    repo: Repo, tree: ObjectID, parent: ObjectID | None, *, message: str, author: str, committer: str
) -> Commit:
    """By git's own program, which knows the user's keys."""
    people: dict[str, str] = {}
    for role, who in (("AUTHOR", author), ("COMMITTER", committer)):
        name, _, address = who.rpartition(" ")
        people |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": address.strip("<>")}
    parents = [] if parent is None else ["-p", parent.decode()]
    command = ["git", "--git-dir", str(repo.controldir()), "commit-tree", "-S", tree.decode(), *parents]
    try:
        done = subprocess.run(
            command, input=f"{message.rstrip()}\n".encode(), capture_output=True, timeout=_TIMEOUT, check=False,
            env=silent() | people,
        )  # fmt: skip
    except FileNotFoundError as error:
        raise UnsupportedError(
            "commit.gpgSign is set, and there is no git program to sign with", hint="install git"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise GitError(
            f"git did not sign the commit within {_TIMEOUT:.0f} seconds", hint="does the key wait for a person?"
        ) from error
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip().splitlines()
        raise GitError(f"git cannot sign the commit: {why[-1] if why else done.returncode}", hint="see `git commit -S`")
    repo.object_store.close()
    commit = repo.object_store[ObjectID(done.stdout.strip())]
    assert isinstance(commit, Commit), "commit-tree makes commits"
    return commit


def _setting(section: bytes, name: bytes) -> str:
    try:
        return StackedConfig.default().get((section,), name).decode(errors="replace")
    except KeyError:
        return ""


def _boolean(section: bytes, name: bytes) -> bool:
    return bool(StackedConfig.default().get_boolean((section,), name, False))
