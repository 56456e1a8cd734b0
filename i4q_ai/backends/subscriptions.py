"""A folder in Git that clusters take by themselves: what the hub is told of it, and what the clusters say. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from i4q_ai.placement import REST, Placement
from i4q_ai.status import Phase
from i4q_ai.thing import FrozenDict, Name, Thing

_COMMIT = re.compile(r"[0-9a-f]{40}")
_ENDS_URL = re.compile(r"[\s\x00-\x1f]")
_PASSWORD = re.compile(r"[a-z+]+://[^/@]*:[^/]*@", re.IGNORECASE)


def _is_repo(value: str) -> str:
    if not value or _ENDS_URL.search(value):
        raise ValueError(f"{value!r} is no repository: a URL as https://git.factory/plant/models.git")
    if _PASSWORD.match(value):
        raise ValueError("the repository's URL holds a password; name a Secret instead")
    return value


def _is_commit(value: str) -> str:
    if value and not _COMMIT.fullmatch(value):
        raise ValueError(f"{value!r} is no commit: 40 of 0-9 and a-f")
    return value


def is_folder(value: str) -> str:
    """A folder in a repository, without slashes at its ends; empty is all of it."""
    parts = [part for part in value.split("/") if part not in ("", ".")]
    if value.startswith("/") or ".." in parts or re.search(r"[\x00-\x1f\\]", value):
        raise ValueError(f"{value!r} is no folder of a repository: relative, without '..'")
    return "/".join(parts)


Folder = Annotated[str, AfterValidator(is_folder)]
"""A folder in a repository."""
Commit = Annotated[str, AfterValidator(_is_commit)]
"""A commit by its id; empty where it is not known or does not matter."""


class Subscription(Thing):
    """What the clusters of a placement take from Git by themselves.

    Args:
        namespace, name: of the publication, by which the hub knows it; no other deployment has that name.
        repo: its URL, without credentials.
        branch: that is followed.
        folders: group of the placement → the folder with what its clusters get; `"*"` is the rest, and alone where all
            get the same. A group without one gets that of `"*"`.
        placement: which clusters.
        commit: of the folders now; the clusters are told to take it, however long they would have waited by themselves.
        pinned: clusters stay at that commit, also when the branch moves. Where a control plane cannot take that back,
            clusters take the commits that they are told from then on, and no others.
        owner: whose it is.

    Example:
        >>> Subscription(namespace="i4q", name="tool-wear", repo="https://git.factory/plant.git",
        ...     folders={"*": "edge/tool-wear/"}, placement=Placement(name="cnc")).folder("*")
        'edge/tool-wear'
    """

    namespace: Name
    name: Name
    repo: Annotated[str, AfterValidator(_is_repo)]
    branch: str = Field(default="main", min_length=1)
    folders: Annotated[dict[str, Folder], AfterValidator(FrozenDict)] = Field(min_length=1)
    placement: Placement
    commit: Commit = ""
    pinned: bool = False
    owner: str = "i4q"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for group in self.folders:
            self.placement.check_group(group)
        if REST not in self.folders and set(self.folders) != set(self.placement.group_names):
            missing = [name for name in self.placement.group_names if name not in self.folders]
            raise ValueError(f"no folder for: {', '.join(missing)}")
        if self.pinned and not self.commit:
            raise ValueError("clusters stay at a commit, and none is given")
        return self

    def folder(self, group: str) -> str:
        """The folder of a group."""
        return self.folders[group] if group in self.folders else self.folders[REST]


class Pulled(Thing):
    """What one cluster says of a folder that it takes by itself.

    Args:
        cluster: that says it.
        group: of the placement.
        phase: Ready once all of the commit's objects are there; Failed with the control plane's own words.
        commit: that it has; empty where nobody can tell yet.
        reason: one CamelCase word, for programs.
        message: for people.
        since: when the phase began.
    """

    cluster: str
    group: str = REST
    phase: Phase
    commit: Commit = ""
    reason: str = ""
    message: str = ""
    since: datetime | None = None
