"""The door to Git: its refs, what a folder holds, and a commit that makes folders of ours what they are to be."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from i4q_ai.deadline import Deadline
from i4q_ai.errors import GitError, InvalidError, NotFoundError, nearest
from i4q_ai.gitops.credentials import Credentials
from i4q_ai.gitops.source import Source, is_branch, is_path
from i4q_ai.retrying import TRIES, TransientError, call

if TYPE_CHECKING:
    from i4q_ai.gitops.clone import Clone

_log = logging.getLogger(__name__)

T = TypeVar("T")

_ID = re.compile(r"[0-9a-f]{40}")
_TRIES = 100
"""So often a branch may move before our commit is on it."""
LARGEST = 64 * 1024 * 1024
"""Bytes of all files that are read at once."""


@dataclass(frozen=True)
class Tree:
    """A folder at a commit.

    Args:
        commit: its id, 40 hexadecimal digits.
        files: path below the folder → content; links and submodules are left out.
    """

    commit: str
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Commit:
    """What a write has led to.

    Args:
        id: of the commit that has it: a new one, or the head if nothing had to change.
        branch: on which it is.
        parent: on which it stands; empty for the first one of a repository.
        changed: paths from the root of the repository; empty if nothing had to change.
        files: folder → file → id of its content, of all that was written or found as it should be.
        brought: folder → the commit that made it what it is to be: this one, or an earlier one that was looked for as
            `known` did not say the same.
    """

    id: str
    branch: str
    parent: str
    changed: tuple[str, ...] = ()
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    brought: Mapping[str, str] = field(default_factory=dict)


def ls_remote(
    repo: str, *, credentials: Credentials | None = None, tries: int = TRIES, deadline: Deadline
) -> dict[str, str]:
    """Every ref of a repository → the commit it is at: `refs/heads/main` → 40 hexadecimal digits.

    Args:
        repo: as a Source has it.
        credentials: None looks for some once the server asks.
        tries: how often a server that does not answer is asked; who looks again by itself needs one.
        deadline: when to give up.

    Raises:
        NotFoundError: there is no such repository.
        ForbiddenError: it wants other credentials.
        UnreachableError: it does not answer.
    """
    from i4q_ai.gitops.remote import Remote

    def _look() -> dict[str, str]:
        with Remote(repo, credentials=credentials, deadline=deadline, keep=True) as remote:
            return {name: value for name, value in remote.refs().items() if _ID.fullmatch(value)}

    return call(_look, deadline=deadline, tries=tries)


def read(
    source: Source,
    *,
    commit: str | None = None,
    wanted: Callable[[str], bool] = lambda _: True,
    cache: Path | None = None,
    credentials: Credentials | None = None,
    deadline: Deadline,
) -> Tree:
    """What a folder holds.

    Args:
        source: which.
        commit: at which; None for the head of the branch.
        wanted: which files, by their path below the folder; others need not travel.
        cache: a folder for what is fetched, so that the next look takes only what is new.
        credentials: None looks for some once the server asks.
        deadline: when to give up.

    Raises:
        NotFoundError: there is no such repository, branch, commit or folder.
        ForbiddenError: it wants other credentials.
        UnreachableError: it does not answer.
        GitError: the folder is none, or too large.
    """
    if commit is not None and not _ID.fullmatch(commit):
        raise InvalidError(f"{commit!r} is no commit", hint="40 hexadecimal digits")

    def _read(clone: Clone) -> Tree:
        from i4q_ai.gitops import trees

        if commit is not None:
            at = clone.commit(commit)
        else:
            head, there = clone.head(source.branch)
            if head is None or not there:
                raise _no_branch(source, clone)
            at = head
        store = clone.repo.object_store
        folder = trees.folder(store, clone.tree(at), source.path)
        if folder is None:
            raise NotFoundError(f"there is no folder '{source.path}' in {source.repo} at {at.decode()[:12]}")
        entries = trees.files(store, folder)
        found = {path: entry.id for path, entry in entries if entry.is_file and wanted(_text(path))}
        contents = clone.blobs(found.values())
        if sum(len(contents[each]) for each in found.values()) > LARGEST:
            raise GitError(
                f"'{source.path}' in {source.repo} has more than {LARGEST} bytes", hint="name a folder of it"
            )
        return Tree(at.decode(), {_text(path): contents[each] for path, each in found.items()})

    return _with_clone(source.repo, _read, cache=cache, credentials=credentials, deadline=deadline)


def write(
    source: Source,
    folders: Mapping[str, Mapping[str, str] | None],
    *,
    message: str,
    author: str | None = None,
    propose: str | None = None,
    force: bool = False,
    known: Mapping[str, Mapping[str, str]] | None = None,
    by: str = "",
    cache: Path | None = None,
    credentials: Credentials | None = None,
    deadline: Deadline,
) -> Commit:
    """Make folders of ours what they should be: one commit, pushed.

    When the branch moves meanwhile, the commit is made anew on top. Files that others have put beside ours stay.

    Args:
        source: the branch, and the folder above ours.
        folders: each below `source.path` → file → text; None takes our files away.
        message: of the commit; what marks it as ours is added.
        author: `Name <address>`; None takes who git says the user is.
        propose: a branch to push to in place of the source's, for others to merge.
        force: also over what others have changed in our files.
        known: folder → file → id, as the last write gave them; spares a look into history.
        by: whose folders they are; those of another are refused.
        cache: a folder for what is fetched, so that the next call takes only what is new.
        credentials: None looks for some once the server asks.
        deadline: when to give up.

    Raises:
        EditedError: others have changed our files; nothing was touched.
        OwnedError: they are of somebody else who publishes.
        ConflictError: the branch moved again and again.
        NotFoundError: there is no such repository.
        ForbiddenError: it wants other credentials.
        UnreachableError: it does not answer.
        GitError: it refuses the commit.
    """
    if "\0" in message or not message.strip():
        raise InvalidError(f"{message!r} is no message of a commit", hint="say what changed")
    wanted = {_path(folder): _files(files) for folder, files in folders.items()}
    if propose is not None:
        _branch(propose)

    tried: list[Commit] = []

    def _write(clone: Clone) -> Commit:
        from i4q_ai.gitops import writing

        job = writing.Job(source, wanted, message, author, propose, force, dict(known or {}), by, tried)
        return writing.write(clone, job, tries=_TRIES)

    return _with_clone(source.repo, _write, cache=cache, credentials=credentials, deadline=deadline)


def _with_clone(
    repo: str,
    work: Callable[[Clone], T],
    *,
    cache: Path | None,
    credentials: Credentials | None,
    deadline: Deadline,
) -> T:
    from i4q_ai.gitops.clone import Damaged, cloned
    from i4q_ai.gitops.remote import Remote

    def _work() -> T:
        with (
            Remote(repo, credentials=credentials, deadline=deadline) as remote,
            cloned(remote, cache, deadline) as clone,
        ):
            return work(clone)

    def _again() -> T:
        try:
            return _work()
        except Damaged as error:
            _log.warning("what was kept of %s is damaged and is fetched anew", repo)
            raise TransientError(GitError(f"{repo} does not give what it promises: {error}"), after=0.0) from error

    return call(_again, deadline=deadline)


def _no_branch(source: Source, clone: Clone) -> NotFoundError:
    heads = [name.removeprefix("refs/heads/") for name in clone.remote.refs() if name.startswith("refs/heads/")]
    hint = nearest(source.branch, heads) if heads else "nothing has been pushed to it yet"
    return NotFoundError(f"{source.repo} has no branch '{source.branch}'", hint=hint)


def _path(folder: str) -> str:
    try:
        return is_path(folder)
    except ValueError as error:
        raise InvalidError(str(error)) from error


def _branch(name: str) -> str:
    try:
        return is_branch(name)
    except ValueError as error:
        raise InvalidError(str(error)) from error


def _files(files: Mapping[str, str] | None) -> dict[str, bytes] | None:
    if files is None:
        return None
    made = {}
    for name, text in files.items():
        if not name or _path(name) != name:
            raise InvalidError(f"{name!r} is no path of a file in a folder", hint="a/b.yaml")
        made[name] = text.encode()
    return made


def _text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")
