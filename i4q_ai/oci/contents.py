"""What the manifests of an artifact say: the image for a platform, its layers, `i4q.json`. Pure; trusts nothing."""

from __future__ import annotations

import json
import platform
from typing import TYPE_CHECKING, Any

from i4q_ai.errors import IntegrityError, SchemaError, UnsupportedError
from i4q_ai.oci import media
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import is_digest
from i4q_ai.packing.paths import clashes

if TYPE_CHECKING:
    from i4q_ai.model import Model
    from i4q_ai.workload import Workload

_LAYER_LIMIT = 1000
_LIST_LIMIT = 10_000
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def architecture() -> str:
    """The architecture of this machine, as OCI calls it."""
    machine = platform.machine().lower()
    return _ARCHITECTURES.get(machine, machine)


def parse(raw: bytes, *, where: str) -> dict[str, Any]:
    """Read a manifest or index.

    Raises:
        IntegrityError: it is no JSON object.
    """
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise IntegrityError(f"{where} is no JSON") from error
    if not isinstance(data, dict):
        raise IntegrityError(f"{where} is no JSON object")
    return data


def image_of(index: dict[str, Any], *, where: str, arch: str | None = None) -> Descriptor:
    """The image manifest for a platform; any image, if there is none for it: all have the same layers.

    Args:
        index: as `parse` read it.
        where: the reference, for errors.
        arch: of this machine if not given.

    Raises:
        UnsupportedError: the index lists no image; says what it lists.
    """
    listed = index.get("manifests")
    if not isinstance(listed, list):
        raise UnsupportedError(
            f"{where} is no index of a model or workload", hint="was it pushed by Model.push or `i4q push`?"
        )
    descriptors = [Descriptor.parse(item, where=where) for item in listed]
    images = [one for one in descriptors if (one.platform or {}).get("os") == "linux"]
    wanted = arch or architecture()
    for image in images:
        if (image.platform or {}).get("architecture") == wanted:
            return image
    if images:
        return images[0]
    found = ", ".join(sorted(_platform(one) for one in descriptors)) or "nothing"
    raise UnsupportedError(f"{where} has no image for linux/{wanted}; it lists {found}")


def _platform(descriptor: Descriptor) -> str:
    about = descriptor.platform or {}
    return f"{about.get('os', 'unknown')}/{about.get('architecture', 'unknown')}"


def listed(manifest: dict[str, Any], what: str, *, where: str) -> list[Any]:
    """A list in a manifest: its layers, or the manifests of an index; empty if it has none.

    Raises:
        IntegrityError: it is no list, or a very long one.
    """
    found = manifest.get(what) or []
    if not isinstance(found, list) or len(found) > _LIST_LIMIT:
        raise IntegrityError(f"{where}: '{what}' is no list of at most {_LIST_LIMIT}")
    return found


def is_index(manifest: dict[str, Any]) -> bool:
    """Whether it lists manifests, not layers."""
    kind = manifest.get("mediaType")
    return kind in media.INDEXES or (kind not in media.MANIFESTS and "manifests" in manifest)


def media_type_of(manifest: dict[str, Any]) -> str:
    """What it says that it is; what it must be, if it does not say."""
    kind = manifest.get("mediaType")
    return kind if isinstance(kind, str) and kind else media.INDEX if is_index(manifest) else media.MANIFEST


def platform_text(descriptor: Descriptor) -> str:
    """The platform of a descriptor in an index, as `linux/arm64`.

    Example:
        >>> platform_text(Descriptor("", "", 0, platform={"os": "linux", "architecture": "arm", "variant": "v7"}))
        'linux/arm/v7'
    """
    about = descriptor.platform or {}
    parts = (about.get("os", "unknown"), about.get("architecture", "unknown"), about.get("variant", ""))
    return "/".join(part for part in parts if part)


def for_platform(index: dict[str, Any], platform: str, *, where: str) -> Descriptor:
    """What an index lists for a platform.

    Args:
        index: as `parse` read it.
        platform: as `linux/arm64`; a variant that is not named is any.
        where: the reference, for errors.

    Raises:
        UnsupportedError: nothing is for it; says what there is.
    """
    descriptors = [Descriptor.parse(item, where=where) for item in listed(index, "manifests", where=where)]
    for one in descriptors:
        if platform_text(one) == platform or platform_text(one).startswith(f"{platform}/"):
            return one
    found = ", ".join(sorted({platform_text(one) for one in descriptors})) or "nothing"
    raise UnsupportedError(f"{where} has nothing for {platform}; it lists {found}", hint="--platform OS/ARCH")


def subject_of(manifest: dict[str, Any]) -> str | None:
    """The digest of what a manifest refers to, if it does."""
    subject = manifest.get("subject")
    digest = subject.get("digest") if isinstance(subject, dict) else None
    return digest if isinstance(digest, str) and is_digest(digest) else None


def referrer(digest: str, size: int, manifest: dict[str, Any]) -> Descriptor:
    """The descriptor of a manifest as a list of referrers has it: with its type and annotations."""
    config = manifest.get("config")
    kind = manifest.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)
    return Descriptor(
        media_type_of(manifest),
        digest,
        size,
        media.texts(manifest.get("annotations")),
        artifact_type=kind if isinstance(kind, str) else None,
    )


def layers_of(manifest: dict[str, Any], *, where: str) -> list[Descriptor]:
    """The layers of an image manifest; the last one holds `i4q.json`.

    Raises:
        IntegrityError: they are not listed as they should be.
        UnsupportedError: it is not an artifact of ours.
    """
    listed = manifest.get("layers")
    if not isinstance(listed, list) or not 0 < len(listed) <= _LAYER_LIMIT:
        raise IntegrityError(f"{where} lists no layers")
    layers = [Descriptor.parse(item, where=where) for item in listed]
    foreign = [layer.media_type for layer in layers if layer.media_type != media.IMAGE_LAYER]
    if foreign or layers[-1].annotations.get(media.FILE_PATH) != "i4q.json":
        raise UnsupportedError(f"{where} is not an artifact of i4q-ai: it holds no i4q.json")
    return layers


def thing_of(raw: bytes, *, where: str) -> Model | Workload:
    """The thing that an `i4q.json` describes.

    Raises:
        SchemaError: it describes none.
    """
    from i4q_ai.model import Model
    from i4q_ai.workload import Workload

    kinds: dict[str, type[Model] | type[Workload]] = {"Model": Model, "Workload": Workload}
    try:
        data = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise SchemaError(f"{where}: i4q.json is no JSON") from error
    kind = data.get("kind") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise SchemaError(f"{where}: i4q.json is neither a Model nor a Workload")
    thing: Model | Workload = kinds[kind].from_data(data, where=where)
    for problem in clashes([file.path for file in thing.files]):
        raise IntegrityError(f"{where}: {problem}")
    return thing
