"""As much of a repository as is needed, on this disk: one commit deep, files only when somebody reads them."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from dulwich.errors import ChecksumMismatch, FileFormatException, HangupException, NotGitRepository
from dulwich.objects import Blob, Commit, ObjectID
from dulwich.refs import Ref
from dulwich.repo import Repo

from i4q_ai.deadline import Deadline
from i4q_ai.errors import GitError, I4qError, NotFoundError
from i4q_ai.gitops.remote import Remote
from i4q_ai.retrying import TransientError

_KEPT = b"refs/i4q/"
_MOST_PACKS = 64
"""So many fetches are kept one by one; then the folder is made anew, which is one fetch."""
_POLL = 0.05
_ALL = 0x7FFFFFFF
"""What git calls a depth without end."""


_BROKEN = (KeyError, ValueError, AssertionError, struct.error, zlib.error, FileFormatException, NotGitRepository,
           ChecksumMismatch)  # fmt: skip
"""What the library raises where it reads something else than it has written."""


class Damaged(Exception):
    """What lies on this disk is not what was fetched."""


class Clone:
    """A bare repository with what was fetched from a remote.

    Args:
        remote: from which it is.
        repo: on this disk.
    """

    def __init__(self, remote: Remote, repo: Repo) -> None:
        self.remote, self.repo = remote, repo

    def head(self, branch: str) -> tuple[ObjectID | None, bool]:
        """Fetch the head of a branch with its trees; None in an empty repository.

        Returns:
            The commit, and whether it is the branch's: where there is no such branch, it is that of the default one.
        """
        ref = f"refs/heads/{branch}"

        def _wanted(refs: Mapping[str, str]) -> list[str]:
            wanted = refs.get(ref) or refs.get("HEAD")
            return [wanted] if wanted and not self._whole(ObjectID(wanted.encode())) else []

        refs = self.remote.fetch(
            self.repo, _wanted, depth=1, without="blob:none", prefixes=(ref, "HEAD"), onto=self.repo.get_graph_walker()
        )
        found = refs.get(ref) or refs.get("HEAD")
        if found is None:
            return None, False
        self._keep(branch, ObjectID(found.encode()))
        return ObjectID(found.encode()), ref in refs

    def commit(self, id: str) -> ObjectID:
        """Fetch one commit with its trees.

        Raises:
            NotFoundError: the server does not have it, or gives it to nobody.
        """
        wanted = ObjectID(id.encode())
        for again in (True, False) if not self._whole(wanted) else ():
            try:
                self.remote.fetch(self.repo, lambda _: [id], depth=1, without="blob:none", prefixes=("HEAD",))
                break
            except TransientError as error:  # some servers hang up on a commit that they do not have
                if not isinstance(error.__cause__, HangupException):
                    raise
                self.remote.refs()
                if not again:
                    raise self._no_commit(id) from error
        if wanted not in self.repo.object_store:
            raise self._no_commit(id)
        return wanted

    def tree(self, commit: ObjectID | None) -> ObjectID | None:
        """The tree of a commit that was fetched."""
        if commit is None:
            return None
        found = self.repo.object_store[commit]
        if not isinstance(found, Commit):
            raise GitError(f"{commit.decode()} in {self.remote.repo} is no commit")
        tree: ObjectID = found.tree
        return tree

    def blobs(self, ids: Collection[ObjectID]) -> dict[ObjectID, bytes]:
        """The contents of files, fetched where they are not here."""
        store = self.repo.object_store
        missing = sorted({each for each in ids if each not in store})
        if missing:
            self.remote.fetch(
                self.repo,
                lambda _: [each.decode() for each in missing],
                depth=None,
                without="tree:0",
                prefixes=("HEAD",),
            )
        found = {}
        for each in ids:
            blob = store[each]
            assert isinstance(blob, Blob), "a file's object is a blob"
            found[each] = blob.data
        return found

    def deepen(self, head: ObjectID, depth: int | None) -> None:
        """Fetch commits, without what they hold.

        Args:
            head: from which on.
            depth: so many generations; None for all.
        """
        if not self.is_whole():
            generations = _ALL if depth is None else depth
            self.remote.fetch(
                self.repo,
                lambda _: [head.decode()],
                depth=generations,
                without="tree:0",
                prefixes=("HEAD",),
                onto=self.repo.get_graph_walker(),
            )

    def is_whole(self) -> bool:
        """Whether all of history is here."""
        return not self.repo.get_shallow()

    def _no_commit(self, id: str) -> NotFoundError:
        hint = "a force-push may have taken it away"
        return NotFoundError(f"{self.remote.repo} has no commit {id}, or gives it to nobody", hint=hint)

    def _whole(self, commit: ObjectID) -> bool:
        """Whether a commit is here with its trees, which come together or not at all."""
        store = self.repo.object_store
        if commit not in store:
            return False
        found = store[commit]
        return isinstance(found, Commit) and found.tree in store

    def _keep(self, branch: str, commit: ObjectID) -> None:
        """So that the next fetch says what is here already."""
        self.repo.refs[Ref(_KEPT + branch.encode())] = commit


@contextlib.contextmanager
def cloned(remote: Remote, cache: Path | None, deadline: Deadline) -> Iterator[Clone]:
    """A clone for the time of a call.

    Args:
        remote: of which.
        cache: a folder in which it stays between calls; None for one that goes away.
        deadline: until another process must be done with it.
    """
    with contextlib.ExitStack() as stack:
        if cache is None:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="i4q-git-")))
        else:
            path = cache / hashlib.sha256(remote.repo.encode()).hexdigest()[:32]
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(_alone(path.with_suffix(".lock"), deadline))
        try:
            with contextlib.closing(_opened(path)) as repo:
                yield Clone(remote, repo)
        except I4qError:  # some of ours are a ValueError, too
            raise
        except _BROKEN as error:
            forget(path)
            raise Damaged(f"{type(error).__name__}: {error}") from error


def _opened(path: Path) -> Repo:
    packs = path / "objects" / "pack"
    if packs.is_dir() and len(list(packs.glob("*.pack"))) > _MOST_PACKS:
        forget(path)
    if not (path / "HEAD").exists():
        path.mkdir(parents=True, exist_ok=True)
        for leftover in path.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        return Repo.init_bare(path)
    return Repo(path)


def forget(path: Path) -> None:
    """Throw away what is kept of a repository."""
    shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _alone(path: Path, deadline: Deadline) -> Iterator[None]:
    """One process at a time works on a kept clone; the kernel lets the next one in, however this one ends."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                deadline.pause(_POLL)
        yield
    finally:
        os.close(descriptor)
