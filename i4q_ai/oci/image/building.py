"""From a base, a lock and this package to an image for each platform, under one index."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from i4q_ai import progress as progresses
from i4q_ai.deadline import Deadline
from i4q_ai.errors import InvalidError, NotFoundError
from i4q_ai.oci import media
from i4q_ai.oci.artifact import Artifact, Blob, Bytes
from i4q_ai.oci.disk import storage_errors
from i4q_ai.oci.image import configuring, locked, packages, targets
from i4q_ai.oci.image.bases import Base, open_bases
from i4q_ai.oci.image.bytecode import compiler
from i4q_ai.oci.image.collecting import collect
from i4q_ai.oci.image.layering import Layer, layer_of_folder
from i4q_ai.oci.image.locked import Requirement
from i4q_ai.oci.image.platforms import Platform, parse
from i4q_ai.oci.image.result import BuiltImage, Part, PlatformImage
from i4q_ai.oci.image.workshop import workshop
from i4q_ai.oci.media import Descriptor
from i4q_ai.progress import Progress

LOCK = Path(__file__).with_name("requirements.lock")
"""The packages that the model server and the edge agent need."""

_EPOCH = "SOURCE_DATE_EPOCH"
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    """What is the same for all platforms."""

    lock: Sequence[Requirement]
    wheels: Path | None
    compiler: tuple[str, str] | None
    compress: bool
    epoch: int
    version: str
    deadline: Deadline


@dataclass(frozen=True)
class _Image:
    """The image for one platform."""

    blobs: tuple[Blob, ...]
    descriptor: Descriptor
    manifest: bytes
    about: PlatformImage


def build(
    base: str | Path,
    *,
    to: str | Path,
    platforms: Sequence[str] = (),
    name: str | None = None,
    lock: str | Path | None = None,
    wheels: str | Path | None = None,
    bytecode: bool = True,
    compress: bool = False,
    timeout: float = 1800,
    progress: Progress | None = None,
) -> BuiltImage:
    """Build the image in which `python3 -m i4q_ai.serve` and `python3 -m i4q_ai.edge` run; no Docker is needed.

    The image is the base, a layer with the packages of the lock, and a layer with this package. The same base, lock,
    package and `SOURCE_DATE_EPOCH` give the same digests; with bytecode also the same release of Python,
    compressed also the same zlib.

    Args:
        base: a root file system as `FILE.tar[.gz]`, or `host/repository@sha256:…`, or `oci:FOLDER@sha256:…`;
            with Python 3.11 and glibc 2.28 or newer.
        to: `host/repository[:tag]`, `oci:FOLDER[:tag]`, or `FILE.tar`, which `ctr images import` and the images
            folder of k3s take. The tag is the version of this package if not given.
        platforms: `linux/amd64`, `linux/arm64`; all that the base has if none are given.
        name: of an image in a file, `host/repository[:tag]`.
        lock: another list of packages than `LOCK`, as `pip install --require-hashes -r` takes it.
        wheels: a folder that holds the wheels of the lock; without it pip fetches those that are not in the cache.
        bytecode: compile the packages, so that the image starts faster where it cannot write.
        compress: layers by gzip.
        timeout: in seconds, for all of it.
        progress: told of bytes sent and received; the default draws bars on a terminal.

    Raises:
        InvalidError: something given cannot be meant so.
        NotFoundError: the base, or a wheel in the folder, is not there.
        UnsupportedError: the base does not have a platform, or there is no Python 3.11 for the bytecode.
        VersionExistsError: that tag exists with other content.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be fetched or written.

    Example:
        ```python
        build("rootfs.tar", to="registry.factory:5000/i4q/edge", platforms=["linux/amd64"]).reference
        ```
    """
    wanted = list(dict.fromkeys(map(parse, platforms)))
    job = _Job(
        _read_lock(Path(lock) if lock else LOCK),
        Path(wheels) if wheels else None,
        compiler() if bytecode else None,
        compress,
        _epoch(os.environ.get(_EPOCH, "0")),
        version("i4q-ai"),
        Deadline.after(timeout, f"building an image on {base}"),
    )
    target = targets.parse(str(to), name, job.version)
    followed = progress or progresses.default()
    with workshop() as work:
        bases = open_bases(str(base), wanted, work, job.deadline, followed, compress=compress)
        images = [_image(each, work / each.platform.architecture, job) for each in bases]
        artifact = _artifact(images, job.version)
        reference = target.write(artifact, job.deadline, followed)
    return BuiltImage(reference, artifact.digest, tuple(image.about for image in images))


def _read_lock(path: Path) -> list[Requirement]:
    if not path.is_file():
        raise NotFoundError(f"there is no lock '{path}'")
    with storage_errors(str(path)):
        return locked.parse(path.read_text(encoding="utf-8"), where=str(path))


def _epoch(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > len("99999999999"):
        raise InvalidError(f"{_EPOCH} is {text!r}, not a number of seconds since 1970")
    return int(text)


def _image(base: Base, work: Path, job: _Job) -> _Image:
    layers, parts = _layers(base.platform, work, job)
    python = job.compiler[1] if job.compiler else None
    about = configuring.labels(job.version, base.digest, base_name=base.name, python=python)
    config = Bytes(
        configuring.config(
            base.config,
            (*base.fresh, *layers),
            about,
            architecture=base.platform.architecture,
            epoch=job.epoch,
        )
    )
    listed = [*base.descriptors, *(layer.descriptor for layer in layers)]
    manifest = configuring.manifest(Descriptor(media.IMAGE_CONFIG, config.digest, config.size), listed, about)
    descriptor = Descriptor.of(
        media.MANIFEST, manifest, platform=configuring.platform(base.config, base.platform.architecture)
    )
    told = PlatformImage(
        str(base.platform),
        descriptor.digest,
        sum(blob.size for blob in base.blobs),
        sum(layer.blob.size for layer in layers),
        tuple(parts),
    )
    _log.info("%s: %s, %d bytes beyond the base", told.platform, told.digest, told.size)
    return _Image((*base.blobs, *(layer.blob for layer in layers), config), descriptor, manifest, told)


def _layers(platform: Platform, work: Path, job: _Job) -> tuple[list[Layer], list[Part]]:
    """What lies above the base: what seldom changes below what often does."""
    program = job.compiler[0] if job.compiler else None
    chosen = collect(job.lock, platform, job.deadline, folder=job.wheels)
    parts, layers = [], []
    for name in ("dependencies", "package"):
        folder = work / name
        with storage_errors(str(folder)):
            folder.mkdir(parents=True)
        if name == "dependencies":
            parts += packages.dependencies(chosen, folder, program, job.deadline)
        else:
            parts.append(packages.own(folder, program, job.deadline))
        layers.append(
            layer_of_folder(
                folder,
                packages.SITE_PACKAGES,
                work / f"{name}.tar",
                name,
                epoch=job.epoch,
                compress=job.compress,
                deadline=job.deadline,
            )
        )
    return layers, sorted(parts, key=lambda part: (-part.size, part.name))


def _artifact(images: Sequence[_Image], version: str) -> Artifact:
    index = configuring.index([image.descriptor for image in images], version)
    blobs = {blob.digest: blob for image in images for blob in image.blobs}
    manifests = tuple((image.descriptor, image.manifest) for image in images)
    return Artifact(f"image {version}", tuple(blobs.values()), manifests, (Descriptor.of(media.INDEX, index), index))
