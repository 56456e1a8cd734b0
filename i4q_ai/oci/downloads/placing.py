"""Layers to the files of a folder that nobody sees yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from i4q_ai.errors import IntegrityError
from i4q_ai.model import File, Model
from i4q_ai.oci import media
from i4q_ai.oci.artifact import folder_of, mode_of
from i4q_ai.oci.downloads import extracting, framing
from i4q_ai.oci.downloads.cache import BlobCache
from i4q_ai.oci.downloads.ingesting import Assemble, Means
from i4q_ai.oci.downloads.mirrors import Mirrors
from i4q_ai.oci.downloads.staging import Frame
from i4q_ai.oci.media import Descriptor
from i4q_ai.workload import Workload

Assembling = Callable[[Descriptor, Means], Assemble | None]
"""The other way to fill a layer; None if there is none for it."""
_WRITABLE = 0o222


class RottenError(IntegrityError):
    """What lay in the cache was no good, and is gone; with an empty folder, another try fetches it."""


@dataclass(frozen=True)
class Part:
    """A layer, and what is known of it before it comes.

    Args:
        layer: as the manifest lists it.
        file: the only one in it, if it says so.
        frame: what must stand around that file, if it is worth to store it without.
    """

    layer: Descriptor
    file: File | None = None
    frame: Frame | None = None


def parts_of(layers: Iterable[Descriptor], thing: Model | Workload) -> list[Part]:
    """The layers of a thing, the largest first, so that the small ones fill the gaps.

    Args:
        layers: without that of `i4q.json`.
        thing: what they should hold.
    """
    files = {file.path: file for file in thing.files}
    kind = type(thing).__name__
    parts = []
    for layer in layers:
        file = files.get(layer.annotations.get(media.FILE_PATH, ""))
        parts.append(Part(layer, file, framing.frame_of(layer, file, kind=kind) if file else None))
    return sorted(parts, key=lambda part: -part.layer.size)


@dataclass(frozen=True)
class Placing:
    """Puts layers into a folder, fetching what is not there; for several threads.

    Args:
        cache: of blobs.
        mirrors: to fetch from.
        into: the folder; nobody else writes to it.
        kind: of the thing: Model or Workload.
        expected: path → what the file must be.
        where: the reference, for errors.
        shared: the cache keeps what is placed, so that a large file is there twice by name only.
        assembling: another way to get a layer than to fetch it whole.
    """

    cache: BlobCache
    mirrors: Mirrors
    into: Path
    kind: str
    expected: Mapping[str, File]
    where: str
    shared: bool
    assembling: Assembling | None = None

    def place(self, part: Part, means: Means) -> list[str]:
        """Write the files of a layer; the paths that are there now.

        Raises:
            RottenError: the cache held other bytes than it should.
            IntegrityError: the layer does not hold what was announced.
            RegistryError, UnreachableError, NotFoundError: it cannot be had.
            StorageError: no room or no right to write.
        """
        # A layer that lies here as a whole is not fetched again just to be stored otherwise.
        local = self.cache.has(part.layer) or any(self.mirrors.local(part.layer))
        if part.file is not None and part.frame is not None and not local:
            placed = self._place_file(part.layer, part.file, part.frame, means)
            if placed is not None:
                return placed
        had = self.cache.has(part.layer)
        try:
            return self._extract(part.layer, means)
        except IntegrityError as error:
            if self.cache.is_right(part.layer):
                raise
            self.cache.drop(part.layer)
            if not had:
                raise
            raise RottenError(f"{self.where}: blob {part.layer.digest} has rotten in the cache") from error

    def _place_file(self, layer: Descriptor, file: File, frame: Frame, means: Means) -> list[str] | None:
        mode = mode_of(self.kind)
        if self.shared:
            mode &= ~_WRITABLE  # one slip would spoil it for all versions that have it
        assemble = self.assembling(layer, means) if self.assembling else None
        path = self.cache.file(layer, frame, file, self.mirrors, means, mode=mode, assemble=assemble)
        if path is None:
            return None
        extracting.link(path, self.into, file, mode=mode, where=self.where)
        return [file.path]

    def _extract(self, layer: Descriptor, means: Means) -> list[str]:
        assemble = self.assembling(layer, means) if self.assembling else None
        path = self.cache.blob(layer, self.mirrors, means, assemble=assemble)
        means.deadline.check()
        return extracting.extract(
            path, self.into, folder=folder_of(self.kind), expected=self.expected, where=self.where
        )
