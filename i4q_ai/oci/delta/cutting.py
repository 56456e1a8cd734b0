"""Where a layer is cut: at its tensors, which are cut evenly inside; elsewhere where the content asks for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from i4q_ai.oci.delta import gear
from i4q_ai.oci.delta.gear import Candidate, Readable
from i4q_ai.oci.delta.tensors import Region

SMALLEST, LARGEST = 16 * 1024, 1024 * 1024
_CHUNKS = 922
"""At least so many, if they can be: sizes around a power of two, of which there are many, are all cut alike."""
_MOST = 1 << 16
_DENSE = 16
"""How many candidates there are, on average, in a chunk of mean length: one of them is clearly the rarest."""


def average(size: int) -> int:
    """The length that chunks of a blob should have: a power of two, so that versions of nearly one size agree.

    Args:
        size: of the blob.

    Example:
        >>> [average(size << 20) >> 10 for size in (1, 64, 1024, 8192)]
        [16, 64, 1024, 1024]
    """
    wanted = SMALLEST
    while wanted * 2 * _CHUNKS <= size and (wanted < LARGEST or wanted * _MOST < size):
        wanted *= 2
    return wanted


def cuts(
    stream: Readable, size: int, *, mean: int, tensors: Sequence[Region] = (), check: Callable[[], None]
) -> Iterator[int]:
    """Lengths of the chunks of a stream.

    At each yield the stream stands at the end of the chunk or after it; what of a chunk has not been read by then is
    the caller's to read, so that one reading is enough to hash as well.

    Args:
        stream: at its beginning.
        size: in bytes.
        mean: the length that chunks should have.
        tensors: where it must be cut, in order, none over another.
        check: called now and then; raises to give up.
    """
    at = 0
    for begin, end in (*tensors, (size, size)):
        if begin > at and gear.available():
            yield from _content(stream, begin - at, mean, check)
        else:
            yield from even(begin - at, mean)
        yield from even(end - begin, mean)
        at = end
        check()


def manner(mean: int, *, tensors: bool) -> str:
    """How `cuts` cuts, in a word: maps of one manner share what their blobs share.

    Example:
        >>> manner(65536, tensors=True).startswith("tensors+")
        True
    """
    elsewhere = "content" if gear.available() else "even"
    return f"{'tensors+' if tensors else ''}{elsewhere}/{mean}"


def even(length: int, mean: int) -> list[int]:
    """Equal lengths; the last takes a small rest along.

    Example:
        >>> even(10, 4), even(9, 4), even(3, 4), even(0, 4)
        ([4, 4, 2], [4, 5], [3], [])
    """
    if length == 0:
        return []
    whole, rest = divmod(length, mean)
    lengths = [mean] * whole
    if lengths and rest < mean // 2:
        lengths[-1] += rest
    elif rest:
        lengths.append(rest)
    return lengths


def _content(stream: Readable, length: int, mean: int, check: Callable[[], None]) -> Iterator[int]:
    """Lengths by content, none longer than four times the mean."""
    longest, last = mean * 4, 0
    peaks = _Peaks(mean * 3 // 8)
    for read, found in gear.places(stream, length, max(mean // _DENSE, 2)):
        check()
        for place in (*peaks.after(found), *peaks.until(read)):
            yield from _apart(place - last, longest)
            last = place
        while min(read, peaks.undecided) - last > longest:
            yield longest
            last += longest
    for place in peaks.until(length + peaks.radius):
        yield from _apart(place - last, longest)
        last = place
    yield from _apart(length - last, longest)


def _apart(length: int, longest: int) -> Iterator[int]:
    while length > longest:
        yield longest
        length -= longest
    if length:
        yield length


class _Peaks:
    """Candidates that are the rarest within a radius: a change moves no cut that is further away than that.

    Args:
        radius: bytes on either side; of equals the first counts.
    """

    def __init__(self, radius: int) -> None:
        self.radius = radius
        self._rarest: deque[tuple[int, int]] = deque()  # ever less rare; the first has nothing rarer before it
        self._first_counts = False

    @property
    def undecided(self) -> float:
        """The first place that may yet turn out to be one."""
        return self._rarest[0][0] if self._first_counts else float("inf")

    def after(self, found: Sequence[Candidate]) -> Iterator[int]:
        """What is decided by more candidates."""
        for place, value in found:
            yield from self.until(place - 1)
            while self._rarest and self._rarest[-1][1] > value:
                self._rarest.pop()
            if not self._rarest:
                self._first_counts = True
            self._rarest.append((place, value))

    def until(self, read: int) -> Iterator[int]:
        """What is decided by there being no more candidates up to a place."""
        while self._rarest and self._rarest[0][0] + self.radius <= read:
            place, _ = self._rarest.popleft()
            if self._first_counts:
                yield place
            self._first_counts = False
