"""A commit of ours on top of whatever the branch is at: rendered anew as often as the branch moves under it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from dulwich.objects import Blob, ObjectID, ShaFile
from dulwich.objects import Commit as GitCommit

from i4q_ai.errors import ConflictError, EditedError, OwnedError
from i4q_ai.gitops import committing, history, trees
from i4q_ai.gitops.clone import Clone
from i4q_ai.gitops.remote import MovedError
from i4q_ai.gitops.repository import Commit
from i4q_ai.gitops.source import Source
from i4q_ai.gitops.trees import Entry

Ids = Mapping[str, str]
"""File below a folder → id of its content, or the beginning of it."""


@dataclass(frozen=True)
class Job:
    """What is to be written, and how.

    Args:
        source, message, author, propose, force, known, by: as `repository.write` takes them.
        folders: below `source.path` → file → content; None takes it away.
        tried: commits that were on their way when the server went silent.
    """

    source: Source
    folders: Mapping[str, Mapping[str, bytes] | None]
    message: str
    author: str | None
    propose: str | None
    force: bool
    known: Mapping[str, Ids]
    by: str
    tried: list[Commit] = field(default_factory=list)


@dataclass(frozen=True)
class _Edit:
    """One folder, from the root: what changes in it, what others have changed, and what it then holds of ours."""

    folder: str
    changes: Mapping[str, Entry | None]
    edited: tuple[str, ...]
    ids: Ids
    brought: str = ""


def write(clone: Clone, job: Job, *, tries: int) -> Commit:
    """Do it.

    Args:
        clone: of the repository.
        job: what.
        tries: so often the branch may move meanwhile.

    Raises:
        EditedError: others have changed our files; nothing was touched.
        OwnedError: they are of somebody else who publishes.
        ConflictError: the branch moved each time, or the one to propose from is somebody else's.
    """
    for _ in range(tries):
        try:
            return _once(clone, job)
        except MovedError:
            clone.remote.deadline.check()
    raise ConflictError(
        f"branch '{job.propose or job.source.branch}' of {job.source.repo} moved {tries} times under our commit",
        hint="do it again when fewer others push",
    )


def _once(clone: Clone, job: Job) -> Commit:
    branch = job.source.branch
    head, there = clone.head(branch)
    blobs = _blobs(job)
    found = _edits(clone, job, head)
    edited = tuple(path for each in found.values() for path in each.edited)
    if edited and not job.force:
        raise EditedError(
            f"{job.source.repo} has files of ours on '{branch}' that were changed by others",
            files=edited,
            hint="take them back, or write over them with force",
        )
    files = {folder: dict(each.ids) for folder, each in found.items()}
    changed = tuple(sorted(f"{each.folder}/{file}".lstrip("/") for each in found.values() for file in each.changes))
    at = "" if head is None else head.decode()
    done = next((each for each in job.tried if each.id == at or not changed), None)
    if done is not None:
        return replace(done, files=files)
    brought = {folder: each.brought for folder, each in found.items() if each.brought and not each.changes}
    if not changed:
        return Commit(at, branch, _parent(clone, head), (), files, brought)

    made: dict[ObjectID, ShaFile] = {}
    paths = {
        f"{each.folder}/{file}".lstrip("/").encode(): entry
        for each in found.values() for file, entry in each.changes.items()
    }  # fmt: skip
    root = trees.edited(clone.repo.object_store, clone.tree(head), paths, made)
    tree = root if root is not None else trees.nothing(made)
    needed = {entry.id for entry in paths.values() if entry is not None}
    message = history.marked(job.message, {each.folder: each.ids for each in found.values() if each.changes}, by=job.by)
    onto, expected = (branch, head if there else None) if job.propose is None else (job.propose, _proposed(clone, job))
    if job.propose is not None and expected is not None and _is_same(clone, expected, tree, head):
        return Commit(expected.decode(), onto, at, (), files, brought)
    objects = [*(blob for key, blob in blobs.items() if key in needed), *made.values()]
    commit = committing.made(clone.repo, tree, head, objects, message=message, author=job.author)
    new = commit.id.decode()
    brought |= {folder: new for folder, each in found.items() if each.changes}
    written = Commit(new, onto, at, changed, files, brought)
    job.tried.append(written)
    clone.remote.push(onto, written.id, [*objects, commit], expected=expected.decode() if expected else None)
    return written


def _blobs(job: Job) -> dict[ObjectID, ShaFile]:
    contents = (content for files in job.folders.values() if files is not None for content in files.values())
    return {blob.id: blob for blob in (Blob.from_string(content) for content in contents)}


def _edits(clone: Clone, job: Job, head: ObjectID | None) -> dict[str, _Edit]:
    """Folder, as it was asked for → what is to be done in it."""
    root, store = clone.tree(head), trees.Remembered(clone.repo.object_store)
    edits, unclear = {}, {}
    for folder, files in job.folders.items():
        full = "/".join(part for part in (job.source.path, folder) if part)
        tree = trees.folder(store, root, full)
        there = {path.decode(errors="surrogateescape"): entry for path, entry in trees.files(store, tree)}
        wanted = {} if files is None else {file: Blob.from_string(text).id for file, text in files.items()}
        edits[folder] = _edit(full, there, wanted, job.known.get(folder, {}))
        if there and _is_unclear(edits[folder], files is None, job.known.get(folder)):
            unclear[full] = (folder, there, wanted)
    if unclear and head is not None:
        for full, left in history.last(clone, head, unclear).items():
            folder, there, wanted = unclear[full]
            if left.by != job.by and left.by and job.by and not job.force:
                raise OwnedError(
                    f"'{full}' in {job.source.repo} was published by '{left.by}'",
                    hint=f"you are '{job.by}'; take another path or name, or force",
                )
            edits[folder] = replace(_edit(full, there, wanted, left.files), brought=left.commit)
    return edits


def _is_unclear(edit: _Edit, goes: bool, known: Ids | None) -> bool:
    """History has to say more: others may have changed it, or it is as it is to be and nobody knows since when."""
    return bool(edit.edited) or (goes and known is None) or (not edit.changes and dict(known or {}) != dict(edit.ids))


def _edit(full: str, there: Mapping[str, Entry], wanted: Mapping[str, ObjectID], before: Ids) -> _Edit:
    """Compare.

    Args:
        full: the folder, from the root.
        there: what it holds.
        wanted: what it should hold of ours.
        before: what we have last written into it.
    """
    changes: dict[str, Entry | None] = {}
    edited = []
    for file in sorted({*wanted, *before}):
        entry, new = there.get(file), wanted.get(file)
        now = entry.id.decode() if entry and entry.is_file else "" if entry is None else "other"
        if now == ("" if new is None else new.decode()):
            continue
        changes[file] = None if new is None else Entry(entry.mode if entry and entry.is_file else trees.FILE, new)
        untouched = now.startswith(before[file]) if file in before and now else not now and file not in before
        if there and not untouched:
            edited.append(f"{full}/{file}".lstrip("/"))
    return _Edit(full, changes, tuple(edited), {file: new.decode() for file, new in wanted.items()})


def _proposed(clone: Clone, job: Job) -> ObjectID | None:
    """Where the branch to propose from is; None if there is none yet.

    Raises:
        ConflictError: others have pushed to it.
    """
    assert job.propose is not None, "asked for"
    now = clone.remote.refs().get(f"refs/heads/{job.propose}")
    if now is None:
        return None
    commit = clone.repo.object_store[clone.commit(now)]
    assert isinstance(commit, GitCommit), "a branch is at a commit"
    if not history.marks(commit.message):
        raise ConflictError(
            f"branch '{job.propose}' of {job.source.repo} has commits of others", hint="propose from another branch"
        )
    return commit.id


def _is_same(clone: Clone, commit: ObjectID, tree: ObjectID, parent: ObjectID | None) -> bool:
    found = clone.repo.object_store[commit]
    return isinstance(found, GitCommit) and found.tree == tree and found.parents == ([parent] if parent else [])


def _parent(clone: Clone, head: ObjectID | None) -> str:
    if head is None:
        return ""
    commit = clone.repo.object_store[head]
    assert isinstance(commit, GitCommit), "a branch is at a commit"
    return _first(commit.parents)


def _first(ids: Iterable[ObjectID]) -> str:
    return next((each.decode() for each in ids), "")
