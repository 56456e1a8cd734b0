"""Older files in a cache that a new layer may share bytes with, and the chunk maps that a repository has."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError
from i4q_ai.oci import contents, media, reading, referrers
from i4q_ai.oci.delta.maps import ARTIFACT, LARGEST_MAP, MAP, OF, ChunkMap
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.source import Repository

_log = logging.getLogger(__name__)
_MOST_OLDER = 3
_MOST_REFERRERS = 3


@dataclass(frozen=True)
class OlderFile:
    """A whole blob here that was the same file of another version.

    Args:
        path: where it lies.
        layer: what its manifest says of it.
        artifact: digest of the index that it belongs to.
    """

    path: Path
    layer: Descriptor
    artifact: str


def older_files(blobs: Path, layer: Descriptor, artifact: str) -> list[OlderFile]:
    """Blobs in a cache that may share bytes with a layer, the likeliest first.

    Args:
        blobs: the folder with a file per blob, named after its digest.
        layer: that is wanted; only files of the same path count.
        artifact: digest of the index that it belongs to.
    """
    path = layer.annotations.get(media.FILE_PATH)
    if path is None:
        return []
    documents = _documents(blobs)
    title = _title(documents.get(artifact, {}))
    found: dict[str, tuple[bool, float, OlderFile]] = {}
    for digest, index in documents.items():
        for one in _layers(index, documents):
            file = blobs / one.digest.partition(":")[2]
            if one.annotations.get(media.FILE_PATH) == path and one.digest != layer.digest and _is_whole(file, one):
                rank = (_title(index) == title, file.stat().st_mtime, OlderFile(file, one, digest))
                found[one.digest] = max(found.get(one.digest, rank), rank, key=lambda ranked: ranked[:2])
    ranked = sorted(found.values(), key=lambda rank: rank[:2], reverse=True)
    return [older for _, _, older in ranked[:_MOST_OLDER]]


def _is_whole(file: Path, layer: Descriptor) -> bool:
    return file.is_file() and file.stat().st_size == layer.size


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
    """The chunk maps of a repository; what cannot be had is not there.

    Args:
        repository: a registry or layout.
        deadline: of the whole job.
    """

    def __init__(self, repository: Repository, deadline: Deadline) -> None:
        self._repository, self._deadline = repository, deadline
        self._listed: dict[str, list[Descriptor]] = {}

    def of(self, layer: Descriptor, artifact: str) -> ChunkMap | None:
        """The map of a layer.

        Args:
            layer: as its manifest lists it.
            artifact: digest of the index that it belongs to.
        """
        try:
            return self._find(layer, artifact)
        except I4qError as error:
            self._deadline.check()
            _log.info("%s gives no chunk map of %s: %s", self._repository.name, layer.digest, error.what)
            return None

    def _find(self, layer: Descriptor, artifact: str) -> ChunkMap | None:
        for listed in self._maps(artifact):
            if listed.annotations.get(OF) == layer.digest and listed.media_type == MAP:
                raw = reading.blob(self._repository, listed, self._deadline, limit=LARGEST_MAP)
                found = ChunkMap.parse(raw, where=f"{self._repository.name}@{listed.digest}")
                if (found.blob, found.size) == (layer.digest, layer.size):
                    return found
        return None

    def _maps(self, artifact: str) -> list[Descriptor]:
        if artifact not in self._listed:
            self._listed[artifact] = []
            found = referrers.referrers(self._repository, artifact, ARTIFACT, deadline=self._deadline)
            for referrer in found[:_MOST_REFERRERS]:
                self._listed[artifact] += self._layers(referrer, artifact)
        return self._listed[artifact]

    def _layers(self, referrer: Descriptor, artifact: str) -> list[Descriptor]:
        where = f"{self._repository.name}@{referrer.digest}"
        manifest = reading.manifest(self._repository, referrer.digest, self._deadline)
        if contents.subject_of(manifest) != artifact:
            return []
        return [Descriptor.parse(item, where=where) for item in contents.listed(manifest, "layers", where=where)]
