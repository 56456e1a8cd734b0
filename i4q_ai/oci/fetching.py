"""From a registry or layout to a folder here: everything verified, then visible in one step."""

from __future__ import annotations

import contextlib
import logging
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from i4q_ai import progress as progresses
from i4q_ai.deadline import Deadline
from i4q_ai.errors import (
    IntegrityError,
    InvalidError,
    NotFoundError,
    ReferenceInvalid,
    StorageError,
)
from i4q_ai.model import File, Model
from i4q_ai.oci import contents, disk, opening, together
from i4q_ai.oci.artifact import ABOUT
from i4q_ai.oci.delta.pulling import Delta
from i4q_ai.oci.downloads import extracting
from i4q_ai.oci.downloads.cache import BUFFER_OF_MANY, BlobCache, holds
from i4q_ai.oci.downloads.ingesting import Means
from i4q_ai.oci.downloads.mirrors import Mirrors
from i4q_ai.oci.downloads.placing import Part, Placing, RottenError, parts_of
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.rates import limit
from i4q_ai.oci.reference import Reference, is_digest
from i4q_ai.oci.signing.guard import Guard
from i4q_ai.progress import Progress
from i4q_ai.trust import Trust
from i4q_ai.workload import Workload

if TYPE_CHECKING:
    from i4q_ai.oci.source import Repository


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    cache: BlobCache
    mirrors: Mirrors
    means: Means
    guard: Guard
    kept: bool

    @property
    def deadline(self) -> Deadline:
        return self.means.deadline


def fetch(
    references: Sequence[str],
    digest: str,
    folder: Path,
    *,
    timeout: float,
    blobs: Path | None = None,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
    rate: float | None = None,
    trust: Sequence[Trust] = (),
    saved: Callable[[int], None] | None = None,
) -> Model | Workload:
    """Fetch a model or workload by digest into a folder.

    The folder then holds the files and `i4q.json`; it appears whole and verified, or not at all, whatever
    happens meanwhile. A folder that is there already and right is left alone; another one is replaced. Of a large
    file only what older versions in `blobs` do not have travels, where whoever pushed it has told how it can be cut.

    Args:
        references: repositories (`host/repository` or `oci:FOLDER`) that are asked in this order, for each part anew;
            their tags and digests do not matter. None are needed for what lies in `blobs` already.
        digest: of the index.
        folder: to be made.
        timeout: in seconds, for all of it.
        blobs: a folder that keeps blobs by digest, for the next fetch; without it they are dropped at success. Large
            files in `folder` are then those in `blobs`, under a second name, and not to be written to.
        progress: told of bytes received.
        cancel: set it to stop.
        rate: bytes a second that may travel; None as `I4Q_RATE` says.
        trust: policies that all must let it in, before its files travel and again before they appear.
        saved: told, for each file, how many of its bytes were here already, in older versions or damaged ones; maybe
            from several threads.

    Raises:
        NotFoundError, UnreachableError, RegistryError: no reference could deliver.
        IntegrityError: what was delivered is not what the digest says; it was thrown away.
        UntrustedError: a policy does not let it in.
        InvalidError: the folder is a link or a file; nothing was touched.
        StorageError: no room or no right to write.
        DeadlineError: it took too long.
    """
    if not is_digest(digest) or not digest.startswith("sha256:"):
        raise ReferenceInvalid(f"{digest!r} is no digest", hint="sha256: and 64 of 0-9, a-f")
    parsed = [Reference.parse(reference) for reference in references]
    folder = folder.absolute()
    if folder.is_symlink() or folder.is_file():
        raise InvalidError(f"{folder} is a {'link' if folder.is_symlink() else 'file'}", hint="name a folder, or none")
    deadline = Deadline.after(timeout, f"fetching {digest}", cancel=cancel)
    means = Means(deadline, progress or progresses.Silent(), limit(rate))
    means = replace(means, saved=saved) if saved else means
    mirrors = Mirrors([opening.source(reference) for reference in parsed] or [_Nowhere()])
    kept = blobs or folder.with_name(f".{folder.name}.blobs")
    job = _Job(BlobCache(kept), mirrors, means, Guard(trust, kept), blobs is not None)
    with disk.storage_errors(str(folder.parent)):
        folder.parent.mkdir(parents=True, exist_ok=True)
    with job.cache.using(deadline):
        thing = _alone(digest, folder, job)
    if blobs is None:
        shutil.rmtree(kept, ignore_errors=True)
    return thing


def _alone(digest: str, folder: Path, job: _Job) -> Model | Workload:
    """One at a time per folder: each may sweep away what another has left there."""
    lock = folder.with_name(f".{folder.name}.lock")
    with disk.locked(lock, job.deadline):
        try:
            return _from(digest, folder, job)
        finally:
            lock.unlink(missing_ok=True)


