"""What an image is built on: the root file system in a tar, or an image by digest."""

from __future__ import annotations

import stat
import tarfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i4q_ai import config
from i4q_ai.deadline import Deadline
from i4q_ai.errors import FormatError, IntegrityError, InvalidError, NotFoundError, ReferenceInvalid, UnsupportedError
from i4q_ai.oci import contents, media, opening
from i4q_ai.oci.disk import storage_errors
from i4q_ai.oci.downloads.cache import BlobCache
from i4q_ai.oci.downloads.ingesting import Means
from i4q_ai.oci.image import platforms
from i4q_ai.oci.image.layering import GZIP_LAYER, FileBlob, Layer, layer_of_tar
from i4q_ai.oci.image.platforms import PLATFORMS, PYTHON, Platform
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.rates import limit
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.source import Source
from i4q_ai.progress import Progress

_TARS = (".tar", ".tar.gz", ".tgz")
_PYTHON = f"bin/python{PYTHON[0]}.{PYTHON[1]}"
_ZSTD_LAYER = f"{media.IMAGE_LAYER}+zstd"
_LAYERS = {
    media.IMAGE_LAYER: media.IMAGE_LAYER,
    GZIP_LAYER: GZIP_LAYER,
    _ZSTD_LAYER: _ZSTD_LAYER,
    "application/vnd.docker.image.rootfs.diff.tar": media.IMAGE_LAYER,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": GZIP_LAYER,
}
"""Layers that a base may have, by what they are called here: the bytes of Docker's are the same."""
_INDEXES = (media.INDEX, media.DOCKER_INDEX)


@dataclass(frozen=True)
class Base:
    """What an image for one platform is built on.

    Args:
        platform: of it.
        config: of the base's image; empty for a tar.
        descriptors: of its layers, as the new manifest lists them.
        blobs: their bytes, here.
        fresh: layers that the config does not name yet.
        digest: of its manifest, or of the tar.
        name: in a registry; None for what is only here.
    """

    platform: Platform
    config: Mapping[str, Any]
    descriptors: tuple[Descriptor, ...]
    blobs: tuple[FileBlob, ...]
    fresh: tuple[Layer, ...]
    digest: str
    name: str | None = None


def is_tar(text: str) -> bool:
    """Whether a base or target is the file of a tar, and no reference."""
    return not text.startswith("oci:") and text.endswith(_TARS)


def platform_of_python(path: Path) -> Platform:
    """By the interpreter in it, which must be of the version that the wheels are for."""
    try:
        with storage_errors(str(path)), tarfile.open(path) as tar:
            for member in tar:
                if not (member.isreg() and member.name.endswith(_PYTHON) and member.mode & stat.S_IXUSR):
                    continue
                program = tar.extractfile(member)
                assert program is not None, "it is a regular file"
                platform = platforms.of_elf(program.read(20))
                if platform is None:
                    raise UnsupportedError(f"{path}: {member.name} is for no platform that an image can be built for")
                return platform
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise FormatError(f"{path} is no whole tar: {error}") from error
    raise InvalidError(
        f"{path} has no {_PYTHON}, for which the wheels of the image are",
        hint="debootstrap --variant=minbase --include=python3 bookworm makes a root file system that has it",
    )


def open_bases(
    base: str,
    wanted: Sequence[Platform],
    work: Path,
    deadline: Deadline,
    progress: Progress,
    *,
    compress: bool,
    platform_of: Callable[[Path], Platform] = platform_of_python,
) -> list[Base]:
    """The base for each platform, its layers on this disk.

    Args:
        base: the file of a tar, or a reference by digest.
        wanted: platforms; none: all that the base has and an image can be built for.
        work: a folder for what is made; what is fetched is kept in the cache.
        deadline: for all of it.
        progress: told of bytes received.
        compress: the layer of a tar, too.
        platform_of: finds out for which platform a tar is.

    Raises:
        NotFoundError: it is not there.
        InvalidError: it has no Python that fits, or the reference names no digest.
        UnsupportedError: it does not have a platform that is wanted.
        RegistryError, UnreachableError: it could not be fetched.
    """
    if is_tar(base):
        path = Path(base).expanduser()
        if not path.is_file():
            raise NotFoundError(f"there is no base '{path}'")
        return [_from_tar(path, platform_of(path), wanted, work, deadline, compress=compress)]
    reference = Reference.parse(base)
    if not reference.digest:
        raise ReferenceInvalid(
            f"base {base!r} names no digest, so that nobody could build the same image again", hint=f"{base}@sha256:…"
        )
    cache = BlobCache(config.cache() / "bases")
    with cache.using(deadline):
        return _Images(reference, cache, deadline, progress).open(wanted)


