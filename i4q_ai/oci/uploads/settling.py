"""Digests of layers, with as little reading as what is known from before allows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from i4q_ai.deadline import Deadline
from i4q_ai.oci.tarring import Entry, Tar, checked
from i4q_ai.packing import digests
from i4q_ai.packing.digests import Stamp


def settle(tars: Sequence[Tar], deadline: Deadline) -> None:
    """Find the digest of each tar, and make sure that its files are what its entries say.

    A file is read if nobody knows what it is or nobody has hashed this tar before; once for both.

    Args:
        tars: layers, with all their files here.
        deadline: for reading.

    Raises:
        NotFoundError, StorageError: a file cannot be read.
        ConflictError: a file is not what it was when it was packed.
    """
    kept = digests.known()
    stamps = {place: digests.stamp_of(place) for tar in tars for place in tar.places}
    seen = kept.look_up([*(stamp.key for stamp in stamps.values()), *(tar.key for tar in tars)])
    new: dict[str, str] = {}
    for tar in tars:
        begun = time.time_ns()
        trusted = [entry.content for entry in tar.entries if _is_known(entry, stamps, seen)]
        digest = seen.get(tar.key)
        if digest is None:
            digest = tar.hash(deadline.check, trusted)
            new[tar.key] = digest
        else:
            _read_others(tar, trusted, deadline)
        new |= _worth_keeping(tar, stamps, trusted, begun)
        tar.adopt(digest, stamps)
    kept.remember(new)


def _is_known(entry: Entry, stamps: Mapping[Path, Stamp], seen: Mapping[str, str]) -> bool:
    if isinstance(entry.content, bytes):
        return False
    stamp = stamps[entry.content]
    return stamp.size == entry.size and seen.get(stamp.key) == entry.sha256


def _read_others(tar: Tar, trusted: Sequence[Path | bytes], deadline: Deadline) -> None:
    for entry in tar.entries:
        if entry.content not in trusted:
            for _ in checked(entry):
                deadline.check()


def _worth_keeping(
    tar: Tar, stamps: Mapping[Path, Stamp], trusted: Sequence[Path | bytes], begun: int
) -> dict[str, str]:
    """What reading has shown."""
    return {
        stamps[entry.content].key: entry.sha256
        for entry in tar.entries
        if isinstance(entry.content, Path) and entry.content not in trusted and stamps[entry.content].settled(begun)
    }
