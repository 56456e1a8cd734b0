"""What of a new blob lies in older files here, and which ranges must travel. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from i4q_ai.oci.delta.maps import Chunk, ChunkMap

MOST_RANGES = 256
LONGEST_RANGE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Place:
    """Where a chunk may lie; whoever takes it from there hashes it.

    Args:
        file: number of the older file.
        offset: in it.
    """

    file: int
    offset: int


@dataclass(frozen=True)
class Older:
    """An older file, as far as planning knows it.

    Args:
        size: in bytes.
        chunks: its map, if there is one.
    """

    size: int
    chunks: ChunkMap | None = None


def places(new: ChunkMap, older: Sequence[Older]) -> list[Place | None]:
    """For each chunk of the new blob where it may be taken from; None if it must travel.

    What an older map lists by the same sum is there. Where an older file has no map, or was cut in another way, the
    chunk may lie where the one before it would go on.

    Args:
        new: the map of the new blob.
        older: files here, the likeliest first.
    """
    listed = _listed(older)
    found: list[Place | None] = []
    file, shift = 0, 0
    for chunk in new:
        options = listed.get((chunk.sha256, chunk.length))
        going_on = Place(file, chunk.offset + shift)
        if options:
            place = going_on if going_on in options else next(iter(options))
            file, shift = place.file, place.offset - chunk.offset
            found.append(place)
        elif older and _may_go_on(new, older[file], chunk, going_on):
            found.append(going_on)
        else:
            found.append(None)
    return found


def _listed(older: Sequence[Older]) -> dict[tuple[bytes, int], dict[Place, None]]:
    listed: dict[tuple[bytes, int], dict[Place, None]] = {}
    for number, file in enumerate(older):
        for chunk in file.chunks or ():
            listed.setdefault((chunk.sha256, chunk.length), {})[Place(number, chunk.offset)] = None
    return listed


def _may_go_on(new: ChunkMap, older: Older, chunk: Chunk, place: Place) -> bool:
    cut_alike = older.chunks is not None and older.chunks.cut == new.cut
    return not cut_alike and place.offset >= 0 and place.offset + chunk.length <= older.size


@dataclass(frozen=True)
class Range:
    """Neighbouring chunks that travel together.

    Args:
        chunks: end to end.
    """

    chunks: tuple[Chunk, ...]

    @property
    def begin(self) -> int:
        """Offset of the first byte."""
        return self.chunks[0].offset

    @property
    def end(self) -> int:
        """Offset after the last byte."""
        return self.chunks[-1].end

    @property
    def length(self) -> int:
        """In bytes."""
        return self.end - self.begin


def ranges(new: ChunkMap, missing: Iterable[int], *, at_most: int = MOST_RANGES) -> list[Range]:
    """What to ask for: neighbours merged, too many merged over the smallest gaps, long ones halved.

    Args:
        new: the map of the new blob.
        missing: numbers of the chunks that must travel, in order.
        at_most: so many, before long ones are divided.
    """
    chunks = list(new)
    wanted = sorted(missing)
    gaps = [(chunks[b].offset - chunks[a].end, a) for a, b in itertools.pairwise(wanted) if b > a + 1]
    bridged = {after for _, after in sorted(gaps)[: max(len(gaps) + 1 - at_most, 0)]}
    groups: list[list[Chunk]] = []
    last = -2
    for number in wanted:
        if number == last + 1 or last in bridged:
            groups[-1] += chunks[last + 1 : number + 1]
        else:
            groups.append([chunks[number]])
        last = number
    return [part for group in groups for part in _divided(group)]


def _divided(group: Sequence[Chunk]) -> list[Range]:
    parts: list[list[Chunk]] = [[]]
    for chunk in group:
        if parts[-1] and chunk.end - parts[-1][0].offset > LONGEST_RANGE:
            parts.append([])
        parts[-1].append(chunk)
    return [Range(tuple(part)) for part in parts]
