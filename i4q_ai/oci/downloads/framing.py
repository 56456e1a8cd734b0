"""What stands around the only file in a layer, known before a byte of it has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from i4q_ai.errors import I4qError
from i4q_ai.oci import media
from i4q_ai.oci.artifact import folder_of, mode_of
from i4q_ai.oci.downloads.staging import Frame
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.tarring import Entry, Tar

if TYPE_CHECKING:
    from i4q_ai.model import File

SMALLEST = 4 * 1024 * 1024
"""Bytes of a file that is worth it: smaller ones are cheap to write twice."""


def frame_of(layer: Descriptor, file: File, *, kind: str) -> Frame | None:
    """The bytes around a file in a layer, if the layer is what we would have made of it.

    Whether they are so is known when they come; this only says what they would be.

    Args:
        layer: by its size.
        file: in it.
        kind: of the thing: Model or Workload.

    Returns:
        None if the layer must be something else, or the file is small.
    """
    if file.size < SMALLEST:
        return None
    tar = Tar((Entry(f"{folder_of(kind)}/{file.path}", file.size, file.sha256, b""),), mode_of(kind))
    if tar.size != layer.size:
        return None
    parts = list(tar.parts())
    middle = next(number for number, part in enumerate(parts) if isinstance(part, Entry))
    return Frame(_joined(parts[:middle]), _joined(parts[middle + 1 :]))


def kept_frame(layer: Descriptor, size: int, mode: int) -> Frame | None:
    """The bytes around the file that is kept of a layer.

    Args:
        layer: as its manifest lists it, with annotations.
        size: of the file.
        mode: of the file.
    """
    from i4q_ai.model import File

    path = layer.annotations.get(media.FILE_PATH)
    sha256 = layer.annotations.get(media.FILE_SHA256)
    if path is None or sha256 is None:
        return None
    kind = next(kind for kind in ("Workload", "Model") if mode & 0o111 == mode_of(kind) & 0o111)
    try:
        return frame_of(layer, File(path=path, size=size, sha256=sha256), kind=kind)
    except I4qError:
        return None


def _joined(parts: Sequence[bytes | Entry]) -> bytes:
    return b"".join(part for part in parts if isinstance(part, bytes))
