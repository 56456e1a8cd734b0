"""Wheels made on the spot."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from i4q_ai.oci.image.wheels import Wheel

TAGS = "py3-none-any"


def wheel(
    folder: Path,
    files: Mapping[str, bytes],
    *,
    name: str = "spam",
    tags: str = TAGS,
    version: str = "1.0",
    modes: Mapping[str, int] | None = None,
) -> Wheel:
    """A wheel with these files, and with those that it must have."""
    path = folder / f"{name}-{version}-{tags}.whl"
    info = f"{name}-{version}.dist-info"
    about = {
        f"{info}/WHEEL": b"Wheel-Version: 1.0\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
    }
    with zipfile.ZipFile(path, "w") as archive:
        for inside, content in (about | dict(files)).items():
            member = zipfile.ZipInfo(inside)
            member.external_attr = (modes or {}).get(inside, stat.S_IFREG | 0o644) << 16
            archive.writestr(member, content)
    return Wheel.of(path)
