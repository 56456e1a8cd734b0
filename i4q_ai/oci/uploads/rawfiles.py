"""Files as they are, each a layer of one manifest, as `oras push` does it: for what is no model and no workload."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from i4q_ai import progress as progresses
from i4q_ai.deadline import Deadline
from i4q_ai.errors import InvalidError, ReferenceInvalid
from i4q_ai.oci import media, opening, rates, tagging, together
from i4q_ai.oci.artifact import Bytes
from i4q_ai.oci.media import Descriptor, canonical
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.remote import Remote
from i4q_ai.oci.source import Repository
from i4q_ai.oci.tagging import IfMatch
from i4q_ai.oci.uploads.rawblobs import FileBlob, blobs_of, send_file
from i4q_ai.oci.uploads.uploading import Terms
from i4q_ai.packing.paths import clashes
from i4q_ai.progress import Progress

ARTIFACT_TYPE = "application/vnd.i4q-ai.files.v1"


def push_files(
    files: Mapping[str, str | Path] | Sequence[str | Path],
    to: str,
    *,
    artifact_type: str = ARTIFACT_TYPE,
    timeout: float = 3600,
    progress: Progress | None = None,
    if_match: IfMatch = ...,
    rate: float | None = None,
    mount_from: Sequence[str] = (),
) -> str:
    """Push files as they are; a file whose digest is not known is read once, hashed while it is sent.

    Args:
        files: paths (each keeps its name), or name → path.
        to: `host[:port]/repository:tag` or `oci:FOLDER:tag`.
        artifact_type: a media type that says what they are.
        timeout, progress, if_match, rate, mount_from: as for `push`.

    Returns:
        The reference, `…@sha256:…`.

    Raises:
        InvalidError: there are no files, two of one name, or `to` is no tag.
        NotFoundError, StorageError: a file cannot be read.
        ConflictError: a file changed while it was sent, or the tag is not what `if_match` says.
        RegistryError, UnreachableError, DeadlineError: it could not be written.
    """
    named = _named(files)
    reference = Reference.parse(to)
    if reference.digest or not reference.tag:
        raise ReferenceInvalid(f"{to!r}: files are pushed to a tag", hint="host/repository:tag")
    tagging.need_digest(if_match)
    deadline = Deadline.after(timeout, f"pushing {len(named)} files to {to}")
    terms = Terms(deadline, progress or progresses.default(), rates.limit(rate), mount_from)
    blobs = blobs_of(dict.fromkeys(named.values()))  # what is not there is told before anything is sent
    sink = opening.source(reference)
    found = sink.resolve(reference.tag, deadline)
    if isinstance(if_match, str) or if_match is None:
        tagging.is_set(sink.name, reference.tag, found=found, wanted="", if_match=if_match)
    known = _artifact(named, blobs, artifact_type) if all(blob.is_hashed for blob in blobs) else None
    if known and known[0].digest == found:
        return str(reference.at(found))
    with sink.writing(deadline):
        if known is None or not (isinstance(sink, Remote) and sink.has_manifest(known[0].digest, deadline)):
            with progresses.whole(terms.progress, sink.name, sum(blob.size for blob in blobs)):
                known = _artifact(named, _send(sink, blobs, terms), artifact_type)
        descriptor, manifest = known
        found = sink.resolve(reference.tag, deadline)
        if not tagging.is_set(sink.name, reference.tag, found=found, wanted=descriptor.digest, if_match=if_match):
            sink.put_manifest(reference.tag, descriptor, manifest, deadline)
    return str(reference.at(descriptor.digest))


def _named(files: Mapping[str, str | Path] | Sequence[str | Path]) -> dict[str, Path]:
    if isinstance(files, str | bytes | Path):
        raise InvalidError("files is a list of paths or a mapping, not one path", hint="files=[path]")
    pairs = list(files.items()) if isinstance(files, Mapping) else [(Path(path).name, path) for path in files]
    if not pairs:
        raise InvalidError("there are no files to push")
    if problems := clashes([name for name, _ in pairs]):
        raise InvalidError("; ".join(problems), hint="rename one")
    return {name: Path(path).absolute() for name, path in pairs}


def _send(sink: Repository, blobs: Sequence[FileBlob], terms: Terms) -> list[FileBlob]:
    """Send the files, some at once, the largest first; as they are known then."""
    if isinstance(sink, Remote):
        sink.want_push()

    def _one(blob: FileBlob | Bytes, deadline: Deadline) -> FileBlob | None:
        if isinstance(blob, FileBlob) and isinstance(sink, Remote):
            return send_file(sink.uploads, blob, dataclasses.replace(terms, deadline=deadline))
        sink.upload(blob, deadline, terms.progress)
        return blob if isinstance(blob, FileBlob) else None

    ordered: list[FileBlob | Bytes] = [*sorted(blobs, key=lambda blob: -blob.size), Bytes(media.EMPTY_BYTES)]
    return [sent for sent in together.each(ordered, _one, terms.deadline) if sent is not None]


def _artifact(named: Mapping[str, Path], blobs: Sequence[FileBlob], artifact_type: str) -> tuple[Descriptor, bytes]:
    """The manifest of files whose digests are known."""
    by_path = {blob.path: blob for blob in blobs}
    layers = [
        Descriptor(media.OCTETS, by_path[path].digest, by_path[path].size, {media.TITLE: name})
        for name, path in sorted(named.items())
    ]
    listed = {
        "schemaVersion": 2,
        "mediaType": media.MANIFEST,
        "artifactType": artifact_type,
        "config": Descriptor.of(media.EMPTY, media.EMPTY_BYTES).dump(),
        "layers": [layer.dump() for layer in layers],
    }
    raw = canonical(listed)
    return Descriptor.of(media.MANIFEST, raw, artifact_type=artifact_type), raw
