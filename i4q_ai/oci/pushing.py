"""From files here to a registry or layout folder."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TypeVar, cast

from i4q_ai import config
from i4q_ai import progress as progresses
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ReferenceInvalid
from i4q_ai.model import Model
from i4q_ai.oci import opening, rates, tagging
from i4q_ai.oci.artifact import build
from i4q_ai.oci.delta import publishing
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.tagging import IfMatch
from i4q_ai.progress import Progress
from i4q_ai.workload import Workload

T = TypeVar("T", bound=Model | Workload)


def push(
    thing: T,
    to: str | None = None,
    *,
    timeout: float = 3600,
    progress: Progress | None = None,
    if_match: IfMatch = ...,
    rate: float | None = None,
    mount_from: Sequence[str] = (),
    chunk_maps: bool = True,
) -> T:
    """Push the files of a model or workload as one OCI artifact.

    Args:
        thing: with its files here.
        to: `host[:port]/repository[:tag]` or `oci:FOLDER[:tag]`; without it, as `I4Q_REGISTRY` says.
            The tag is the version if not given.
        timeout: in seconds, for all of it.
        progress: told of bytes sent; the default draws bars on a terminal.
        if_match: what the tag must stand for to be set: a digest, or None for nothing. Without it the tag must be new.
            A registry cannot do both in one step: it is looked at before the first byte and before the tag is set.
        rate: bytes a second at most; without it, as `I4Q_RATE` says.
        mount_from: repositories of the same registry that may hold files of it, which then need not travel, besides
            those that they were pushed to from here.
        chunk_maps: tell a registry how large files can be cut, so that of a new version only the difference travels to
            who has an older one. Costs one more reading of them, while they are sent.

    Returns:
        The thing with its reference, `…@sha256:…`, and without a source.

    Raises:
        InvalidError: there are no files here, or `to` names a digest.
        ConflictError: a file has changed since it was packed, or the tag is not what `if_match` says.
        VersionExistsError: that tag exists with other content.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be written.
    """
    reference = Reference.parse(to) if to else _usual(thing.name)
    if reference.digest:
        raise ReferenceInvalid(f"{to!r}: one pushes to a tag, not to a digest", hint="leave out the part from '@' on")
    tagging.need_digest(if_match)
    limit = rates.limit(rate)
    deadline = Deadline.after(timeout, f"pushing {thing.name} {thing.version}")
    artifact = build(thing, deadline)
    repository = opening.source(reference)
    with contextlib.ExitStack() as stack:
        told = chunk_maps and not reference.is_layout
        maps = stack.enter_context(publishing.Publishing(artifact, deadline)) if told else None
        repository.push(
            artifact,
            reference.tag or thing.version,
            deadline,
            progress or progresses.default(),
            if_match=if_match,
            rate=limit,
            mounts=mount_from,
        )
        if maps is not None:
            maps.attach(repository)
    return cast("T", thing.replace(source=None, reference=str(reference.at(artifact.digest))))


def _usual(name: str) -> Reference:
    """Where a thing of that name goes if nobody says where."""
    registry = config.registry()
    if registry:
        return Reference.parse(f"{registry}/{name}")
    return Reference("", str(config.home() / "registry" / name))
