"""The desired state of a cluster behind a tag: told to edge agents that follow the tag, read by them."""

from __future__ import annotations

from types import EllipsisType

from i4q_ai.deadline import Deadline
from i4q_ai.desired import Desired
from i4q_ai.errors import NotFoundError, ReferenceInvalid, UnsupportedError
from i4q_ai.oci import contents, media, opening, reading, tagging
from i4q_ai.oci.artifact import Bytes
from i4q_ai.oci.media import Descriptor, canonical
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.source import Source
from i4q_ai.oci.tagging import IfMatch
from i4q_ai.progress import Silent

MEDIA_TYPE = "application/vnd.i4q-ai.desired.v1+json"
"""Of the artifact and of its layer."""
NAME = "desired.json"
LARGEST = 4 * 1024 * 1024
"""Bytes of all documents of an artifact."""
_MOST = 1000


def tell(desired: Desired, to: str, *, if_match: IfMatch = ..., timeout: float = 60) -> str:
    """Let a tag stand for a desired state; agents that follow the tag then do as it says.

    Args:
        desired: what whoever follows the tag should have.
        to: `host[:port]/repository:tag` or `oci:FOLDER:tag`. Unlike that of a model, the tag is there to be moved.
        if_match: the digest that the tag must stand for now, or None for nothing; without it, whatever it was.
        timeout: in seconds.

    Returns:
        The reference by digest, for instance to be signed.

    Raises:
        ReferenceInvalid: `to` is no tag.
        ConflictError: the tag stands for something else than `if_match` says.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be written.

    Example:
        >>> tell(Desired(cluster="line-7"), "registry.factory:5000/edges/line-7:now")  # doctest: +SKIP
        'registry.factory:5000/edges/line-7@sha256:…'
    """
    reference = Reference.parse(to)
    if reference.digest or not reference.tag:
        raise ReferenceInvalid(f"{to!r}: a desired state is told through a tag", hint="host/repository:tag")
    tagging.need_digest(if_match)
    deadline = Deadline.after(timeout, f"telling {to}")
    data = desired.to_json().encode()
    layer = Descriptor.of(MEDIA_TYPE, data, annotations={media.TITLE: NAME})
    manifest = canonical(
        {
            "schemaVersion": 2,
            "mediaType": media.MANIFEST,
            "artifactType": MEDIA_TYPE,
            "config": Descriptor.of(media.EMPTY, media.EMPTY_BYTES).dump(),
            "layers": [layer.dump()],
        }
    )
    descriptor = Descriptor.of(media.MANIFEST, manifest, artifact_type=MEDIA_TYPE)
    sink = opening.source(reference)
    with sink.writing(deadline):
        for blob in (Bytes(data), Bytes(media.EMPTY_BYTES)):
            sink.upload(blob, deadline, Silent())
        found = sink.resolve(reference.tag, deadline)
        expected = found if isinstance(if_match, EllipsisType) else if_match
        if not tagging.is_set(sink.name, reference.tag, found=found, wanted=descriptor.digest, if_match=expected):
            sink.put_manifest(reference.tag, descriptor, manifest, deadline)
    return str(reference.at(descriptor.digest))


def documents(source: Source, digest: str, deadline: Deadline) -> dict[str, bytes]:
    """The documents of an artifact that tells a desired state: name → bytes, which hash to their digests.

    What other programs push under this name counts as well, as `oras push REFERENCE desired.json` does.

    Args:
        source: that has it.
        digest: of its manifest.
        deadline: for reading it.

    Raises:
        NotFoundError: it is not there, or holds no such document.
        UnsupportedError: it is something else, as an image.
        IntegrityError: it is broken, larger than 4 MiB, or other bytes.
    """
    where = f"{source.name}@{digest}"
    manifest = reading.manifest(source, digest, deadline)
    if contents.is_index(manifest):
        raise UnsupportedError(f"{where} is an index, and tells no desired state", hint="i4q tell pushes one")
    layers = [Descriptor.parse(one, where=where) for one in contents.listed(manifest, "layers", where=where)[:_MOST]]
    named = {layer.annotations.get(media.TITLE, NAME): layer for layer in layers if _tells(layer)}
    if not named:
        raise NotFoundError(f"{where} holds no {NAME}", hint="i4q tell pushes one")
    found: dict[str, bytes] = {}
    for name, layer in sorted(named.items()):
        room = LARGEST - sum(len(raw) for raw in found.values())
        found[name] = reading.blob(source, layer, deadline, limit=room)
    return found


def _tells(layer: Descriptor) -> bool:
    return layer.media_type == MEDIA_TYPE or layer.annotations.get(media.TITLE, "").rpartition("/")[2] == NAME