def _from(digest: str, folder: Path, job: _Job) -> Model | Workload:
    raw = job.cache.manifest(digest, job.mirrors, job.deadline)
    where = f"{job.mirrors.first.name}@{digest}"
    image = contents.image_of(contents.parse(raw, where=where), where=where)
    raw = job.cache.manifest(image.digest, job.mirrors, job.deadline)
    layers = contents.layers_of(contents.parse(raw, where=where), where=where)
    about = _about_of(layers[-1], where, job)
    thing = contents.thing_of(about, where=where)
    _admit(thing, about, digest, job)
    if _is_right(folder, about, thing.files):
        job.guard.inspect(folder, thing, [one.name for one in job.mirrors.sources])
    else:
        parts = parts_of(layers[:-1], thing)
        _need_room(parts, thing, folder, job)
        try:
            _materialise(parts, thing, about, folder, where, job)
        except RottenError as error:
            _log.warning("%s; it is fetched anew", error.what)
            _materialise(parts, thing, about, folder, where, job)
    return thing.replace(reference=where)


def _about_of(layer: Descriptor, where: str, job: _Job) -> bytes:
    path = job.cache.blob(layer, job.mirrors, job.means)
    if not job.cache.is_right(layer):
        job.cache.drop(layer)
        path = job.cache.blob(layer, job.mirrors, job.means)
    with path.open("rb") as stream:
        return extracting.read_about(stream, where=where)


def _admit(thing: Model | Workload, about: bytes, digest: str, job: _Job) -> None:
    """As the rules about every mirror ask; who brought it may have lost its signatures, and another may have them."""
    sources = [None if isinstance(one, _Nowhere) else cast("Repository", one) for one in job.mirrors.sources]
    job.guard.admit_from(sources, job.mirrors.first.name, digest, thing, about, job.deadline)


def _need_room(parts: Sequence[Part], thing: Model | Workload, folder: Path, job: _Job) -> None:
    """Refuse at once what will not fit: what is to come, and what is written a second time."""
    missing, twice = 0, thing.size
    for part in parts:
        if part.frame is None or job.cache.has(part.layer):
            missing += job.cache.missing(part.layer)
        else:
            assert part.file is not None, "it has a frame"
            missing += job.cache.missing_file(part.layer, part.file)
            twice -= part.file.size
    disk.need_room(folder.parent, missing + twice, f"fetching {thing.name} {thing.version}")


def _materialise(
    parts: Sequence[Part], thing: Model | Workload, about: bytes, folder: Path, where: str, job: _Job
) -> None:
    _sweep(folder)
    staged = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        with disk.storage_errors(str(staged)):
            staged.mkdir()
        expected = {file.path: file for file in thing.files}
        way = Delta(job.cache, where.rpartition("@")[2]).way
        kind = type(thing).__name__
        placing = Placing(job.cache, job.mirrors, staged, kind, expected, where, shared=job.kept, assembling=way)
        means = job.means if len(parts) == 1 else replace(job.means, buffer=BUFFER_OF_MANY)

        def _one(part: Part, deadline: Deadline) -> list[str]:
            return placing.place(part, replace(means, deadline=deadline))

        done = {path for paths in together.each(parts, _one, job.deadline) for path in paths}
        if missing := sorted(expected.keys() - done):
            raise IntegrityError(f"{where}: {', '.join(missing)} was announced and is in no layer")
        disk.write(staged / ABOUT, [about])
        job.guard.inspect(staged, thing, [one.name for one in job.mirrors.sources])
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
        return (folder / ABOUT).read_bytes() == about and all(holds(folder / file.path, file) for file in files)
    except (OSError, StorageError):
        return False


class _Nowhere:
    """The source of a fetch without references: only what is in the cache is there."""

    name = "the cache"

    def resolve(self, tag: str, deadline: Deadline) -> str | None:  # noqa: ARG002 - as Source wants it
        return None

    def manifest(self, digest: str, deadline: Deadline) -> bytes:  # noqa: ARG002 - as Source wants it
        raise NotFoundError(f"{digest} is not in the cache", hint="give a reference to fetch it from")

    def local(self, blob: Descriptor) -> Path | None:  # noqa: ARG002 - as Source wants it
        return None

    def referrers(self, digest: str, artifact_type: str | None, deadline: Deadline) -> list[Descriptor]:  # noqa: ARG002 - as Repository wants it
        return []

    @contextlib.contextmanager
    def read(self, blob: Descriptor, offset: int, deadline: Deadline) -> Iterator[tuple[int, Iterator[bytes]]]:  # noqa: ARG002 - as Source wants it
        yield 0, iter((self.manifest(blob.digest, deadline),))

    @contextlib.contextmanager
    def range(self, blob: Descriptor, begin: int, end: int, deadline: Deadline) -> Iterator[Iterator[bytes]]:  # noqa: ARG002 - as Source wants it
        yield iter((self.manifest(blob.digest, deadline),))
