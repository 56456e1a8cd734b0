"""Trees of a repository: what is below a folder, and the same tree with some files changed. The rest stays as it is."""

from __future__ import annotations

import stat
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from dulwich.objects import ObjectID, ShaFile
from dulwich.objects import Tree as GitTree

from i4q_ai.errors import GitError

FILE = 0o100644


class Entry(NamedTuple):
    """One name in a tree: its mode, as git writes it, and its object's id."""

    mode: int
    id: ObjectID

    @property
    def is_file(self) -> bool:
        """Neither a folder, nor a link, nor a submodule."""
        return stat.S_ISREG(self.mode)


class Objects(Protocol):
    """Where trees are."""

    def __getitem__(self, name: ObjectID, /) -> ShaFile: ...


class Remembered:
    """Objects that were looked at once, for whoever looks at the same again and again.

    Args:
        objects: where they are.
    """

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._seen: dict[ObjectID, ShaFile] = {}

    def __getitem__(self, name: ObjectID, /) -> ShaFile:
        if name not in self._seen:
            self._seen[name] = self._objects[name]
        return self._seen[name]


def entries(objects: Objects, tree: ObjectID | None) -> dict[bytes, Entry]:
    """What stands in one tree; nothing in none."""
    if tree is None:
        return {}
    found = objects[tree]
    assert isinstance(found, GitTree), "a folder's object is a tree"
    return {name: Entry(mode, object_id) for name, mode, object_id in found.items()}


def folder(objects: Objects, root: ObjectID | None, path: str) -> ObjectID | None:
    """The tree of a folder; None if there is none.

    Args:
        objects: where trees are.
        root: the tree of a commit.
        path: from there; empty for itself.

    Raises:
        GitError: on the way there is a file, a link or a submodule.
    """
    tree = root
    parts = path.split("/") if path else []
    for depth, part in enumerate(parts, 1):
        found = None if tree is None else objects[tree]
        if not isinstance(found, GitTree) or part.encode() not in found:
            return None
        entry = Entry(*found[part.encode()])
        if not stat.S_ISDIR(entry.mode):
            raise _no_folder("/".join(parts[:depth]), entry)
        tree = entry.id
    return tree


def files(objects: Objects, tree: ObjectID | None, above: bytes = b"") -> Iterator[tuple[bytes, Entry]]:
    """Path → entry of everything below a tree that is no folder."""
    for name, entry in entries(objects, tree).items():
        path = above + name
        if stat.S_ISDIR(entry.mode):
            yield from files(objects, entry.id, path + b"/")
        else:
            yield path, entry


def edited(
    objects: Objects, tree: ObjectID | None, changes: Mapping[bytes, Entry | None], made: dict[ObjectID, ShaFile]
) -> ObjectID | None:
    """The tree with some files changed; None if nothing is left in it.

    Args:
        objects: where trees are.
        tree: that is changed; None for an empty one.
        changes: path below it → what it becomes; None takes it away.
        made: gets the trees that are new.

    Raises:
        GitError: a file, link or submodule is where a folder has to be.
    """
    found = entries(objects, tree)
    below: dict[bytes, dict[bytes, Entry | None]] = {}
    for path, entry in changes.items():
        name, _, rest = path.partition(b"/")
        if rest:
            below.setdefault(name, {})[rest] = entry
        elif entry is None:
            found.pop(name, None)
        else:
            if name in found and stat.S_ISDIR(found[name].mode):
                raise GitError(
                    f"'{path.decode(errors='replace')}' in the repository is a folder, and a file is to be there"
                )
            found[name] = entry
    for name, inner in below.items():
        there = found.get(name)
        if there is not None and not stat.S_ISDIR(there.mode):
            raise _no_folder(name.decode(errors="replace"), there)
        changed = edited(objects, there.id if there else None, inner, made)
        if changed is None:
            found.pop(name, None)
        else:
            found[name] = Entry(stat.S_IFDIR, changed)
    if not found:
        return None
    new = GitTree()
    for name, entry in found.items():
        new.add(name, entry.mode, entry.id)
    if new.id != tree:
        made[new.id] = new
    return new.id


def nothing(made: dict[ObjectID, ShaFile]) -> ObjectID:
    """The tree of a repository in which nothing is left."""
    empty = GitTree()
    made[empty.id] = empty
    return empty.id


def _no_folder(path: str, entry: Entry) -> GitError:
    kinds = {stat.S_IFLNK: "a symbolic link", 0o160000: "a submodule"}
    what = kinds.get(stat.S_IFMT(entry.mode), "a file")
    return GitError(f"'{path}' in the repository is {what}, not a folder", hint="give another path")
