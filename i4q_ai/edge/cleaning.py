"""Deleting downloaded bytes that no kept version needs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from i4q_ai.errors import ConflictError


def clean(blobs: Path, kept: Iterable[str]) -> int:
    """Delete blobs that no kept version consists of, and begun ones of others that are a week old.

    Args:
        blobs: the cache of `i4q_ai.oci.fetch`; where something is being fetched into it, nothing is deleted.
        kept: digests of versions that may be needed again.

    Returns:
        How many files are gone.

    Raises:
        StorageError: something cannot be deleted.
    """
    from i4q_ai.oci.downloads import pruning

    try:
        return pruning.prune(blobs, kept).files
    except ConflictError:  # by somebody else than the agent, which waits for its own; the next time will do
        return 0
