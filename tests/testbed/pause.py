"""The smallest image there is: one static program that waits. It keeps the namespaces of every pod open."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from pathlib import Path

from tests.testbed.programs import node

PAUSE = "testbed.invalid/pause:1"

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_MEDIA = "application/vnd.oci.image"


def pause_tar(folder: Path) -> Path:
    """Write the pause image as a tar of an OCI layout, named `PAUSE`; gives its path."""
    layer = _tar({"pause": node("pause").read_bytes()}, mode=0o755)
    config = {
        "architecture": _MACHINES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    blobs = [json.dumps(config).encode(), layer]
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_MEDIA}.manifest.v1+json",
        "config": _descriptor(f"{_MEDIA}.config.v1+json", blobs[0]),
        "layers": [_descriptor(f"{_MEDIA}.layer.v1.tar", layer)],
    }
    blobs.append(json.dumps(manifest).encode())
    named = _descriptor(f"{_MEDIA}.manifest.v1+json", blobs[-1])
    named["annotations"] = {"io.containerd.image.name": PAUSE}
    files = {f"blobs/sha256/{_digest(blob).removeprefix('sha256:')}": blob for blob in blobs}
    files["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    files["index.json"] = json.dumps({"schemaVersion": 2, "manifests": [named]}).encode()
    path = folder / "pause.tar"
    path.write_bytes(_tar(files))
    return path


def _tar(files: dict[str, bytes], *, mode: int = 0o644) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _descriptor(media: str, content: bytes) -> dict[str, object]:
    return {"mediaType": media, "digest": _digest(content), "size": len(content)}
