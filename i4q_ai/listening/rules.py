"""Listener: which sources are listened to, and what each may deploy where. A push can place nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from i4q_ai.desired import Flavour
from i4q_ai.errors import ReferenceInvalid, nearest
from i4q_ai.gitops.source import Source as GitSource
from i4q_ai.placement import Placement
from i4q_ai.placing.rules import AnyRule, as_rule
from i4q_ai.status import Kind
from i4q_ai.thing import Document, Name, Thing

Sender = Literal["github", "gitlab", "gitea", "registry", "standard"]
"""Who sends a webhook, and so how it is verified: see `i4q_ai.listening.senders`."""


class Secret(Thing):
    """Where a secret is; it never stands in the rules themselves.

    Args:
        env: a variable that holds it.
        file: a file that holds it; with several lines, each of them counts, so that it can be exchanged without a gap.
    """

    env: str | None = Field(default=None, min_length=1)
    file: str | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is in one variable, 'env', or in one 'file'")
        return self


class Hook(Thing):
    """A door for webhooks: `POST /hooks/NAME`.

    Args:
        name: in its URL.
        sender: who sends them, and so how they are verified; "standard" is what standardwebhooks.com describes.
        secret: that is shared with the sender.
    """

    name: Name
    sender: Sender
    secret: Secret


class Allow(Thing):
    """What a source may deploy, and where; what is not allowed here is refused.

    Args:
        names: globs of the names of deployments.
        everywhere: on any cluster.
        clusters: a rule that every placement must contain, by itself or as one part of an `all`; so that it cannot
            reach further, not even to clusters that come later.
        placements: which may be used besides; a release must have them exactly so.
        flavours: how models may be delivered.
        kinds: models alone, or workloads too; a workload is code that runs at the edge.
        repositories: globs of the repositories of a registry from which models and workloads may come; `*` matches
            '/' too.
    """

    names: tuple[str, ...] = Field(min_length=1)
    everywhere: bool = False
    clusters: Annotated[AnyRule | None, BeforeValidator(as_rule)] = None
    placements: tuple[Placement, ...] = ()
    flavours: tuple[Flavour, ...] = ("server", "files")
    kinds: tuple[Kind, ...] = ("model",)
    repositories: tuple[str, ...] = Field(default=("*",), min_length=1)

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.everywhere and (self.clusters is not None or self.placements):
            raise ValueError("'everywhere' is any cluster; leave 'clusters' and 'placements' away")
        return self

    @property
    def says_where(self) -> bool:
        """Whether it allows any cluster at all."""
        return self.everywhere or self.clusters is not None or bool(self.placements)

    def has(self, name: str) -> bool:
        """Whether a deployment may have that name."""
        return any(fnmatchcase(name, each) for each in self.names)


def _is_repository(value: str) -> str:
    from i4q_ai.oci.reference import Reference

    try:
        reference = Reference.parse(value)
    except ReferenceInvalid as error:
        raise ValueError(error.what) from error
    if reference.tag or reference.digest:
        raise ValueError(f"{value!r} names a tag or digest; which tags count is said by 'tags'")
    return reference.name


class RegistrySource(Thing):
    """A repository in a registry, in which a new version of a model is a new tag.

    Args:
        repository: `host[:port]/repository`, or `oci:FOLDER`.
        tags: glob of those that count; the highest of them is deployed, by the numbers in it: 1.10 is above 1.9.
            Without a `*` it is one tag, which is followed to wherever it is set.
    """

    repository: Annotated[str, AfterValidator(_is_repository)]
    tags: str = Field(default="*", min_length=1)

    @property
    def moves(self) -> bool:
        """Whether it is one tag that is set anew, not many that come one after the other."""
        return not any(sign in self.tags for sign in "*?[")


class ListenedSource(Thing):
    """One thing to listen to.

    Args:
        name: of the source, for people; in the log, and in records.
        git: a branch and a path; release files in it are applied.
        registry: a repository; its newest version goes to the deployments that have that model.
        mode: "push": the hub is told. "pull": clusters take the path from Git by themselves, and are told to do it now.
        to: with mode "pull", which clusters.
        hook: name of a door for webhooks that ring for it; else it is only polled.
        poll: seconds between two looks, also where webhooks come: they may be lost.
        approve: every change waits for a person.
        allow: what may be deployed, and where; with mode "pull" it is nothing that comes from the repository.
    """

    name: Name
    git: GitSource | None = None
    registry: RegistrySource | None = None
    mode: Literal["push", "pull"] = "push"
    to: Placement | None = None
    hook: Name | None = None
    poll: float = Field(default=60, ge=1, le=86400)
    approve: bool = False
    allow: Allow | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.git is None) == (self.registry is None):
            raise ValueError("a source is one 'git' or one 'registry'")
        if self.mode == "pull":
            self._check_pull()
        elif self.allow is None or self.to is not None:
            raise ValueError("with mode 'push' it says by 'allow' what may be deployed; 'to' is of mode 'pull'")
        elif self.git is not None and not self.allow.says_where:
            raise ValueError("'allow' says where, by 'clusters', 'placements' or 'everywhere: true'")
        return self

    def _check_pull(self) -> None:
        if self.git is None:
            raise ValueError("clusters pull from 'git'; a registry has mode 'push'")
        if self.to is None:
            raise ValueError("with mode 'pull', 'to' says which clusters")
        if self.allow is not None:
            raise ValueError(
                "with mode 'pull', clusters take what is in the path: protect the branch; 'allow' is of 'push'"
            )

    @property
    def repository(self) -> str:
        """Where it is."""
        return self.git.repo if self.git is not None else self.registry_source.repository

    @property
    def registry_source(self) -> RegistrySource:
        """Its registry, if it has one."""
        assert self.registry is not None, "validated"
        return self.registry

    @property
    def path(self) -> str:
        """What of it: a branch and a path, or tags."""
        if self.git is None:
            return self.registry_source.tags
        return f"{self.git.branch}:{self.git.path}"

    def __str__(self) -> str:
        return f"{self.name} ({self.repository} {self.path})"


class Listener(Document):
    """Which sources are listened to, and what each may deploy where.

    Args:
        hooks: doors for webhooks.
        sources: to listen to.

    Example:
        >>> Listener.from_yaml('''
        ... apiVersion: i4q-ai/v1
        ... kind: Listener
        ... sources:
        ... - name: plant
        ...   git: {repo: "https://git.factory/plant.git", path: releases}
        ...   allow: {names: ["*-wear"], clusters: {label: line, values: [cnc]}}
        ... ''').sources[0].path
        'main:releases'
    """

    hooks: tuple[Hook, ...] = ()
    sources: tuple[ListenedSource, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_fit(self) -> Self:
        for what, names in (
            ("source", [each.name for each in self.sources]),
            ("hook", [each.name for each in self.hooks]),
        ):
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"the {what} '{name}' stands twice")
        known = {each.name for each in self.hooks}
        for position, source in enumerate(self.sources):
            if source.hook is not None and source.hook not in known:
                raise ValueError(f"sources.{position}.hook: no hook '{source.hook}'; {nearest(source.hook, known)}")
        self._check_twins()
        return self

    def _check_twins(self) -> None:
        seen: dict[tuple[str, str], str] = {}
        for source in self.sources:
            other = seen.setdefault((source.repository, source.path), source.name)
            if other != source.name:
                raise ValueError(
                    f"sources '{other}' and '{source.name}' listen to the same path; one line has one rule"
                )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            NotFoundError: there is no such file.
            SchemaError: it is broken, or does not fit; with the line.
        """
        from i4q_ai import yamls

        return cls.from_yaml(yamls.read(path), where=str(path))

    def ringing(self, hook: str) -> Iterator[ListenedSource]:
        """The sources of a door."""
        return (each for each in self.sources if each.hook == hook)
