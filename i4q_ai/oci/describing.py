"""What stands behind a reference, without fetching its files."""

from __future__ import annotations

import io
from typing import TypeVar

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError, InvalidError, NotFoundError
from i4q_ai.model import Model
from i4q_ai.oci import contents, extracting, media, opening
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.source import Source
from i4q_ai.retrying import TransientError, call
from i4q_ai.workload import Workload

T = TypeVar("T", bound=Model | Workload)

_LARGEST_ABOUT = 16 * 1024 * 1024


def resolve(reference: str, *, timeout: float = 60) -> str:
    """The reference by digest: `…@sha256:…`; a tag is resolved now, once.

    Args:
        reference: `host/repository[:tag]` (the tag is `latest` if not given), `oci:FOLDER:tag`, or with a digest.
        timeout: in seconds.

    Raises:
        NotFoundError: there is no such tag.
    """
    parsed = Reference.parse(reference)
    return str(parsed.at(_digest(parsed, opening.source(parsed), Deadline.after(timeout, f"resolving {reference}"))))


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
    where = str(parsed.at(_digest(parsed, source, deadline)))
    thing = contents.thing_of(_about(source, where, deadline), where=where)
    if not isinstance(thing, cls):
        raise InvalidError(
            f"{reference} is a {type(thing).__name__}, not a {cls.__name__}",
            hint=f"{type(thing).__name__}.from_oci(…) reads it",
        )
    return thing.replace(reference=where)


def _digest(reference: Reference, source: Source, deadline: Deadline) -> str:
    if reference.digest:
        return reference.digest
    tag = reference.tag or "latest"
    digest = source.resolve(tag, deadline)
    if digest is None:
        raise NotFoundError(f"{source.name} has no tag '{tag}'", hint="" if reference.tag else "name a tag")
    return digest


def _about(source: Source, where: str, deadline: Deadline) -> bytes:
    index = contents.parse(source.manifest(where.rpartition("@")[2], deadline), where=where)
    image = contents.image_of(index, where=where)
    manifest = contents.parse(source.manifest(image.digest, deadline), where=where)
    layer = contents.layers_of(manifest, where=where)[-1]
    if layer.size > _LARGEST_ABOUT:
        raise IntegrityError(f"{where}: i4q.json is larger than {_LARGEST_ABOUT} bytes")
    raw = call(lambda: _whole(source, layer, deadline), deadline=deadline)
    if media.digest_of(raw) != layer.digest:
        raise IntegrityError(f"{where}: the bytes under {layer.digest} are others")
    return extracting.read_about(io.BytesIO(raw), where=where)


def _whole(source: Source, layer: Descriptor, deadline: Deadline) -> bytes:
    raw = bytearray()
    with source.read(layer, 0, deadline) as (_, chunks):
        for chunk in chunks:
            raw += chunk
            if len(raw) > layer.size:
                raise IntegrityError(f"{source.name} gave more than the {layer.size} bytes of {layer.digest}")
    if len(raw) < layer.size:
        raise TransientError(
            IntegrityError(f"{source.name} gave {len(raw)} of the {layer.size} bytes of {layer.digest}")
        )
    return bytes(raw)
