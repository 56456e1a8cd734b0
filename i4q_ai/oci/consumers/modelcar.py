"""A model as KServe's modelcar: an image with a shell and the model in `/models`, over the same layers as the model."""

from __future__ import annotations

import hashlib
import stat
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i4q_ai import progress as progresses
from i4q_ai.deadline import Deadline
from i4q_ai.errors import FormatError, IntegrityError, InvalidError, ReferenceInvalid
from i4q_ai.model import Model
from i4q_ai.oci import contents, media, opening, reading
from i4q_ai.oci.artifact import Artifact, Blob, Bytes
from i4q_ai.oci.disk import storage_errors
from i4q_ai.oci.image import configuring
from i4q_ai.oci.image.bases import Base, open_bases
from i4q_ai.oci.image.platforms import Platform, of_elf, parse
from i4q_ai.oci.image.workshop import workshop
from i4q_ai.oci.media import Descriptor, canonical
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.source import Source
from i4q_ai.progress import Progress

PROGRAMS = ("sh", "ln", "sleep", "ls", "mkdir")
"""What KServe runs in a modelcar."""
MODEL_DIGEST = "ai.i4q.model.digest"

_FOLDERS = ("bin", "usr/bin", "usr/local/bin")
_PATH = "PATH=/usr/local/bin:/usr/bin:/bin"
_ELF_HEAD = 20


def modelcar(
    model: Model,
    *,
    base: str | Path,
    to: str | None = None,
    platforms: Sequence[str] = (),
    timeout: float = 1800,
    progress: Progress | None = None,
) -> str:
    """Push a pushed model once more, as an image that KServe runs beside a model server (`storageUri: oci://…`).

    It is an index with a tag of its own; the layers of the model are those that are there already. The same model and
    base give the same digest.

    Args:
        model: pushed.
        base: a small root file system with the programs `sh`, `ln`, `sleep`, `ls` and `mkdir`: `FILE.tar[.gz]`,
            or an image, `host/repository@sha256:…` or `oci:FOLDER@sha256:…`.
        to: `host/repository[:tag]` or `oci:FOLDER[:tag]`; beside the model if not given. The tag is `VERSION-modelcar`
            if not given.
        platforms: `linux/amd64`, `linux/arm64`; all that the base has if none are given.
        timeout: in seconds, for all of it.
        progress: told of bytes sent and received; the default draws bars on a terminal.

    Returns:
        The reference by digest.

    Raises:
        InvalidError: the model is not pushed, or the base lacks a program.
        NotFoundError: the base is not there.
        UnsupportedError: the base does not have a platform.
        VersionExistsError: that tag exists with other content.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be fetched or written.
    """
    wanted = list(dict.fromkeys(map(parse, platforms)))
    where = Reference.parse(str(model.digest and model.reference))
    target = Reference.parse(to) if to else Reference(where.host, where.repository)
    if target.digest:
        raise ReferenceInvalid(f"{to!r}: one pushes to a tag, not to a digest", hint="leave out the part from '@' on")
    deadline = Deadline.after(timeout, f"making a modelcar of {model.name} {model.version}")
    followed = progress or progresses.default()
    source = opening.source(where)
    index = reading.manifest(source, model.digest, deadline)
    with workshop() as work:
        bases = open_bases(str(base), wanted, work, deadline, followed, compress=False, platform_of=_platform_of_tar)
        for each in bases:
            _need_programs(each, str(base))
        images = [_image(each, _layers(source, index, each.platform, deadline)) for each in bases]
        artifact = _artifact(model, images)
        tag = target.tag or f"{model.version}-modelcar"
        opening.source(target).push(artifact, tag, deadline, followed)
    return str(target.at(artifact.digest))


@dataclass(frozen=True)
class _Elsewhere:
    """A blob of the model: read only if it is not yet where it goes.

    Args:
        descriptor: of the blob.
        source: that has it.
        deadline: for reading it.
    """

    descriptor: Descriptor
    source: Source
    deadline: Deadline

    @property
    def digest(self) -> str:
        return self.descriptor.digest

    @property
    def size(self) -> int:
        return self.descriptor.size

    def chunks(self) -> Iterator[bytes]:
        digest, held = hashlib.sha256(), b""
        with self.source.read(self.descriptor, 0, self.deadline) as (_, pieces):
            for piece in pieces:
                yield held
                digest.update(piece)
                held = piece
        if f"sha256:{digest.hexdigest()}" != self.digest:  # noticed before its last piece: nobody takes it for whole
            raise IntegrityError(f"{self.source.name}: the bytes under {self.digest} are others")
        yield held


