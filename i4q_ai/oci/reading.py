"""Small things out of a source, whole and verified: manifests as objects, blobs as bytes."""

from __future__ import annotations

from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError
from i4q_ai.oci import contents, media
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.source import Source
from i4q_ai.retrying import TransientError, call

LIMIT = 16 * 1024 * 1024
"""Bytes of a blob that is read into memory, if nobody says otherwise."""


def manifest(source: Source, digest: str, deadline: Deadline) -> dict[str, Any]:
    """A manifest or index, which hashes to the digest, as an object.

    Raises:
        NotFoundError: it is not there.
        IntegrityError: it is no JSON object, or other bytes.
    """
    return contents.parse(source.manifest(digest, deadline), where=f"{source.name}@{digest}")


def blob(source: Source, descriptor: Descriptor, deadline: Deadline, *, limit: int = LIMIT) -> bytes:
    """The bytes of a blob, which hash to its digest.

    Args:
        source: that has it.
        descriptor: of the blob.
        deadline: for reading it.
        limit: bytes that it may have.

    Raises:
        NotFoundError: it is not there.
        IntegrityError: it is larger than the limit, or other bytes.
    """
    if descriptor.size > limit:
        raise IntegrityError(f"{source.name}: {descriptor.digest} is larger than {limit} bytes")
    raw = call(lambda: _whole(source, descriptor, deadline), deadline=deadline)
    if not media.matches(raw, descriptor.digest):
        raise IntegrityError(f"{source.name}: the bytes under {descriptor.digest} are others")
    return raw


def _whole(source: Source, descriptor: Descriptor, deadline: Deadline) -> bytes:
    raw = bytearray()
    with source.read(descriptor, 0, deadline) as (_, chunks):
        for chunk in chunks:
            raw += chunk
            if len(raw) > descriptor.size:
                raise IntegrityError(f"{source.name} gave more than the {descriptor.size} bytes of {descriptor.digest}")
    if len(raw) < descriptor.size:
        raise TransientError(
            IntegrityError(f"{source.name} gave {len(raw)} of the {descriptor.size} bytes of {descriptor.digest}")
        )
    return bytes(raw)
