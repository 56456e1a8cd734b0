"""Files beside an artifact: attached to what a reference stands for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from i4q_ai import progress as progresses
from i4q_ai.deadline import Deadline
from i4q_ai.errors import InvalidError, NotFoundError
from i4q_ai.oci import contents, describing, media, opening, referrers
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.uploads.rawblobs import FileBlob
from i4q_ai.progress import Progress


def attach(
    reference: str,
    file: str | Path,
    *,
    artifact_type: str,
    media_type: str | None = None,
    annotations: Mapping[str, str] | None = None,
    timeout: float = 3600,
    progress: Progress | None = None,
) -> str:
    """Attach a file to what a reference stands for; `copy` and `save` take it along.

    Args:
        reference: of an artifact or image that is there.
        file: is its only layer, under its own name.
        artifact_type: what kind of thing it is, as `application/vnd.cyclonedx+json`.
        media_type: of the file; the artifact type if not given.
        annotations: of what is attached.
        timeout: in seconds, for all of it.
        progress: told of bytes sent; the default draws bars on a terminal.

    Returns:
        The reference of what is attached, by digest.

    Raises:
        NotFoundError: there is no such tag, digest or file.
        ConflictError: the file changes meanwhile, or others attach at the same time, again and again.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be written.
    """
    path, parsed = Path(file), Reference.parse(reference)
    if not path.is_file():
        raise NotFoundError(f"there is no file '{path}'")
    for kind in (artifact_type, media_type):
        if kind is not None and not _is_type(kind):
            raise InvalidError(f"{kind!r} is no media type", hint="as application/vnd.cyclonedx+json")
    deadline = Deadline.after(timeout, f"attaching to {reference}")
    repository = opening.source(parsed)
    digest = describing.digest_behind(parsed, repository, deadline)
    raw = repository.manifest(digest, deadline)
    kind = contents.media_type_of(contents.parse(raw, where=f"{repository.name}@{digest}"))
    blob = FileBlob(path.absolute())
    layer = Descriptor(media_type or artifact_type, blob.digest, blob.size, {media.TITLE: path.name})
    one = referrers.attach_blobs(
        repository,
        Descriptor(kind, digest, len(raw)),
        [(layer, blob)],
        artifact_type=artifact_type,
        deadline=deadline,
        annotations=annotations,
        progress=progress or progresses.default(),
    )
    return str(parsed.at(one.digest))


def _is_type(kind: str) -> bool:
    first, slash, second = kind.partition("/")
    return bool(first and slash and second) and kind.isascii() and not any(each.isspace() for each in kind)
