"""Chunk maps beside an artifact: one referrer for all its large layers."""

from __future__ import annotations

import logging

from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError
from i4q_ai.oci import referrers
from i4q_ai.oci.artifact import Artifact, Bytes
from i4q_ai.oci.delta import making
from i4q_ai.oci.delta.maps import ARTIFACT, MAP, OF
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.source import Repository
from i4q_ai.oci.tarring import Tar

_log = logging.getLogger(__name__)

SMALLEST = 1024 * 1024
"""Bytes of a layer for which a map is worth its requests."""


def publish(repository: Repository, artifact: Artifact, deadline: Deadline) -> bool:
    """Attach the chunk maps of an artifact's large layers, unless somebody has.

    Without them everything works, only slower: a failure is told to the log and to nobody else.

    Args:
        repository: that holds the artifact.
        artifact: with its files here; they are read once more.
        deadline: for all of it.

    Returns:
        Whether maps are there now.
    """
    layers = [blob for blob in artifact.blobs if isinstance(blob, Tar) and blob.size >= SMALLEST]
    if not layers:
        return False
    try:
        if not referrers.referrers(repository, artifact.digest, ARTIFACT, deadline=deadline):
            _attach(repository, artifact, layers, deadline)
    except I4qError as error:
        _log.warning("%s has no chunk maps; who has an older version fetches all of it: %s", artifact.name, error)
        return False
    return True


def _attach(repository: Repository, artifact: Artifact, layers: list[Tar], deadline: Deadline) -> None:
    made = []
    for layer in layers:
        raw = making.make(layer, deadline.check).dump()
        made.append((Descriptor.of(MAP, raw, annotations={OF: layer.digest}), Bytes(raw)))
    referrers.attach_blobs(repository, artifact.index[0], made, artifact_type=ARTIFACT, deadline=deadline)