@dataclass(frozen=True)
class _Image:
    """The image for one platform."""

    blobs: tuple[Blob, ...]
    descriptor: Descriptor
    manifest: bytes
    base: Base


def _layers(source: Source, index: dict[str, Any], platform: Platform, deadline: Deadline) -> list[_Elsewhere]:
    where = source.name
    image = contents.image_of(index, where=where, arch=platform.architecture)
    listed = contents.layers_of(reading.manifest(source, image.digest, deadline), where=where)
    return [_Elsewhere(each, source, deadline) for each in listed]


def _image(base: Base, layers: Sequence[_Elsewhere]) -> _Image:
    config = Bytes(_config(base, [layer.digest for layer in layers]))
    told = {configuring.BASE_DIGEST: base.digest} | ({configuring.BASE_NAME: base.name} if base.name else {})
    listed = [*base.descriptors, *(layer.descriptor for layer in layers)]
    manifest = configuring.manifest(Descriptor(media.IMAGE_CONFIG, config.digest, config.size), listed, told)
    platform = configuring.platform(base.config, base.platform.architecture)
    descriptor = Descriptor.of(media.MANIFEST, manifest, platform=platform)
    return _Image((*base.blobs, *layers, config), descriptor, manifest, base)


def _config(base: Base, diff_ids: Sequence[str]) -> bytes:
    """The base's config with the layers of the model, which are not compressed: their digests are those of the tars."""
    below: Mapping[str, Any] = base.config.get("rootfs") or {}
    started = [*(below.get("diff_ids") or ()), *(layer.diff_id for layer in base.fresh)]
    data: dict[str, Any] = {
        "architecture": base.platform.architecture,
        "os": "linux",
        "config": base.config.get("config") or {"Env": [_PATH]},
        "rootfs": {"type": "layers", "diff_ids": [*started, *diff_ids]},
    }
    if base.config.get("history"):
        data["history"] = [*base.config["history"], *({"created_by": "i4q model modelcar"} for _ in diff_ids)]
    if base.config.get("variant"):
        data["variant"] = base.config["variant"]
    return canonical(data)


def _artifact(model: Model, images: Sequence[_Image]) -> Artifact:
    index = canonical(
        {
            "schemaVersion": 2,
            "mediaType": media.INDEX,
            "manifests": [image.descriptor.dump() for image in images],
            "annotations": {media.TITLE: model.name, media.VERSION: model.version, MODEL_DIGEST: model.digest},
        }
    )
    blobs = {blob.digest: blob for image in images for blob in image.blobs}
    return Artifact(
        f"modelcar {model.name} {model.version}",
        tuple(blobs.values()),
        tuple((image.descriptor, image.manifest) for image in images),
        (Descriptor.of(media.INDEX, index), index),
    )


def _need_programs(base: Base, where: str) -> None:
    found = {name for blob in base.blobs for name in _programs(blob.path)}
    missing = [name for name in PROGRAMS if name not in found]
    if missing:
        raise InvalidError(
            f"base {where} has no {', '.join(missing)}, which KServe runs in a modelcar",
            hint="a root file system of busybox has them all",
        )


def _programs(path: Path) -> Iterator[str]:
    for _, member in _members(path):
        folder, _, name = member.name.removeprefix("./").rpartition("/")
        if folder in _FOLDERS and not member.isdir():
            yield name


def _platform_of_tar(path: Path) -> Platform:
    """By the first program in it."""
    for tar, member in _members(path):
        folder = member.name.removeprefix("./").rpartition("/")[0]
        if folder not in _FOLDERS or not member.isreg() or not member.mode & stat.S_IXUSR:
            continue
        program = tar.extractfile(member)
        assert program is not None, "it is a regular file"
        platform = of_elf(program.read(_ELF_HEAD))
        if platform is not None:
            return platform
    raise InvalidError(f"base {path} has no program for a platform that an image can be built for")


def _members(path: Path) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    try:
        with storage_errors(str(path)), tarfile.open(path) as tar:
            for member in tar:
                yield tar, member
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise FormatError(f"{path} is no whole tar: {error}", hint="a tar, as it is or by gzip") from error
