"""The image's config and manifest: the base's, changed where ours says otherwise. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from i4q_ai.oci import media
from i4q_ai.oci.image.layering import Layer
from i4q_ai.oci.image.packages import SITE_PACKAGES
from i4q_ai.oci.media import Descriptor, canonical

USER = "65532:65532"
"""Nobody in particular, as in other images without a root; a number, so that Kubernetes can see that it is not root."""

_TITLE = "i4q-ai edge"
_ENTRYPOINT = ("python3", "-m")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_ENVIRONMENT = {
    "PYTHONPATH": f"/{SITE_PACKAGES}",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
}
_KEPT = ("ExposedPorts", "Volumes", "StopSignal", "Labels")
BASE_DIGEST = "org.opencontainers.image.base.digest"
BASE_NAME = "org.opencontainers.image.base.name"


def config(
    base: Mapping[str, Any], layers: Sequence[Layer], labels: Mapping[str, str], *, architecture: str, epoch: int
) -> bytes:
    """The bytes of the image's config.

    Args:
        base: the base's config; `{}` for a mere root file system.
        layers: those on top of the layers that the base's config names.
        labels: of ours; they win over the base's.
        architecture: as OCI calls it.
        epoch: when it was made, in seconds since 1970.
    """
    created = _time(epoch)
    below = base.get("rootfs") or {}
    data = {
        "created": created,
        "architecture": architecture,
        "os": "linux",
        "config": _run(base.get("config") or {}, labels),
        "rootfs": {
            "type": "layers",
            "diff_ids": [*(below.get("diff_ids") or ()), *(layer.diff_id for layer in layers)],
        },
        "history": [
            *(base.get("history") or ()),
            *({"created": created, "created_by": "i4q image build", "comment": layer.comment} for layer in layers),
        ],
    }
    if base.get("variant"):
        data["variant"] = base["variant"]
    return canonical(data)


def _run(base: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    environment = {"PATH": _PATH, "LANG": "C.UTF-8"}
    environment.update(pair.split("=", 1) for pair in base.get("Env") or () if "=" in pair)
    environment.update(_ENVIRONMENT)
    run = {key: base[key] for key in _KEPT if base.get(key)}
    return run | {
        "User": USER,
        "Env": [f"{key}={value}" for key, value in environment.items()],
        "Entrypoint": list(_ENTRYPOINT),
        "WorkingDir": "/",
        "Labels": {**run.get("Labels", {}), **labels},
    }


def labels(
    version: str, base_digest: str, *, base_name: str | None = None, python: str | None = None
) -> dict[str, str]:
    """What is told of the image: labels of its config, and annotations of its manifest.

    Args:
        version: of this package.
        base_digest: of the base's manifest, or of the tar that is the base.
        base_name: of the base in a registry.
        python: version of the interpreter that made the bytecode.
    """
    told = {
        media.TITLE: _TITLE,
        media.VERSION: version,
        "org.opencontainers.image.description": "Model server and edge agent of i4q-ai",
        "org.opencontainers.image.licenses": "Apache-2.0",
        BASE_DIGEST: base_digest,
    }
    if base_name:
        told[BASE_NAME] = base_name
    if python:
        told["ai.i4q.bytecode"] = f"CPython {python}"
    return told


def manifest(config: Descriptor, layers: Sequence[Descriptor], annotations: Mapping[str, str]) -> bytes:
    """The bytes of the image's manifest."""
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": media.MANIFEST,
            "config": config.dump(),
            "layers": [layer.dump() for layer in layers],
            "annotations": dict(annotations),
        }
    )


def index(manifests: Sequence[Descriptor], version: str) -> bytes:
    """The bytes of the index over the images of all platforms."""
    return canonical(
        {
            "schemaVersion": 2,
            "mediaType": media.INDEX,
            "manifests": [each.dump() for each in manifests],
            "annotations": {media.TITLE: _TITLE, media.VERSION: version},
        }
    )


def platform(base: Mapping[str, Any], architecture: str) -> dict[str, str]:
    """How the index tells what an image runs on."""
    variant = base.get("variant")
    return {"architecture": architecture, "os": "linux"} | ({"variant": variant} if variant else {})


def _time(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
