"""History is Git's: a commit of ours says in its last lines which files of which folder it has left behind."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote

from dulwich.objects import Commit, ObjectID

from i4q_ai.gitops.clone import Clone

MARK = "I4q-Publication"
_LINE = re.compile(rf"^{MARK}: (\S+)((?: \S+)*)$", re.MULTILINE)
_TRAILER = re.compile(r"[A-Za-z0-9-]+: .*")
_DIGITS = 16
"""Of the id of a file's content; enough to tell one from another in one place."""
_DEPTHS = (50, 1_000, None)


def marked(message: str, folders: Mapping[str, Mapping[str, str]], *, by: str = "") -> str:
    """A message with the marks of what the commit leaves behind.

    Args:
        message: for people.
        folders: from the root → file → id of its content.
        by: whose they are.

    Example:
        >>> print(marked("Line 3", {"edges/wear": {"service.yaml": "0" * 40}}))
        Line 3
        <BLANKLINE>
        I4q-Publication: edges/wear service.yaml=0000000000000000
    """
    whose = [f"~{quote(by)}"] if by else []
    lines = []
    for folder, ids in sorted(folders.items()):
        left = [f"{quote(file)}={ids[file][:_DIGITS]}" for file in sorted(ids)]
        lines.append(" ".join([f"{MARK}: {quote(folder) or '.'}", *left, *whose]))
    text = message.strip() or "Publish"
    *above, last = text.split("\n\n")
    joined = above and all(_TRAILER.fullmatch(line) for line in last.splitlines())
    return text + ("\n" if joined else "\n\n") + "\n".join(lines)


def marks(message: bytes) -> dict[str, dict[str, str]]:
    """Folder → file → the beginning of its content's id, of a commit's message; nothing if it is not ours."""
    return {folder: files for folder, (files, _) in _parsed(message).items()}


def _parsed(message: bytes) -> dict[str, tuple[dict[str, str], str]]:
    """Folder → its files, and whose they are."""
    found = {}
    for folder, told in _LINE.findall(message.decode(errors="replace")):
        pairs = [each.rpartition("=")[::2] for each in told.split() if "=" in each]
        by = next((each[1:] for each in told.split() if each[0] == "~" and "=" not in each), "")
        files = {unquote(file): digits for file, digits in pairs}
        found["" if folder == "." else unquote(folder)] = (files, unquote(by))
    return found


class Left(NamedTuple):
    """What a commit of ours has left in a folder: file → the beginning of its content's id; and whose it is."""

    commit: str
    files: Mapping[str, str]
    by: str


def last(clone: Clone, head: ObjectID, folders: Collection[str]) -> dict[str, Left]:
    """What our last commits have left in some folders; one is missing where none was ours.

    Args:
        clone: deepened as far as is needed.
        head: from which history is read backwards.
        folders: from the root.
    """
    found: dict[str, Left] = {}
    for depth in _DEPTHS:
        clone.deepen(head, depth)
        found = {}
        for commit in backwards(clone, head):
            for folder, (files, by) in _parsed(commit.message).items():
                found.setdefault(folder, Left(commit.id.decode(), files, by))
            if all(folder in found for folder in folders):
                break
        if all(folder in found for folder in folders) or clone.is_whole():
            break
    return {folder: found[folder] for folder in folders if folder in found}


def backwards(clone: Clone, head: ObjectID) -> Iterator[Commit]:
    """The commits that are here, from the newest on."""
    store = clone.repo.object_store
    ends = clone.repo.get_shallow()
    waiting, seen = {head}, {head}
    while waiting:
        commits = [each for each in (store[each] for each in waiting) if isinstance(each, Commit)]
        newest = max(commits, key=lambda each: each.commit_time)
        waiting.discard(newest.id)
        yield newest
        for parent in () if newest.id in ends else newest.parents:
            if parent not in seen and parent in store:
                seen.add(parent)
                waiting.add(parent)
