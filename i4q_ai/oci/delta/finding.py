"""Older blobs in a cache that a new layer may share bytes with, and the chunk maps that a repository has."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError, NotFoundError, RegistryError, UnreachableError
from i4q_ai.oci import contents, media, reading, referrers
from i4q_ai.oci.delta.maps import ARTIFACT, LARGEST_MAP, MAP, OF, ChunkMap
from i4q_ai.oci.downloads.cache import BlobCache
from i4q_ai.oci.downloads.mirrors import Mirrors
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.source import Repository

_log = logging.getLogger(__name__)
_MOST_OLDER = 2
_MOST_REFERRERS = 3


@dataclass(frozen=True)
class OlderBlob:
    """A whole blob here that was the same file of another version.

    Args:
        layer: as its manifest lists it.
        artifact: digest of the index that it belongs to.
    """

    layer: Descriptor
    artifact: str


def older_blobs(cache: BlobCache, layer: Descriptor, artifact: str) -> list[OlderBlob]:
    """Blobs in a cache that may share bytes with a layer, the likeliest first.

    Args:
        cache: whose manifests say what its blobs are.
        layer: that is wanted; only files of the same path count. If it lies there damaged, that is the likeliest.
        artifact: digest of the index that it belongs to.
    """
    path = layer.annotations.get(media.FILE_PATH)
    if path is None:
        return []
    documents = _documents(cache.path(artifact).parent)
    title = _title(documents.get(artifact, {}))
    found: dict[str, tuple[bool, bool, float, OlderBlob]] = {}
    for digest, index in documents.items():
        for one in _layers(index, documents):
            there = _changed(cache, one) if one.annotations.get(media.FILE_PATH) == path else None
            if there is not None:
                rank = (one.digest == layer.digest, _title(index) == title, there, OlderBlob(one, digest))
                found[one.digest] = max(found.get(one.digest, rank), rank, key=lambda ranked: ranked[:3])
    ranked = sorted(found.values(), key=lambda rank: rank[:3], reverse=True)
    return [older for *_, older in ranked[:_MOST_OLDER]]


def _changed(cache: BlobCache, layer: Descriptor) -> float | None:
    """When the file of a blob was written; None if it is not there."""
    with cache.opened(layer) as there:
        return os.fstat(there.handle).st_mtime if there else None


def _documents(blobs: Path) -> dict[str, dict[str, Any]]:
    """Digest → index or manifest, of all that lie there."""
    found = {}
    for path in blobs.iterdir() if blobs.is_dir() else ():
        try:
            if path.stat().st_size > media.LARGEST_MANIFEST:
                continue
            with path.open("rb") as file:
                if file.read(1) != b"{":
                    continue
                document = json.loads(b"{" + file.read())
        except (OSError, ValueError, RecursionError):
            continue
        if isinstance(document, dict):
            found[f"sha256:{path.name}"] = document
    return found


def _title(index: dict[str, Any]) -> str | None:
    annotations = index.get("annotations")
    return annotations.get(media.TITLE) if isinstance(annotations, dict) else None


def _layers(index: dict[str, Any], documents: dict[str, dict[str, Any]]) -> list[Descriptor]:
    """The layers of an index; none for what is no index."""
    try:
        for item in index.get("manifests") or ():
            manifest = documents.get(Descriptor.parse(item, where="the cache").digest)
            if manifest:
                return contents.layers_of(manifest, where="the cache")
    except (I4qError, TypeError):
        _log.debug("the cache holds an index that is none of ours")
    return []


class Maps:
    """The chunk maps of an artifact's mirrors; what none of them has is not there.

    Args:
        mirrors: registries or layouts.
        deadline: of the whole job.
    """

    def __init__(self, mirrors: Mirrors, deadline: Deadline) -> None:
        self._mirrors, self._deadline = mirrors, deadline

    def of(self, layer: Descriptor, artifact: str) -> ChunkMap | None:
        """The map of a layer.

        Args:
            layer: as its manifest lists it.
            artifact: digest of the index that it belongs to.

        Raises:
            UnreachableError: no mirror can be asked.
        """
        unreachable: list[UnreachableError] = []
        sources = self._mirrors.sources
        for source in sources:
            try:
                found = self._find(cast("Repository", source), layer, artifact)
            except UnreachableError as error:
                unreachable.append(error)
            except (RegistryError, NotFoundError) as error:
                _log.info("%s gives no chunk map of %s: %s", source.name, layer.digest, error.what)
            else:
                if found is not None:
                    return found
        if len(unreachable) == len(sources):
            raise unreachable[0]
        return None

    def _find(self, repository: Repository, layer: Descriptor, artifact: str) -> ChunkMap | None:
        for listed in self._listed(repository, artifact):
            if listed.annotations.get(OF) == layer.digest and listed.media_type == MAP:
                raw = reading.blob(repository, listed, self._deadline, limit=LARGEST_MAP)
                found = ChunkMap.parse(raw, where=f"{repository.name}@{listed.digest}")
                if (found.blob, found.size) == (layer.digest, layer.size):
                    return found
        return None

    def _listed(self, repository: Repository, artifact: str) -> Iterator[Descriptor]:
        found = referrers.referrers(repository, artifact, ARTIFACT, deadline=self._deadline)
        for referrer in found[:_MOST_REFERRERS]:
            where = f"{repository.name}@{referrer.digest}"
            manifest = reading.manifest(repository, referrer.digest, self._deadline)
            if contents.subject_of(manifest) == artifact:
                for item in contents.listed(manifest, "layers", where=where):
                    yield Descriptor.parse(item, where=where)
