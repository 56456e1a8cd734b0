"""An image as one file: an OCI layout in a tar, as `ctr images import` and the images folder of k3s take it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.oci import disk, media
from i4q_ai.oci.artifact import Artifact, Blob, Bytes
from i4q_ai.oci.media import canonical
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.tarring import BLOCK, header

_END = bytes(2 * BLOCK)
_MODE = 0o644


def write(path: Path, artifact: Artifact, name: Reference, deadline: Deadline) -> None:
    """Write an image into a file, which appears whole or not at all.

    Args:
        path: of the file; one that is there is replaced.
        artifact: the image.
        name: that it gets where it is imported; with a tag.
        deadline: for all of it.

    Raises:
        StorageError: no room or no right to write.
    """
    manifests = [Bytes(raw) for _, raw in (*artifact.manifests, artifact.index)]
    blobs: dict[str, Blob] = {blob.digest: blob for blob in (*artifact.blobs, *manifests)}
    pack(path, layout(_index(artifact, name), blobs), deadline)


def pack(path: Path, members: Iterable[tuple[str, Blob | None]], deadline: Deadline) -> None:
    """Write a tar, which appears whole or not at all.

    Args:
        path: of the file; one that is there is replaced.
        members: name and content; None for a folder, whose name ends in `/`.
        deadline: for all of it.

    Raises:
        StorageError: no room or no right to write.
    """
    with disk.storage_errors(str(path.parent)):
        path.parent.mkdir(parents=True, exist_ok=True)
    disk.write(path, _checked(_tar(members), deadline))


def layout(index: bytes, blobs: Mapping[str, Blob]) -> Iterator[tuple[str, Blob | None]]:
    """The members of an OCI layout in a tar.

    Args:
        index: the content of index.json.
        blobs: by digest.
    """
    yield "oci-layout", Bytes(canonical({"imageLayoutVersion": "1.0.0"}))
    yield "index.json", Bytes(index)
    yield from blob_members(blobs)


def blob_members(blobs: Mapping[str, Blob]) -> Iterator[tuple[str, Blob | None]]:
    """Blobs below `blobs/`, sorted by digest."""
    yield "blobs/", None
    for algorithm in sorted({digest.partition(":")[0] for digest in blobs}):
        yield f"blobs/{algorithm}/", None
    for digest, blob in sorted(blobs.items()):
        yield f"blobs/{digest.replace(':', '/')}", blob


def _tar(members: Iterable[tuple[str, Blob | None]]) -> Iterator[bytes]:
    for path, blob in members:
        if blob is None:
            yield header(path, 0, 0o755)
        else:
            yield header(path, blob.size, _MODE)
            yield from blob.chunks()
            yield bytes(-blob.size % BLOCK)
    yield _END


def _index(artifact: Artifact, name: Reference) -> bytes:
    """Twice the same image: by its tag, and by its digest, for containerd knows images by the very words of a pod."""
    by_digest = str(name.at(artifact.digest))
    names: Sequence[dict[str, str]] = (
        {media.CONTAINERD_NAME: str(name), media.REF_NAME: str(name.tag)},
        {media.CONTAINERD_NAME: by_digest},
    )
    descriptor = artifact.index[0].dump()
    listed = [{**descriptor, "annotations": annotations} for annotations in names]
    return canonical({"schemaVersion": 2, "mediaType": media.INDEX, "manifests": listed})


def _checked(chunks: Iterator[bytes], deadline: Deadline) -> Iterator[bytes]:
    for chunk in chunks:
        deadline.check()
        yield chunk
