"""Chunk maps beside an artifact: made while it is sent, then one referrer for all its large layers."""

from __future__ import annotations

import logging
import threading
from typing import Self

from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError
from i4q_ai.oci import referrers
from i4q_ai.oci.artifact import Artifact, Bytes
from i4q_ai.oci.delta import making
from i4q_ai.oci.delta.maps import ARTIFACT, MAP, OF, ChunkMap
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.source import Repository
from i4q_ai.oci.tarring import Tar

_log = logging.getLogger(__name__)

SMALLEST = 1024 * 1024
"""Bytes of a layer for which a map is worth its requests."""


class Publishing:
    """The chunk maps of an artifact's large layers, made by a thread while something else goes on.

    Without them everything works, only slower: a failure is told to the log and to nobody else.

    Args:
        artifact: whose digests are known, with its files here; they are read once more.
        deadline: for all of it.
    """

    def __init__(self, artifact: Artifact, deadline: Deadline) -> None:
        self._artifact, self._deadline = artifact, deadline
        self._layers = [blob for blob in artifact.blobs if isinstance(blob, Tar) and blob.size >= SMALLEST]
        self._made: list[ChunkMap] = []
        self._failure: Exception | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._make, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def attach(self, repository: Repository) -> bool:
        """Attach the maps, unless somebody has.

        Args:
            repository: that holds the artifact by now.

        Returns:
            Whether maps are there now.
        """
        if not self._layers:
            return False
        try:
            if not referrers.referrers(repository, self._artifact.digest, ARTIFACT, deadline=self._deadline):
                self._attach(repository)
        except I4qError as error:
            name = self._artifact.name
            _log.warning("%s has no chunk maps; who has an older version fetches all of it: %s", name, error)
            return False
        return True

    def _attach(self, repository: Repository) -> None:
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        layers = []
        for one in self._made:
            raw = one.dump()
            layers.append((Descriptor.of(MAP, raw, annotations={OF: one.blob}), Bytes(raw)))
        subject = self._artifact.index[0]
        referrers.attach_blobs(repository, subject, layers, artifact_type=ARTIFACT, deadline=self._deadline)

    def _make(self) -> None:
        try:
            for layer in self._layers:
                self._made.append(making.make(layer, self._check))
        except Exception as error:
            self._failure = error  # raised where the maps are asked for

    def _check(self) -> None:
        if self._over.is_set():
            raise _OverError
        self._deadline.check()


class _OverError(Exception):
    """Nobody wants the maps any more."""
