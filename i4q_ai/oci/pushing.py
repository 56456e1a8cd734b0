"""From files here to a registry or layout folder."""

from __future__ import annotations

from typing import TypeVar, cast

from i4q_ai import config
from i4q_ai import progress as progresses
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ReferenceInvalid
from i4q_ai.model import Model
from i4q_ai.oci import opening
from i4q_ai.oci.artifact import build
from i4q_ai.oci.reference import Reference
from i4q_ai.progress import Progress
from i4q_ai.workload import Workload

T = TypeVar("T", bound=Model | Workload)


def push(thing: T, to: str | None = None, *, timeout: float = 3600, progress: Progress | None = None) -> T:
    """Push the files of a model or workload as one OCI artifact.

    Args:
        thing: with its files here.
        to: `host[:port]/repository[:tag]` or `oci:FOLDER[:tag]`; without it, as `I4Q_REGISTRY` says.
            The tag is the version if not given.
        timeout: in seconds, for all of it.
        progress: told of bytes sent; the default draws bars on a terminal.

    Returns:
        The thing with its reference, `…@sha256:…`, and without a source.

    Raises:
        InvalidError: there are no files here, or `to` names a digest.
        ConflictError: a file has changed since it was packed.
        VersionExistsError: that tag exists with other content.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be written.
    """
    reference = Reference.parse(to) if to else _usual(thing.name)
    if reference.digest:
        raise ReferenceInvalid(f"{to!r}: one pushes to a tag, not to a digest", hint="leave out the part from '@' on")
    deadline = Deadline.after(timeout, f"pushing {thing.name} {thing.version}")
    artifact = build(thing, deadline)
    sink = opening.source(reference)
    sink.push(artifact, reference.tag or thing.version, deadline, progress or progresses.default())
    return cast("T", thing.replace(source=None, reference=str(reference.at(artifact.digest))))


def _usual(name: str) -> Reference:
    """Where a thing of that name goes if nobody says where."""
    registry = config.registry()
    if registry:
        return Reference.parse(f"{registry}/{name}")
    return Reference("", str(config.home() / "registry" / name))
