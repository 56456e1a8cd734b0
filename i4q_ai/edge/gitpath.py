"""A path in Git that an agent follows: asked for its branch's head, and read when that has moved."""

from __future__ import annotations

from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.edge.merging import DOCUMENT
from i4q_ai.edge.places import Found
from i4q_ai.errors import NotFoundError, nearest
from i4q_ai.gitops import repository
from i4q_ai.gitops.source import Source

_DEPTH = 2
"""Folders below the path in which documents lie: one of a deployment, one of a group in it."""
_HEADS = "refs/heads/"


class GitPath:
    """A folder on a branch: its `desired.json`, and those one and two folders below.

    Args:
        source: where.
        cache: a folder for what was fetched, so that the next commit costs little.
        empty: no documents at all mean that nothing is wanted.
    """

    def __init__(self, source: Source, *, cache: Path, empty: bool = False) -> None:
        self._source, self._cache, self._empty = source, cache, empty
        self.name = f"git+{source.repo}//{source.path}@{source.branch}"

    def look(self, known: str, deadline: Deadline) -> Found | None:
        """The documents at the branch's head."""
        refs = repository.ls_remote(self._source.repo, deadline=deadline)
        head = refs.get(_HEADS + self._source.branch)
        if head is None:
            branches = [ref.removeprefix(_HEADS) for ref in refs if ref.startswith(_HEADS)]
            hint = nearest(self._source.branch, branches)
            raise NotFoundError(f"{self._source.repo} has no branch '{self._source.branch}'", hint=hint)
        if head == known:
            return None
        # Of the whole tree, so that a path that is not there is told from a commit that cannot be had.
        root = self._source.replace(path="")
        tree = repository.read(root, wanted=self._is_wanted, cache=self._cache, deadline=deadline)
        if not tree.files and not self._empty:
            where = f"in '{self._source.path}'" if self._source.path else "at its root"
            raise NotFoundError(
                f"commit {tree.commit[:12]} has no {DOCUMENT} {where}, nor one or two folders below",
                hint=f"a {DOCUMENT} that names nothing, or --allow-empty, says that nothing is wanted",
            )
        below = len(self._source.path) + 1 if self._source.path else 0
        return Found(tree.commit, {name[below:]: raw for name, raw in tree.files.items()})

    def _is_wanted(self, name: str) -> bool:
        folder = f"{self._source.path}/" if self._source.path else ""
        return name.startswith(folder) and is_document(name.removeprefix(folder))


def is_document(name: str) -> bool:
    """Whether a file says what is wanted, by its path below the one that is followed.

    Example:
        >>> [is_document(name) for name in ("desired.json", "wear/first/desired.json", "a/b/c/desired.json", "a.json")]
        [True, True, False, False]
    """
    return name.rpartition("/")[2] == DOCUMENT and name.count("/") <= _DEPTH
