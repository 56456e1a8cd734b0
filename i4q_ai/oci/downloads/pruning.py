"""Which bytes in a cache are still of use, and deleting the others while nobody fetches."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, DeadlineError
from i4q_ai.oci import disk, media
from i4q_ai.oci.reference import is_digest

_log = logging.getLogger(__name__)

_DAY = 86_400.0
PARTIALS_FOR = 7 * _DAY
"""Seconds for which a begun download is worth to be carried on."""
_BLOBS = ("sha256", "sha512", "files")
_BESIDE = "signatures"


@dataclass(frozen=True)
class Pruned:
    """What was deleted.

    Args:
        files: how many.
        size: of all, in bytes.
        kept: files that stay.
    """

    files: int = 0
    size: int = 0
    kept: int = 0


def prune(
    folder: Path,
    keep: Iterable[str] = (),
    *,
    used_within: float = 0.0,
    partials_for: float = PARTIALS_FOR,
    timeout: float = 10.0,
    dry: bool = False,
) -> Pruned:
    """Delete what no kept artifact consists of; waits for fetches that use the cache, and holds up new ones meanwhile.

    Args:
        folder: of the cache.
        keep: digests of artifacts that may be needed again.
        used_within: seconds; artifacts that were fetched within them are kept, too.
        partials_for: seconds; a begun blob of no kept artifact stays if something was added to it within them.
        timeout: in seconds, for fetches to end.
        dry: only say what would go.

    Raises:
        ConflictError: a fetch uses the cache all the time.
        StorageError: something cannot be deleted.
    """
    if not folder.is_dir():
        return Pruned()
    deadline = Deadline.after(timeout, f"cleaning {folder}")
    try:
        with disk.locked(folder / ".lock", deadline), disk.storage_errors(str(folder)):
            return _prune(folder, set(keep), used_within, partials_for, dry=dry)
    except DeadlineError as error:
        raise ConflictError(f"something is being fetched into {folder}", hint="clean it when that has ended") from error


def _prune(folder: Path, keep: set[str], used_within: float, partials_for: float, *, dry: bool) -> Pruned:
    now = time.time()
    needed = _reachable(folder, keep | set(_used_since(folder, now - used_within) if used_within else ()))
    files, size, kept = 0, 0, 0
    for path in _all(folder):
        told = path.lstat()
        recent = path.parent.name == "ingest" and now - told.st_mtime < partials_for
        if recent or path.name.partition(".")[0] in needed:
            kept += 1
            continue
        if not dry:
            path.unlink(missing_ok=True)
        files += 1
        size += told.st_size if told.st_nlink == 1 else 0  # under another name it is still there
    for beside in (folder / _BESIDE).glob("*"):
        if beside.name not in needed and not dry:
            shutil.rmtree(beside)
    return Pruned(files, size, kept)


def _all(folder: Path) -> Iterator[Path]:
    """Blobs, and begun ones, and what killed processes have left; a name that begins with a dot is nobody's now."""
    for name in (*_BLOBS, "ingest"):
        if (folder / name).is_dir():
            yield from [path for path in (folder / name).iterdir() if not path.is_dir()]


def _used_since(folder: Path, since: float) -> Iterator[str]:
    """Digests of manifests and indexes that were read since then."""
    for algorithm in ("sha256", "sha512"):
        for path in (folder / algorithm).glob("[0-9a-f]*"):
            if path.stat().st_mtime >= since and _named_by(path):
                yield f"{algorithm}:{path.name}"


def _reachable(folder: Path, roots: Iterable[str]) -> set[str]:
    """Names of blobs that some roots consist of."""
    found: set[str] = set()
    waiting = [digest for digest in roots if is_digest(digest)]
    while waiting:
        algorithm, _, name = waiting.pop().partition(":")
        if name not in found:
            found.add(name)
            waiting.extend(_named_by(folder / algorithm / name))
    return found


def _named_by(path: Path) -> list[str]:
    """Digests that an index or a manifest names; none for anything else."""
    try:
        if path.stat().st_size > media.LARGEST_MANIFEST:
            return []
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    if not isinstance(document, dict) or "mediaType" not in document:
        return []
    parts = [*_list(document, "manifests"), *_list(document, "layers"), document.get("config")]
    digests = [part.get("digest") for part in parts if isinstance(part, dict)]
    return [digest for digest in digests if isinstance(digest, str) and is_digest(digest)]


def _list(document: dict[str, object], key: str) -> list[object]:
    found = document.get(key)
    return found if isinstance(found, list) else []
