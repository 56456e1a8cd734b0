"""What a new version of a file would cost who has an older one, asked before anything is pushed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from i4q_ai.errors import NotFoundError, StorageError
from i4q_ai.oci.delta import making, planning
from i4q_ai.oci.delta.maps import ChunkMap
from i4q_ai.oci.delta.planning import Older
from i4q_ai.oci.tarring import Entry, Tar


def travels(new: Path | str, *, older: Path | str) -> int:
    """Bytes of a file that travel to who has an older version of it; reads both.

    Args:
        new: the file.
        older: the same file of an older version.

    Raises:
        NotFoundError: one is not there.
        StorageError: one cannot be read.
    """
    before, after = _map(Path(older)), _map(Path(new))
    found = planning.places(after, [Older(before.size, before)])
    missing = [number for number, place in enumerate(found) if place is None]
    return sum(one.length for one in planning.ranges(after, missing))


def _map(path: Path) -> ChunkMap:
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}") from error
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error.strerror}") from error
    return making.make(Tar((Entry(f"models/{path.name}", size, sha256, path),)), lambda: None)
