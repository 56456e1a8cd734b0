"""Artifacts of others as files: ModelPack of any age, and whatever has titles; all or nothing of it in one step."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from i4q_ai import config
from i4q_ai import progress as progresses
from i4q_ai.deadline import Deadline
from i4q_ai.errors import IntegrityError, InvalidError, UnsupportedError, UntrustedError
from i4q_ai.oci import contents, describing, disk, media, opening, reading
from i4q_ai.oci.downloads import cache, naming
from i4q_ai.oci.downloads.ingesting import Means
from i4q_ai.oci.downloads.untarring import unpack
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.rates import Rate
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.source import Listed, Source
from i4q_ai.oci.transfers import copying
from i4q_ai.progress import Progress

if TYPE_CHECKING:
    from i4q_ai.trust import Trust

UNPACK = "io.deis.oras.content.unpack"
_PATHS = (media.MODELPACK_FILEPATH, "org.cnai.model.filepath", media.TITLE)
_MODELPACK = ("application/vnd.cncf.model.", "application/vnd.cnai.model.")
_TAR, _TAR_GZIP = ".tar", ".tar+gzip"
_PACKED = (f"{media.IMAGE_LAYER}+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip")


@dataclass(frozen=True)
class Pulled:
    """What was pulled.

    Args:
        reference: by digest, of the manifest whose files these are.
        folder: that holds them now.
        files: their names, sorted.
        skipped: layers that have no name.
    """

    reference: str
    folder: Path
    files: tuple[str, ...]
    skipped: tuple[str, ...]


@dataclass(frozen=True)
class _Layer:
    blob: Descriptor
    path: str
    form: str  # "file", or how its files are packed: "tar" or "tar+gzip"


def pull(
    reference: str,
    folder: str | Path,
    *,
    platform: str | None = None,
    rate: float | None = None,
    timeout: float = 3600,
    progress: Progress | None = None,
    trust: Trust | None = None,
) -> Pulled:
    """Pull the files of an artifact into a new folder, which appears whole and verified, or not at all.

    Args:
        reference: of a ModelPack, or of an artifact whose layers have titles. Of an index, the ModelPack in it, or
            what it lists for the platform.
        folder: that is not there yet, or empty.
        platform: as `linux/arm64`; this machine's if not given.
        rate: bytes a second at most.
        timeout: in seconds, for all of it.
        progress: told of bytes received; the default draws bars on a terminal.
        trust: the policy that must let it in, before its files travel and before they appear; as `I4Q_TRUST` says.

    Raises:
        InvalidError: there is something in the folder.
        UntrustedError: the policy does not let it in.
        NotFoundError: there is no such tag, digest or blob.
        UnsupportedError: an index lists nothing for the platform; or it is something else than files.
        IntegrityError: names lead elsewhere or clash, or bytes are not what their digests say.
        RegistryError, UnreachableError, StorageError, DeadlineError: it could not be read or written.
    """
    parsed, path = Reference.parse(reference), Path(folder).expanduser().absolute()
    _need_empty(path)
    deadline = Deadline.after(timeout, f"pulling {reference}")
    source = opening.source(parsed)
    root = describing.digest_behind(parsed, source, deadline)
    pickles = _pickles(trust, parsed.at(root), deadline)
    digest = _manifest(source, root, platform, deadline)
    where = f"{source.name}@{digest}"
    manifest = reading.manifest(source, digest, deadline)
    listed = [Descriptor.parse(item, where=where) for item in contents.listed(manifest, "layers", where=where)]
    layers, skipped = _named(listed, where)
    means = Means(deadline, progress or progresses.default(), Rate(rate))
    files = _appear(source, layers, path, where, means, pickles=pickles)
    return Pulled(str(parsed.at(digest)), path, tuple(sorted(files)), skipped)


def _pickles(trust: Trust | None, reference: Reference, deadline: Deadline) -> bool:
    """Whether it may hold files that run code when they are loaded, once the policy has let it in at all."""
    policy = trust or _own()
    if policy is None:
        return True
    from i4q_ai.oci.signing import artifacts

    artifacts.verify(str(reference), policy, timeout=deadline.left())
    return policy.rule(reference.name, artifacts.name_of(reference, deadline)).pickle


def _own() -> Trust | None:
    file = config.trust()
    if file is None:
        return None
    from i4q_ai.trust import Trust

    return Trust.read(file)


def _need_harmless(folder: Path, files: Sequence[str], where: str) -> None:
    from i4q_ai.oci.signing import pickles

    for path, why in pickles.scan(folder, files).items():
        raise UntrustedError(f"{where}: {path} can run code when it is loaded: {why}", hint=pickles.HINT)


def _need_empty(path: Path) -> None:
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise InvalidError(f"{path} is no folder")
    if path.exists() and any(path.iterdir()):
        raise InvalidError(f"{path} is not empty", hint="name a folder that is not there yet")


def _manifest(source: Listed, digest: str, platform: str | None, deadline: Deadline) -> str:
    index = reading.manifest(source, digest, deadline)
    if not contents.is_index(index):
        return digest
    where = f"{source.name}@{digest}"
    entries = [Descriptor.parse(item, where=where) for item in contents.listed(index, "manifests", where=where)]
    packs = [one for one in entries if (one.artifact_type or "").startswith(_MODELPACK)]
    if packs and platform is None:
        return packs[0].digest
    return copying.pick(source, digest, platform or f"linux/{contents.architecture()}", deadline)


def _named(listed: Sequence[Descriptor], where: str) -> tuple[list[_Layer], tuple[str, ...]]:
    layers, skipped = [], []
    for blob in listed:
        path = next((blob.annotations[key] for key in _PATHS if key in blob.annotations), None)
        if path is None:
            skipped.append(blob.digest)
        else:
            layers.append(_Layer(blob, path.rstrip("/"), _form(blob, where)))
    if listed and not layers:
        raise UnsupportedError(f"{where} holds no files: its layers have no names", hint="is it an image to run?")
    naming.need_names([layer.path for layer in layers if layer.form == "file"], where=where)
    for layer in layers:
        naming.need_names([layer.path], where=where)
    return layers, tuple(skipped)


def _form(blob: Descriptor, where: str) -> str:
    kind = blob.media_type
    if kind.endswith("zstd") and kind.startswith(_MODELPACK):
        raise UnsupportedError(f"{where} is packed by zstd, which is not unpacked here")
    modelpack = kind.startswith(_MODELPACK)
    if blob.annotations.get(UNPACK) == "true" or kind in _PACKED or (modelpack and kind.endswith(_TAR_GZIP)):
        return "tar+gzip"
    return "tar" if modelpack and kind.endswith(_TAR) else "file"


def _appear(
    source: Source, layers: Sequence[_Layer], path: Path, where: str, means: Means, *, pickles: bool
) -> list[str]:
    staged = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    packed = staged / ".packed"
    try:
        with disk.storage_errors(str(staged)):
            packed.mkdir(parents=True)
        blobs = {packed / str(number): layer.blob for number, layer in enumerate(layers)}
        disk.need_room(staged, sum(blob.size for blob in blobs.values()), f"pulling {where}")
        cache.download_all(blobs, source, means)
        files = _all_files(layers, packed, staged / "files", where, means.deadline)
        naming.need_names(files, where=where)
        if not pickles:
            _need_harmless(staged / "files", files, where)
        with disk.storage_errors(str(path)):
            if path.exists():
                path.rmdir()
            (staged / "files").rename(path)
            disk.sync(path.parent)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return files


def _all_files(layers: Sequence[_Layer], packed: Path, into: Path, where: str, deadline: Deadline) -> list[str]:
    files: list[str] = []
    with disk.storage_errors(str(into)):
        into.mkdir()
    for number, layer in enumerate(layers):
        blob = packed / str(number)
        if layer.form == "file":
            with disk.storage_errors(layer.path):
                _put(blob, into / layer.path, where)
            files.append(layer.path)
        else:
            gzipped = layer.form == "tar+gzip"
            files += unpack(blob, into, below=layer.path, packed=gzipped, where=where, deadline=deadline)
            blob.unlink()
    return files


def _put(blob: Path, to: Path, where: str) -> None:
    """Into a folder that only we have written to, so that nothing on the way is a link."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if to.exists():
        raise IntegrityError(f"{where}: {to.name!r} stands twice")
    blob.chmod(0o644)
    blob.rename(to)
