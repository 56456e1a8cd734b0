"""From a registry or layout to a folder here: everything verified, then visible in one step."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import shutil
import threading
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from i4q_ai import progress as progresses
from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError, IntegrityError, NotFoundError, ReferenceInvalid, RegistryError, UnreachableError
from i4q_ai.model import File, Model
from i4q_ai.oci import contents, disk, extracting, opening
from i4q_ai.oci.artifact import ABOUT, folder_of
from i4q_ai.oci.cache import BlobCache
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference, is_digest
from i4q_ai.oci.source import Source
from i4q_ai.progress import Progress
from i4q_ai.workload import Workload

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    cache: BlobCache
    deadline: Deadline
    progress: Progress


def fetch(
    references: Sequence[str],
    digest: str,
    folder: Path,
    *,
    timeout: float,
    blobs: Path | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
) -> Model | Workload:
    """Fetch a model or workload by digest into a folder.

    The folder then holds the files and `i4q.json`; it appears whole and verified, or not at all, whatever
    happens meanwhile. A folder that is there already and right is left alone; another one is replaced.

    Args:
        references: repositories (`host/repository` or `oci:FOLDER`) that are tried in this order; their tags
            and digests do not matter. None are needed for what lies in `blobs` already.
        digest: of the index.
        folder: to be made.
        timeout: in seconds, for all of it.
        blobs: a folder that keeps blobs by digest, for the next fetch; without it they are dropped at success.
        progress: told of bytes received.
        cancel: set it to stop.

    Raises:
        NotFoundError, UnreachableError, RegistryError: no reference could deliver.
        IntegrityError: what was delivered is not what the digest says; it was thrown away.
        StorageError: no room or no right to write.
        DeadlineError: it took too long.
    """
    if not is_digest(digest) or not digest.startswith("sha256:"):
        raise ReferenceInvalid(f"{digest!r} is no digest", hint="sha256: and 64 of 0-9, a-f")
    parsed = [Reference.parse(reference) for reference in references]
    folder = folder.absolute()
    kept = blobs or folder.with_name(f".{folder.name}.blobs")
    job = _Job(
        BlobCache(kept), Deadline.after(timeout, f"fetching {digest}", cancel=cancel), progress or progresses.Silent()
    )
    with disk.storage_errors(str(folder.parent)):
        folder.parent.mkdir(parents=True, exist_ok=True)
    thing = _from_any(parsed, digest, folder, job)
    if blobs is None:
        shutil.rmtree(kept, ignore_errors=True)
    return thing


def _from_any(references: Sequence[Reference], digest: str, folder: Path, job: _Job) -> Model | Workload:
    failures: list[I4qError] = []
    sources: list[Source] = [opening.source(reference) for reference in references] or [_Nowhere()]
    for source in sources:
        try:
            return _alone(source, digest, folder, job)
        except (RegistryError, UnreachableError, NotFoundError) as error:
            _log.info("%s could not deliver %s: %s", source.name, digest, error.what)
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    kinds = {type(error) for error in failures}
    kind = kinds.pop() if len(kinds) == 1 else RegistryError
    raise kind(f"none of {len(failures)} references could deliver {digest}: " + "; ".join(e.what for e in failures))


def _alone(source: Source, digest: str, folder: Path, job: _Job) -> Model | Workload:
    """One at a time per folder: each may sweep away what another has left there."""
    lock = folder.with_name(f".{folder.name}.lock")
    with disk.locked(lock, job.deadline):
        try:
            return _from(source, digest, folder, job)
        finally:
            lock.unlink(missing_ok=True)


def _from(source: Source, digest: str, folder: Path, job: _Job) -> Model | Workload:
    where = f"{source.name}@{digest}"
    layers = _layers(source, digest, where, job)
    about = _about_of(source, layers[-1], where, job)
    thing = contents.thing_of(about, where=where)
    if not _is_right(folder, about, thing.files):
        missing = sum(layer.size for layer in layers if not job.cache.has(layer))
        disk.need_room(folder.parent, missing + thing.size, f"fetching {thing.name} {thing.version}")
        _materialise(source, layers, thing, about, folder, where, job)
    return thing.replace(reference=where)


def _layers(source: Source, digest: str, where: str, job: _Job) -> list[Descriptor]:
    index = contents.parse(job.cache.manifest(digest, source, job.deadline), where=where)
    image = contents.image_of(index, where=where)
    return contents.layers_of(
        contents.parse(job.cache.manifest(image.digest, source, job.deadline), where=where), where=where
    )


def _about_of(source: Source, layer: Descriptor, where: str, job: _Job) -> bytes:
    path = job.cache.blob(layer, source, job.deadline, job.progress)
    with path.open("rb") as stream:
        return extracting.read_about(stream, where=where)


def _materialise(
    source: Source,
    layers: Sequence[Descriptor],
    thing: Model | Workload,
    about: bytes,
    folder: Path,
    where: str,
    job: _Job,
) -> None:
    _sweep(folder)
    staged = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        with disk.storage_errors(str(staged)):
            staged.mkdir()
        expected = {file.path: file for file in thing.files}
        inside = folder_of(type(thing).__name__)
        for layer in layers[:-1]:
            path = job.cache.blob(layer, source, job.deadline, job.progress)
            job.deadline.check()
            try:
                for done in extracting.extract(path, staged, folder=inside, expected=expected, where=where):
                    del expected[done]
            except IntegrityError:
                job.cache.drop(layer)  # it may have rotted here; the next try fetches it anew
                raise
        if expected:
            raise IntegrityError(f"{where}: {', '.join(sorted(expected))} was announced and is in no layer")
        disk.write(staged / ABOUT, [about])
        _expose(staged, folder)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _expose(staged: Path, folder: Path) -> None:
    with disk.storage_errors(str(folder)):
        for path in (*(below for below in staged.rglob("*") if below.is_dir()), staged):
            disk.sync(path)
        if folder.exists():  # it was wrong: aside with it, for a folder cannot be renamed onto another
            folder.rename(folder.with_name(f".{folder.name}.{uuid.uuid4().hex}"))
        staged.rename(folder)
        disk.sync(folder.parent)
    _sweep(folder)


def _sweep(folder: Path) -> None:
    """Drop what a fetch into this folder has left behind when it was killed."""
    for stray in folder.parent.glob(f".{folder.name}.*"):
        if len(stray.name.rpartition(".")[2]) == len(uuid.uuid4().hex):
            shutil.rmtree(stray, ignore_errors=True)


def _is_right(folder: Path, about: bytes, files: Sequence[File]) -> bool:
    """Whether the folder holds just this thing, byte for byte."""
    if not folder.is_dir():
        return False
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}
    if found != {ABOUT, *(file.path for file in files)}:
        return False
    try:
        return (folder / ABOUT).read_bytes() == about and all(_has(folder / file.path, file) for file in files)
    except OSError:
        return False


def _has(path: Path, file: File) -> bool:
    if path.is_symlink() or path.stat().st_size != file.size:
        return False
    with path.open("rb", buffering=0) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256


class _Nowhere:
    """The source of a fetch without references: only what is in the cache is there."""

    name = "the cache"

    def resolve(self, tag: str, deadline: Deadline) -> str | None:  # noqa: ARG002 - as Source wants it
        return None

    def manifest(self, digest: str, deadline: Deadline) -> bytes:  # noqa: ARG002 - as Source wants it
        raise NotFoundError(f"{digest} is not in the cache", hint="give a reference to fetch it from")

    def local(self, blob: Descriptor) -> Path | None:  # noqa: ARG002 - as Source wants it
        return None

    @contextlib.contextmanager
    def read(self, blob: Descriptor, offset: int, deadline: Deadline) -> Iterator[tuple[int, Iterator[bytes]]]:  # noqa: ARG002 - as Source wants it
        yield 0, iter((self.manifest(blob.digest, deadline),))
