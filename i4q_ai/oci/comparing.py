"""What is different between two references: files, and what is said of them. Nothing but manifests is fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.oci import contents, describing, inspecting, media, opening, reading
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.source import Listed
from i4q_ai.oci.transfers import copying

_OURS = "application/vnd.i4q-ai."
_NOT_SAID = ("files", "reference", "source", "kind", "apiVersion")


@dataclass(frozen=True)
class Change:
    """One difference.

    Args:
        what: `file` or `field`.
        name: of it.
        old: size of the file, or value of the field; None if it was not there.
        new: None if it is not there any more.
    """

    what: str
    name: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class _Known:
    files: Mapping[str, tuple[int, str]]
    fields: Mapping[str, str]


def diff(old: str, new: str, *, platform: str | None = None, timeout: float = 60) -> list[Change]:
    """What is different between two references; empty if nothing is.

    Args:
        old: a reference.
        new: another one; they may be in different registries.
        platform: as `linux/arm64`: what indexes list for that, instead of all.
        timeout: in seconds.

    Returns:
        Changed files, then changed fields, each by name. Where an artifact does not say which file a layer holds,
        the layer's digest stands for it.

    Raises:
        NotFoundError: there is no such tag or digest.
        UnsupportedError: an index lists nothing for the platform; says what it lists.
    """
    deadline = Deadline.after(timeout, f"comparing {old} with {new}")
    before, after = (_known(one, platform, deadline) for one in (old, new))
    names = sorted(before.files.keys() | after.files.keys())
    files = ((name, before.files.get(name), after.files.get(name)) for name in names)
    keys = sorted(before.fields.keys() | after.fields.keys())
    fields = ((key, before.fields.get(key), after.fields.get(key)) for key in keys)
    return [
        *(Change("file", name, _size(was), _size(now)) for name, was, now in files if was != now),
        *(Change("field", key, was, now) for key, was, now in fields if was != now),
    ]


def _size(file: tuple[int, str] | None) -> str | None:
    return None if file is None else f"{file[0]} bytes"


def _known(reference: str, platform: str | None, deadline: Deadline) -> _Known:
    parsed = Reference.parse(reference)
    source = opening.source(parsed)
    digest = describing.digest_behind(parsed, source, deadline)
    if platform is not None:
        digest = copying.pick(source, digest, platform, deadline)
    where = str(parsed.at(digest))
    manifest = reading.manifest(source, digest, deadline)
    if str(manifest.get("artifactType", "")).startswith(_OURS) and contents.is_index(manifest):
        thing = describing.thing_behind(source, where, deadline)
        said = {key: value for key, value in thing.dump().items() if key not in _NOT_SAID}
        return _Known({file.path: (file.size, file.sha256) for file in thing.files}, _flat("", said))
    files: dict[str, tuple[int, str]] = {}
    fields = _fields(manifest)
    _collect(source, manifest, "", files, fields, deadline, where)
    return _Known(files, fields)


def _collect(
    source: Listed,
    manifest: dict[str, Any],
    under: str,
    files: dict[str, tuple[int, str]],
    fields: dict[str, str],
    deadline: Deadline,
    where: str,
) -> None:
    for item in contents.listed(manifest, "layers", where=where):
        layer = Descriptor.parse(item, where=where)
        files[f"{under}{inspecting.name_of(layer) or layer.digest}"] = (layer.size, layer.digest)
    for item in contents.listed(manifest, "manifests", where=where) if not under else ():
        entry = Descriptor.parse(item, where=where)
        name = contents.platform_text(entry) if entry.platform else entry.digest
        fields[name] = entry.digest
        if entry.media_type in (*media.MANIFESTS, ""):
            below = reading.manifest(source, entry.digest, deadline)
            _collect(source, below, f"{name}: ", files, fields, deadline, where)


def _fields(manifest: dict[str, Any]) -> dict[str, str]:
    config = manifest.get("config")
    about = {
        "mediaType": contents.media_type_of(manifest),
        "artifactType": manifest.get("artifactType"),
        "annotations": media.texts(manifest.get("annotations")),
        "config": config.get("digest") if isinstance(config, dict) else None,
        "subject": contents.subject_of(manifest),
    }
    return _flat("", about)


def _flat(under: str, data: Any) -> dict[str, str]:
    if isinstance(data, Mapping):
        found: dict[str, str] = {}
        for key, value in data.items():
            found |= _flat(f"{under}.{key}" if under else str(key), value)
        return found
    if isinstance(data, Sequence) and not isinstance(data, str):
        return {under: media.canonical(list(data)).decode()}
    return {} if data is None else {under: str(data)}
