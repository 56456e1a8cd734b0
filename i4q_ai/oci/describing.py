"""What stands behind a reference, without fetching its files."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, TypeVar

from i4q_ai.deadline import Deadline
from i4q_ai.errors import InvalidError, NotFoundError
from i4q_ai.oci import contents, opening, reading
from i4q_ai.oci.downloads import extracting
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.source import Source

if TYPE_CHECKING:
    from i4q_ai.model import Model
    from i4q_ai.workload import Workload

T = TypeVar("T", bound="Model | Workload")


def resolve(reference: str, *, timeout: float = 60) -> str:
    """The reference by digest: `…@sha256:…`; a tag is resolved now, once.

    Args:
        reference: `host/repository[:tag]` (the tag is `latest` if not given), `oci:FOLDER:tag`, or with a digest.
        timeout: in seconds.

    Raises:
        NotFoundError: there is no such tag.
    """
    parsed = Reference.parse(reference)
    return str(
        parsed.at(digest_behind(parsed, opening.source(parsed), Deadline.after(timeout, f"resolving {reference}")))
    )


def describe(cls: type[T], reference: str, *, timeout: float = 60) -> T:
    """The Model or Workload that stands behind a reference, as it was pushed.

    Args:
        cls: Model or Workload.
        reference: as for `resolve`.
        timeout: in seconds.

    Raises:
        NotFoundError: there is no such tag or digest.
        InvalidError: it is the other of the two.
        UnsupportedError: it is neither.
    """
    parsed = Reference.parse(reference)
    deadline = Deadline.after(timeout, f"reading {reference}")
    source = opening.source(parsed)
    where = str(parsed.at(digest_behind(parsed, source, deadline)))
    thing = thing_behind(source, where, deadline)
    if not isinstance(thing, cls):
        raise InvalidError(
            f"{reference} is a {type(thing).__name__}, not a {cls.__name__}",
            hint=f"{type(thing).__name__}.from_oci(…) reads it",
        )
    return thing.replace(reference=where)


def digest_behind(reference: Reference, source: Source, deadline: Deadline) -> str:
    """The digest that a reference names, or that its tag stands for now.

    Raises:
        NotFoundError: there is no such tag.
    """
    if reference.digest:
        return reference.digest
    tag = reference.tag or "latest"
    digest = source.resolve(tag, deadline)
    if digest is None:
        raise NotFoundError(f"{source.name} has no tag '{tag}'", hint="" if reference.tag else "name a tag")
    return digest


def thing_behind(source: Source, where: str, deadline: Deadline) -> Model | Workload:
    """The Model or Workload of an index.

    Args:
        source: that has it.
        where: the reference, by digest.
        deadline: for reading it.

    Raises:
        UnsupportedError: it is neither.
    """
    return contents.thing_of(_about(source, where, deadline), where=where)


def _about(source: Source, where: str, deadline: Deadline) -> bytes:
    index = reading.manifest(source, where.rpartition("@")[2], deadline)
    image = contents.image_of(index, where=where)
    manifest = reading.manifest(source, image.digest, deadline)
    layer = contents.layers_of(manifest, where=where)[-1]
    raw = reading.blob(source, layer, deadline)
    return extracting.read_about(io.BytesIO(raw), where=where)
