"""How a registry wants large blobs: what its host tells, where it cannot be found out by asking."""

from __future__ import annotations

CHUNK = 64 * 1024 * 1024
"""Blobs up to this size go in one request; larger ones in chunks of it, so that a cut loses no more."""

_ONE_REQUEST = ("ghcr.io", "gcr.io", "pkg.dev", "amazonaws.com", "amazonaws.com.cn", "public.ecr.aws")


def takes_chunks(host: str) -> bool:
    """Whether a registry takes a blob in several requests.

    Args:
        host: `host[:port]`.

    Example:
        >>> takes_chunks("registry.factory:5000"), takes_chunks("europe-docker.pkg.dev"), takes_chunks("notghcr.io")
        (True, False, True)
    """
    name = host.rpartition("]")[0] or host.partition(":")[0]
    return not any(name.lower() == one or name.lower().endswith(f".{one}") for one in _ONE_REQUEST)


def chunk_size(smallest: str | None) -> int:
    """Bytes of a chunk.

    Args:
        smallest: the registry's `OCI-Chunk-Min-Length`.

    Example:
        >>> chunk_size(None) == chunk_size("1024") == chunk_size("nonsense") == CHUNK, chunk_size("100000000")
        (True, 100000000)
    """
    return max(CHUNK, int(smallest)) if smallest and smallest.isascii() and smallest.isdigit() else CHUNK
