"""What a reference is: its manifests, layers, files and referrers, without fetching any of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.oci import contents, describing, media, opening, reading, referrers
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.source import Listed
from i4q_ai.oci.transfers import copying

_NAMES = (media.FILE_PATH, media.MODELPACK_FILEPATH, "org.cnai.model.filepath", media.TITLE)


@dataclass(frozen=True)
class Part:
    """Something that a manifest or index lists, or that refers to it.

    Args:
        what: `manifest`, `config`, `layer` or `referrer`.
        name: its platform, file or kind; "" for none.
        media_type: of it.
        digest: of it.
        size: in bytes.
    """

    what: str
    name: str
    media_type: str
    digest: str
    size: int


@dataclass(frozen=True)
class Inspection:
    """What stands behind a reference.

    Args:
        reference: by digest.
        digest: of the manifest or index.
        media_type: of it.
        artifact_type: what kind of thing it says that it is; None if it does not.
        subject: the digest that it refers to; None for nothing.
        annotations: of it.
        parts: what it lists, then what refers to it.
    """

    reference: str
    digest: str
    media_type: str
    artifact_type: str | None
    subject: str | None
    annotations: Mapping[str, str]
    parts: Sequence[Part]

    def data(self) -> dict[str, Any]:
        """As plain data."""
        return {**vars(self), "annotations": dict(self.annotations), "parts": [vars(part) for part in self.parts]}


def inspect(reference: str, *, platform: str | None = None, timeout: float = 60) -> Inspection:
    """What stands behind a reference, whatever it is.

    Args:
        reference: `host/repository[:tag][@digest]` or `oci:FOLDER[:tag][@digest]`.
        platform: as `linux/arm64`: not an index, but what it lists for that.
        timeout: in seconds.

    Raises:
        NotFoundError: there is no such tag or digest.
        UnsupportedError: an index lists nothing for the platform; says what it lists.
        IntegrityError: it is no manifest.
    """
    parsed = Reference.parse(reference)
    deadline = Deadline.after(timeout, f"reading {reference}")
    source = opening.source(parsed)
    digest = describing.digest_behind(parsed, source, deadline)
    if platform is not None:
        digest = copying.pick(source, digest, platform, deadline)
    manifest = reading.manifest(source, digest, deadline)
    about = contents.referrer(digest, 0, manifest)
    return Inspection(
        str(parsed.at(digest)),
        digest,
        about.media_type,
        about.artifact_type,
        contents.subject_of(manifest),
        about.annotations,
        (*parts_of(manifest, where=f"{source.name}@{digest}"), *_referrers(source, digest, deadline)),
    )


def parts_of(manifest: dict[str, Any], *, where: str) -> list[Part]:
    """What a manifest or index lists."""
    listed = [
        *(("manifest", item) for item in contents.listed(manifest, "manifests", where=where)),
        *(("config", item) for item in ([manifest["config"]] if "config" in manifest else [])),
        *(("layer", item) for item in contents.listed(manifest, "layers", where=where)),
    ]
    return [_part(what, Descriptor.parse(item, where=where)) for what, item in listed]


def name_of(layer: Descriptor) -> str:
    """The file that a layer says that it holds; "" for none."""
    return next((layer.annotations[key] for key in _NAMES if key in layer.annotations), "")


def _part(what: str, one: Descriptor) -> Part:
    platform = contents.platform_text(one) if one.platform else ""
    name = (platform if not platform.startswith("unknown") else "") or one.artifact_type or name_of(one)
    return Part(what, name, one.media_type, one.digest, one.size)


def _referrers(source: Listed, digest: str, deadline: Deadline) -> list[Part]:
    found = referrers.referrers(source, digest, deadline=deadline)
    return [Part("referrer", one.artifact_type or "", one.media_type, one.digest, one.size) for one in found]
