"""The artifact that stands for a Model or Workload: one index that every consumer can use, always the same bytes.

What is written here is frozen, for the digest is the identity of a model:

* the index: image manifests for linux/amd64 and linux/arm64, and for models a ModelPack manifest;
* all of them over the same uncompressed tar layers: one file a layer below `models/` (a workload's below `app/`);
  beyond 100 files the smallest share one layer, since a container runtime stacks only so many;
* the last layer holds `i4q.json`: the thing itself, without where it is.

Files of a model have mode 0644; files of a workload 0755, as any of them may be the command.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from i4q_ai.deadline import Deadline
from i4q_ai.errors import InvalidError
from i4q_ai.oci import media
from i4q_ai.oci.media import Descriptor, canonical
from i4q_ai.oci.tarring import Entry, Tar
from i4q_ai.oci.uploads.settling import settle

if TYPE_CHECKING:
    from i4q_ai.model import File, Model
    from i4q_ai.workload import Workload

ABOUT = "i4q.json"
LAYERS = 100
PLATFORMS = ("amd64", "arm64")
_FOLDERS = {"Model": "models", "Workload": "app"}
_MODES = {"Model": 0o644, "Workload": 0o755}


class Blob(Protocol):
    """Bytes with a digest, read as often as needed."""

    @property
    def digest(self) -> str:
        """`sha256:…`."""

    @property
    def size(self) -> int:
        """In bytes."""

    def chunks(self) -> Iterator[bytes]:
        """The bytes, from the beginning."""


@dataclass(frozen=True)
class Bytes:
    """A small blob."""

    data: bytes

    @property
    def digest(self) -> str:
        """`sha256:…`."""
        return media.digest_of(self.data)

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """The bytes."""
        yield self.data

    def spans(self) -> Iterator[bytes]:
        """As `chunks`."""
        return self.chunks()

    def verify(self) -> None:
        """They cannot change."""

    def doubt(self) -> None:
        """There is none."""


@dataclass(frozen=True)
class Layer:
    """A tar layer and what it holds.

    Args:
        blob: the tar.
        files: in it; one, except in a layer that many small files share.
    """

    blob: Tar
    files: tuple[File, ...]


@dataclass(frozen=True)
class Artifact:
    """All that is sent for one thing, in the order in which it must arrive.

    Args:
        name: for people.
        blobs: configs and layers, each once.
        manifests: what the index lists.
        index: the descriptor and bytes of the index; its digest is the identity.
    """

    name: str
    blobs: tuple[Blob, ...]
    manifests: tuple[tuple[Descriptor, bytes], ...]
    index: tuple[Descriptor, bytes]

    @property
    def digest(self) -> str:
        """Of the index."""
        return self.index[0].digest


def folder_of(kind: str) -> str:
    """The folder inside the tar layers: `models` or `app`."""
    return _FOLDERS[kind]


def mode_of(kind: str) -> int:
    """The mode of all files of a kind of thing."""
    return _MODES[kind]


def about(thing: Model | Workload) -> bytes:
    """The content of `i4q.json`: the thing without where it is."""
    from i4q_ai.thing import API_VERSION

    fields = {key: value for key, value in thing.dump().items() if key not in ("source", "reference")}
    return canonical({"apiVersion": API_VERSION, "kind": type(thing).__name__, **fields})


def build(thing: Model | Workload, deadline: Deadline) -> Artifact:
    """The artifact of a model or workload; reads its files once for the digests of layers that are not known.

    Args:
        thing: with its files in `thing.source`.
        deadline: for reading them.

    Raises:
        InvalidError: there are no files to push.
        NotFoundError, ConflictError: a file is gone, or not what it was when it was packed.
    """
    layers = _layers(thing)
    settle([layer.blob for layer in layers], deadline)
    configs: list[Blob] = []
    manifests = []
    for architecture in PLATFORMS:
        config, manifest = _image(layers, architecture)
        configs.append(config)
        platform = {"architecture": architecture, "os": "linux"}
        manifests.append((Descriptor.of(media.MANIFEST, manifest, platform=platform), manifest))
    from i4q_ai.model import Model

    if isinstance(thing, Model):
        config, manifest = _modelpack(thing, layers)
        configs.append(config)
        unknown = {"architecture": "unknown", "os": "unknown"}
        descriptor = Descriptor.of(media.MANIFEST, manifest, platform=unknown, artifact_type=media.MODELPACK_MANIFEST)
        manifests.append((descriptor, manifest))
    index = _index(thing, [descriptor for descriptor, _ in manifests])
    blobs = {blob.digest: blob for blob in (*(layer.blob for layer in layers), *configs)}
    return Artifact(
        f"{thing.name} {thing.version}",
        tuple(blobs.values()),
        tuple(manifests),
        (Descriptor.of(media.INDEX, index, artifact_type=artifact_type(type(thing).__name__)), index),
    )


def artifact_type(kind: str) -> str:
    """The artifactType of the index of a kind of thing."""
    return f"application/vnd.i4q-ai.{kind.lower()}.v1"


def _layers(thing: Model | Workload) -> list[Layer]:
    if not thing.files or thing.source is None:
        raise InvalidError(
            f"{type(thing).__name__.lower()} {thing.name} {thing.version} has no files here to push",
            hint="make it with one of the from_… functions",
        )
    kind, source = type(thing).__name__, Path(thing.source)
    layers = [_layer(kind, [(file, source / file.path) for file in group]) for group in _groups(thing.files)]
    data = about(thing)
    from i4q_ai.model import File

    file = File(path=ABOUT, size=len(data), sha256=hashlib.sha256(data).hexdigest())
    return [*layers, _layer(kind, [(file, data)])]


def _groups(files: Sequence[File]) -> Iterable[Sequence[File]]:
    if len(files) <= LAYERS:
        return [[file] for file in files]
    by_size = sorted(files, key=lambda file: (-file.size, file.path))
    alone = {file.path for file in by_size[: LAYERS - 1]}
    return [*([file] for file in files if file.path in alone), [file for file in files if file.path not in alone]]


def _layer(kind: str, files: Sequence[tuple[File, Path | bytes]]) -> Layer:
    folder = folder_of(kind)
    entries = tuple(Entry(f"{folder}/{file.path}", file.size, file.sha256, content) for file, content in files)
    return Layer(Tar(entries, _MODES[kind]), tuple(file for file, _ in files))


def _file_annotations(layer: Layer) -> dict[str, str]:
    if len(layer.files) != 1:
        return {}
    (file,) = layer.files
    return {media.FILE_PATH: file.path, media.FILE_SHA256: file.sha256}


def _image(layers: Sequence[Layer], architecture: str) -> tuple[Bytes, bytes]:
    rootfs = {"type": "layers", "diff_ids": [layer.blob.digest for layer in layers]}
    config = Bytes(canonical({"architecture": architecture, "os": "linux", "config": {}, "rootfs": rootfs}))
    listed = [
        Descriptor(media.IMAGE_LAYER, layer.blob.digest, layer.blob.size, _file_annotations(layer)) for layer in layers
    ]
    return config, _manifest(media.IMAGE_CONFIG, config, listed)


def _modelpack(model: Model, layers: Sequence[Layer]) -> tuple[Bytes, bytes]:
    descriptor = {"name": model.name, "version": model.version}
    if model.description:
        descriptor["description"] = model.description
    config = {"format": model.format} if model.format != "files" else {}
    modelfs = {"type": "layers", "diffIds": [layer.blob.digest for layer in layers]}
    blob = Bytes(canonical({"descriptor": descriptor, "config": config, "modelfs": modelfs}))
    listed = [
        Descriptor(_modelpack_type(layer), layer.blob.digest, layer.blob.size, _modelpack_annotations(layer))
        for layer in layers
    ]
    return blob, _manifest(media.MODELPACK_CONFIG, blob, listed, artifactType=media.MODELPACK_MANIFEST)


def _modelpack_type(layer: Layer) -> str:
    return media.MODELPACK_WEIGHT_CONFIG if layer.files[0].path == ABOUT else media.MODELPACK_WEIGHT


def _modelpack_annotations(layer: Layer) -> dict[str, str]:
    folder = folder_of("Model")
    if len(layer.files) != 1:
        return {media.MODELPACK_FILEPATH: folder, media.TITLE: folder}
    (file,) = layer.files
    path = f"{folder}/{file.path}"
    metadata = {
        "name": path.rpartition("/")[2],
        "mode": _MODES["Model"],
        "uid": 0,
        "gid": 0,
        "size": file.size,
        "mtime": "1970-01-01T00:00:00Z",
        "typeflag": 48,
    }
    return {
        media.MODELPACK_FILEPATH: path,
        media.MODELPACK_FILE_METADATA: canonical(metadata).decode(),
        media.TITLE: path,
        **_file_annotations(layer),
    }


def _manifest(config_type: str, config: Bytes, layers: Sequence[Descriptor], **more: Any) -> bytes:
    listed = {
        "schemaVersion": 2,
        "mediaType": media.MANIFEST,
        "config": Descriptor(config_type, config.digest, config.size).dump(),
        "layers": [layer.dump() for layer in layers],
        **more,
    }
    return canonical(listed)


def _index(thing: Model | Workload, manifests: Sequence[Descriptor]) -> bytes:
    listed = {
        "schemaVersion": 2,
        "mediaType": media.INDEX,
        "artifactType": artifact_type(type(thing).__name__),
        "manifests": [descriptor.dump() for descriptor in manifests],
        "annotations": {media.TITLE: thing.name, media.VERSION: thing.version},
    }
    return canonical(listed)
