"""Which repositories of a registry hold a blob, as far as this user has put it there: where it can be mounted from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from i4q_ai.packing import digests

SMALLEST = 64 * 1024
"""Bytes from which on a blob is worth remembering."""


def of(registry: str, repository: str, blobs: Iterable[str]) -> Mapping[str, str]:
    """Digest → another repository that should have the blob.

    Args:
        registry: URL of it.
        repository: where the blobs are wanted.
        blobs: their digests.
    """
    blobs = list(blobs)
    found = digests.known().look_up(_key(registry, digest) for digest in blobs)
    there = {digest: found.get(_key(registry, digest)) for digest in blobs}
    return {digest: other for digest, other in there.items() if other and other != repository}


def remember(registry: str, repository: str, blobs: Iterable[str]) -> None:
    """These blobs are there now."""
    digests.known().remember({_key(registry, digest): repository for digest in blobs})


def _key(registry: str, digest: str) -> str:
    return f"blob:{registry}:{digest}"
