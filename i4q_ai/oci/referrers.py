"""Referrers: artifacts that stand beside another one and say something of it, as a signature or a bill of materials.

A registry that knows them lists them itself. Elsewhere an index under the tag `sha256-<hex>` of the subject does,
which whoever attaches has to keep up.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, IntegrityError
from i4q_ai.oci import contents, media, reading
from i4q_ai.oci.artifact import Blob, Bytes
from i4q_ai.oci.media import Descriptor, canonical
from i4q_ai.oci.source import Listed, Repository, Source
from i4q_ai.progress import Progress, Silent
from i4q_ai.retrying import backoff

_TRIES = 20
_MOST = 10_000
_ONE_AT_A_TIME = threading.Lock()


def attach(
    repository: Repository,
    subject: Descriptor,
    *,
    artifact_type: str,
    data: bytes,
    deadline: Deadline,
    media_type: str | None = None,
    annotations: Mapping[str, str] | None = None,
) -> Descriptor:
    """Attach some bytes to what is in a repository; doing it twice is as doing it once.

    Args:
        repository: that holds the subject.
        subject: a manifest or index.
        artifact_type: what kind of thing the bytes are.
        data: the bytes.
        deadline: for all of it.
        media_type: of the bytes; the artifact type if not given.
        annotations: of the artifact.

    Returns:
        The artifact, as `referrers` lists it.

    Raises:
        ConflictError: others attach at the same time, again and again.
        IntegrityError: the tag for referrers stands for something else.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be written.
    """
    layer = (Descriptor.of(media_type or artifact_type, data), Bytes(data))
    return attach_blobs(
        repository, subject, [layer], artifact_type=artifact_type, deadline=deadline, annotations=annotations
    )


def attach_blobs(
    repository: Repository,
    subject: Descriptor,
    layers: Sequence[tuple[Descriptor, Blob]],
    *,
    artifact_type: str,
    deadline: Deadline,
    annotations: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Descriptor:
    """As `attach`, with any number of layers that need not be in memory.

    Args:
        repository: that holds the subject.
        subject: a manifest or index.
        layers: as the manifest lists them, and their bytes.
        artifact_type: of the artifact.
        deadline: for all of it.
        annotations: of the artifact.
        progress: told of bytes sent.
    """
    raw = _manifest(subject, [descriptor for descriptor, _ in layers], artifact_type, annotations or {})
    with repository.writing(deadline):
        for blob in (*(blob for _, blob in layers), Bytes(media.EMPTY_BYTES)):
            repository.upload(blob, deadline, progress or Silent())
        return put(repository, raw, deadline)


def put(repository: Repository, raw: bytes, deadline: Deadline, *, digest: str | None = None) -> Descriptor:
    """Write a manifest with a subject, whose blobs are there already, so that `referrers` finds it.

    Args:
        repository: that holds the subject.
        raw: the bytes of the manifest.
        deadline: for all of it.
        digest: by another algorithm than sha256.
    """
    digest = digest or media.digest_of(raw)
    manifest = contents.parse(raw, where=f"{repository.name}@{digest}")
    subject = contents.subject_of(manifest)
    if subject is None:
        raise IntegrityError(f"{repository.name}@{digest} has no subject")
    one = contents.referrer(digest, len(raw), manifest)
    if repository.put_manifest(digest, one, raw, deadline) != subject and not _listed(
        repository, subject, one, deadline
    ):
        with _ONE_AT_A_TIME:  # threads of ours would only take the tag from each other
            _note(repository, subject, one, deadline)
    return one


def referrers(
    repository: Listed, digest: str, artifact_type: str | None = None, *, deadline: Deadline
) -> list[Descriptor]:
    """What refers to a digest.

    A list is not a proof: what it lists has to be read, and to name this subject.

    Args:
        repository: in which both are.
        digest: of a manifest or index; it need not be there.
        artifact_type: only artifacts of this type.
        deadline: for asking.

    Raises:
        IntegrityError: the tag for referrers stands for something else.
    """
    listed = repository.referrers(digest, artifact_type, deadline)
    if not listed:  # none, or a registry in between that does not know better
        listed = _entries(repository, digest, deadline)
    found = {one.digest: one for one in listed[:_MOST] if artifact_type in (None, one.artifact_type)}
    return list(found.values())


def read(
    repository: Source, referrer: Descriptor, subject: str, *, deadline: Deadline, limit: int = reading.LIMIT
) -> list[tuple[Descriptor, bytes]]:
    """The layers of a referrer, verified.

    Args:
        repository: that holds it.
        referrer: as `referrers` lists it.
        subject: the digest that it must refer to.
        deadline: for reading it.
        limit: bytes that they may have together.

    Raises:
        IntegrityError: it refers to something else, or is larger than the limit.
    """
    where = f"{repository.name}@{referrer.digest}"
    manifest = reading.manifest(repository, referrer.digest, deadline)
    if contents.subject_of(manifest) != subject:
        raise IntegrityError(f"{where} is listed among the referrers of {subject}, and does not refer to it")
    layers = [Descriptor.parse(item, where=where) for item in contents.listed(manifest, "layers", where=where)]
    if sum(layer.size for layer in layers) > limit:
        raise IntegrityError(f"{where} holds more than {limit} bytes")
    return [(layer, reading.blob(repository, layer, deadline, limit=limit)) for layer in layers]


def tag_of(digest: str) -> str:
    """The tag under which referrers of a digest are listed where the registry does not list them.

    Example:
        >>> tag_of("sha512:" + "a" * 128) == "sha512-" + "a" * 64
        True
    """
    algorithm, _, hexes = digest.partition(":")
    return f"{algorithm}-{hexes[:64]}"


def _manifest(
    subject: Descriptor, layers: Sequence[Descriptor], artifact_type: str, annotations: Mapping[str, str]
) -> bytes:
    empty = Descriptor.of(media.EMPTY, media.EMPTY_BYTES)
    listed: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media.MANIFEST,
        "artifactType": artifact_type,
        "config": empty.dump(),
        "layers": [layer.dump() for layer in layers] or [empty.dump()],
        "subject": {"mediaType": subject.media_type, "digest": subject.digest, "size": subject.size},
    }
    return canonical({**listed, "annotations": dict(annotations)} if annotations else listed)


def _listed(repository: Repository, subject: str, one: Descriptor, deadline: Deadline) -> bool:
    """Whether the repository lists it by itself, though it did not say so."""
    listed = repository.referrers(subject, one.artifact_type, deadline)
    return any(other.digest == one.digest for other in listed or ())


def _note(repository: Repository, subject: str, one: Descriptor, deadline: Deadline) -> None:
    """Append to the index under the tag, until it is there to stay: others may have written in between."""
    for lost in range(_TRIES):
        entries = _entries(repository, subject, deadline)
        if any(other.digest == one.digest for other in entries):
            if not lost:
                return
            deadline.pause(backoff(1))  # who has won the last time may win once more
            if any(other.digest == one.digest for other in _entries(repository, subject, deadline)):
                return
            continue
        raw = canonical(
            {"schemaVersion": 2, "mediaType": media.INDEX, "manifests": [item.dump() for item in (*entries, one)]}
        )
        repository.put_manifest(tag_of(subject), Descriptor.of(media.INDEX, raw), raw, deadline)
    raise ConflictError(
        f"{repository.name}: others attach to {subject} at the same time, again and again", hint="try again"
    )


def _entries(repository: Source, digest: str, deadline: Deadline) -> list[Descriptor]:
    """What the index under the tag lists."""
    tag = tag_of(digest)
    found = repository.resolve(tag, deadline)
    if found is None:
        return []
    where = f"{repository.name}:{tag}"
    index = contents.parse(repository.manifest(found, deadline), where=where)
    if not isinstance(index.get("manifests"), list):
        raise IntegrityError(
            f"{where} is no index of referrers", hint="give what is there another tag: this one is for referrers"
        )
    return [Descriptor.parse(item, where=where) for item in index["manifests"]]
