"""Which downloaded bytes are still of use, and deleting the others."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from pathlib import Path

log = logging.getLogger(__name__)

_LARGEST_DOCUMENT = 4_000_000


def clean(blobs: Path, kept: Iterable[str]) -> int:
    """Delete blobs that no kept version consists of; nothing may be fetched meanwhile.

    Args:
        blobs: the folder with `sha256/<hex>` and partial downloads in `ingest/<hex>`.
        kept: digests of versions that may be needed again.

    Returns:
        How many files are gone.
    """
    needed = _reachable(blobs / "sha256", kept)
    gone = 0
    for folder in (blobs / "sha256", blobs / "ingest"):
        for path in list(folder.iterdir()) if folder.is_dir() else ():
            if path.name not in needed:
                path.unlink(missing_ok=True)
                gone += 1
    return gone


def _reachable(folder: Path, kept: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = [digest.partition(":")[2] for digest in kept]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_named_by(folder / name))
    return found


def _named_by(path: Path) -> list[str]:
    """Digests that an index or a manifest names; none for anything else."""
    try:
        if path.stat().st_size > _LARGEST_DOCUMENT:
            return []
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return []
    if not isinstance(document, dict) or "mediaType" not in document:
        return []
    parts = [*document.get("manifests", ()), *document.get("layers", ()), document.get("config") or {}]
    return [str(part["digest"]).partition(":")[2] for part in parts if "digest" in part]
