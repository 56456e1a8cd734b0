"""The other way to get a layer: from what an older version here shares with it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from i4q_ai.oci.delta import assembling, finding
from i4q_ai.oci.delta.finding import Maps, OlderBlob
from i4q_ai.oci.delta.maps import ChunkMap
from i4q_ai.oci.delta.publishing import SMALLEST
from i4q_ai.oci.downloads.cache import BlobCache
from i4q_ai.oci.downloads.ingesting import Assemble, Means
from i4q_ai.oci.downloads.mirrors import Mirrors
from i4q_ai.oci.downloads.staging import Staging
from i4q_ai.oci.media import Descriptor

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delta:
    """How the layers of one artifact are got, where older ones are here.

    Args:
        cache: that holds them.
        artifact: digest of the index.
    """

    cache: BlobCache
    artifact: str

    def way(self, layer: Descriptor, means: Means) -> Assemble | None:
        """The way to get a layer; None if a plain fetch is as good.

        Args:
            layer: as the manifest lists it.
            means: of the whole fetch.
        """
        if layer.size < SMALLEST:
            return None
        return lambda staging, mirrors: self._assemble(layer, staging, mirrors, means)

    def _assemble(self, layer: Descriptor, staging: Staging, mirrors: Mirrors, means: Means) -> int | None:
        older = finding.older_blobs(self.cache, layer, self.artifact)
        if not older and not staging.begun():
            return None
        maps = Maps(mirrors, means.deadline)
        chunks = maps.of(layer, self.artifact)
        if chunks is None:
            return None
        known = [maps.of(one.layer, one.artifact) for one in older]
        return self._from(older, known, assembling.Job(chunks, staging, mirrors, means))

    def _from(self, older: Sequence[OlderBlob], known: Sequence[ChunkMap | None], job: assembling.Job) -> int | None:
        with contextlib.ExitStack() as stack:
            opened = [
                (stack.enter_context(self.cache.opened(one.layer)), its) for one, its in zip(older, known, strict=True)
            ]
            saved = assembling.assemble(job, [(there, its) for there, its in opened if there is not None])
        if saved is not None:
            _log.info("%s: %d of its %d bytes were here", job.staging.blob.digest, saved, job.staging.blob.size)
        return saved