def _from_tar(
    path: Path, platform: Platform, wanted: Sequence[Platform], work: Path, deadline: Deadline, *, compress: bool
) -> Base:
    if wanted and list(wanted) != [platform]:
        raise UnsupportedError(
            f"{path} is a root file system for {platform}, and only one platform can be in a tar",
            hint=f"ask for {platform} only, or take a base image that has several",
        )
    layer = layer_of_tar(path, work / "base", "the base", compress=compress, deadline=deadline)
    return Base(platform, {}, (layer.descriptor,), (layer.blob,), (layer,), layer.diff_id)


class _Images:
    """Images behind one reference."""

    def __init__(self, reference: Reference, cache: BlobCache, deadline: Deadline, progress: Progress) -> None:
        self._where = str(reference)
        self._digest = str(reference.digest)
        self._name = None if reference.is_layout else reference.name
        self._source: Source = opening.source(reference)
        self._cache, self._deadline, self._progress = cache, deadline, progress

    def open(self, wanted: Sequence[Platform]) -> list[Base]:
        """The images for the platforms that are wanted; if none are, for all that there are."""
        listed = self._listed(self._manifest(self._digest))
        missing = [platform for platform in wanted if platform not in listed]
        if missing or not listed:
            has = ", ".join(map(str, listed)) or "none that an image can be built for"
            raise UnsupportedError(
                f"base {self._where} has no image for {', '.join(map(str, missing or PLATFORMS))}; it has {has}"
            )
        return [self._base(listed[platform]) for platform in wanted or listed]

    def _listed(self, top: Mapping[str, Any]) -> dict[Platform, str]:
        if not isinstance(top.get("manifests"), list):
            return {self._base(self._digest).platform: self._digest}
        found: dict[Platform, str] = {}
        for item in top["manifests"]:
            descriptor = Descriptor.parse(item, where=self._where)
            told = descriptor.platform or {}
            platform = platforms.of_architecture(told.get("architecture"))
            if platform and told.get("os") == "linux":
                found.setdefault(platform, descriptor.digest)
        return found

    def _base(self, digest: str) -> Base:
        manifest = self._manifest(digest)
        descriptor = Descriptor.parse(manifest.get("config"), where=self._where)
        about = contents.parse(self._blob(descriptor).path.read_bytes(), where=f"{self._where}: its config")
        platform = platforms.of_architecture(about.get("architecture"))
        if platform is None or about.get("os") != "linux":
            told = f"{about.get('os')}/{about.get('architecture')}"
            raise UnsupportedError(f"base {self._where} is an image for {told}, for which none can be built")
        layers = [Descriptor.parse(item, where=self._where) for item in manifest.get("layers") or ()]
        diff_ids = (about.get("rootfs") or {}).get("diff_ids") or ()
        if not layers or len(diff_ids) != len(layers):
            raise IntegrityError(f"{self._where} names {len(layers)} layers and {len(diff_ids)} digests of their tars")
        ours = tuple(Descriptor(self._kind(layer), layer.digest, layer.size) for layer in layers)
        return Base(platform, about, ours, tuple(self._blob(layer) for layer in ours), (), digest, self._name)

    def _kind(self, layer: Descriptor) -> str:
        if layer.media_type not in _LAYERS:
            raise UnsupportedError(f"base {self._where} has a layer of an unknown kind: {layer.media_type}")
        return _LAYERS[layer.media_type]

    def _manifest(self, digest: str) -> dict[str, Any]:
        return contents.parse(
            self._cache.manifest(digest, self._source, self._deadline), where=f"{self._source.name}@{digest}"
        )

    def _blob(self, blob: Descriptor) -> FileBlob:
        path = self._cache.blob(blob, self._source, Means(self._deadline, self._progress, limit()))
        return FileBlob(path, blob.digest, blob.size)
