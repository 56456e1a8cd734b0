"""What a source holds now: in Git the head of a branch and the files of a path, in a registry a tag and its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from i4q_ai.deadline import Deadline
from i4q_ai.errors import NotFoundError, nearest
from i4q_ai.gitops import repository
from i4q_ai.gitops.source import Source as GitSource
from i4q_ai.listening import tags
from i4q_ai.listening.lines import Head
from i4q_ai.listening.rules import ListenedSource, RegistrySource
from i4q_ai.retrying import TRIES

if TYPE_CHECKING:
    from i4q_ai.oci.source import Repository


@dataclass(frozen=True)
class Found:
    """What a source holds at one moment.

    Args:
        head: where it is.
        files: of the path in Git.
    """

    head: Head
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def content(self) -> str:
        """A hash of it: of the files, else the digest."""
        if not self.files:
            return self.head.commit
        digest = hashlib.sha256()
        for name, text in sorted(self.files.items()):
            digest.update(f"{len(name)} {name} {len(text)} ".encode("utf-8", "surrogateescape"))
            digest.update(text)
        return digest.hexdigest()


class Looker:
    """Looks at sources; remembers what spares it the next look.

    Args:
        cache: a folder for what is fetched.
    """

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._listed: dict[str, tuple[str, str]] = {}  # repository and pattern → ETag of the list, highest tag
        self._registries: dict[str, Repository] = {}  # the same → what answers for it, with its connection

    def head(self, source: ListenedSource, deadline: Deadline, *, tries: int = TRIES) -> Head | None:
        """Where a source is now; None if there is nothing yet: no branch, no tag.

        Args:
            source: which.
            deadline: when to give up.
            tries: how often a Git server that does not answer is asked.

        Raises:
            NotFoundError: there is no such repository.
            UnreachableError, RegistryError: it does not answer.
        """
        if source.git is not None:
            return _git_head(source.git, deadline, tries)
        return self._registry_head(source.registry_source, deadline)

    def all(self, source: ListenedSource, deadline: Deadline) -> Found | None:
        """Where a source is now, and what it holds there; None as for `head`."""
        if source.git is None:
            head = self._registry_head(source.registry_source, deadline)
            return None if head is None else Found(head)
        if source.mode == "pull":
            head = _git_head(source.git, deadline)
            return None if head is None else Found(head)
        tree = repository.read(source.git, cache=self._cache, deadline=deadline)
        return Found(_commit(tree.commit), tree.files)

    def _registry_head(self, registry: RegistrySource, deadline: Deadline) -> Head | None:
        from i4q_ai.oci import opening
        from i4q_ai.oci.reference import Reference
        from i4q_ai.oci.remote import Remote

        # One source is looked at by one worker at a time, so nobody shares this.
        key = f"{registry.repository} {registry.tags}"
        asked = self._registries.get(key)
        if asked is None:
            asked = self._registries[key] = opening.source(Reference.parse(registry.repository))
        tag = registry.tags if registry.moves else self._highest(registry, key, asked, deadline)
        if tag is None:
            return None
        digest = asked.glance(tag, deadline) if isinstance(asked, Remote) else asked.resolve(tag, deadline)
        return None if digest is None else Head(commit=digest, label=tag)

    def _highest(self, registry: RegistrySource, key: str, asked: Repository, deadline: Deadline) -> str | None:
        from i4q_ai.oci.listing import changed_tags

        etag, known = self._listed.get(key, (None, None))
        try:
            seconds = max(deadline.left(), 0.001)
            found = changed_tags(registry.repository, etag=etag, timeout=seconds, source=asked)
        except NotFoundError:
            return None  # a registry has no repository before the first push
        if found is None:
            return known
        tag = tags.highest(found.names, registry.tags)
        if found.etag and tag is not None:
            self._listed[key] = found.etag, tag
        return tag


def _git_head(source: GitSource, deadline: Deadline, tries: int = TRIES) -> Head | None:
    refs = repository.ls_remote(source.repo, tries=tries, deadline=deadline)
    commit = refs.get(f"refs/heads/{source.branch}")
    if commit is not None:
        return _commit(commit)
    heads = [name.removeprefix("refs/heads/") for name in refs if name.startswith("refs/heads/")]
    if not heads:
        return None  # nothing was pushed yet
    raise NotFoundError(f"{source.repo} has no branch '{source.branch}'", hint=nearest(source.branch, heads))


def _commit(id: str) -> Head:
    return Head(commit=id, label=id[:12])
