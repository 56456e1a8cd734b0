"""A file that becomes a blob: hidden, maybe begun by an earlier run, seen by nobody before it is verified.

A tar of one file is staged as that file alone, since all else in it is known beforehand: what is written once is then
both the blob and the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from i4q_ai.oci.disk import storage_errors
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.tarring import CHUNK


class OtherFrameError(Exception):
    """The bytes around the file are not the ones that were expected: the blob must be staged as it is."""


@dataclass(frozen=True)
class Frame:
    """What stands before and after the bytes that are written.

    Args:
        head, tail: of the blob; not in the file.
    """

    head: bytes = b""
    tail: bytes = b""


class Staging:
    """The open file of one blob; all positions are of the blob.

    Args:
        handle: of the file, locked by us.
        blob: which.
        frame: what of it is not in the file.
    """

    def __init__(self, handle: int, blob: Descriptor, frame: Frame | None = None) -> None:
        self.handle, self.blob = handle, blob
        self.frame = frame or Frame()
        self.begin = len(self.frame.head)
        self.end = blob.size - len(self.frame.tail)

    def begun(self) -> int:
        """How many bytes of the blob are there, from its beginning on."""
        size = os.fstat(self.handle).st_size
        if size > self.end - self.begin or (not size and self.begin < self.end):
            return 0
        return self.blob.size if self.begin + size == self.end else self.begin + size

    def cut(self, at: int) -> None:
        """Forget all from a position on."""
        with storage_errors(f"blob {self.blob.digest}"):
            os.ftruncate(self.handle, min(max(at - self.begin, 0), self.end - self.begin))

    def write(self, at: int, data: memoryview) -> None:
        """Write some bytes at their place.

        Raises:
            OtherFrameError: those that are not in the file are not what they should be.
            StorageError: no room or no right to write.
        """
        stop = at + len(data)
        if at < self.begin or stop > self.end:
            for part, start in ((self.frame.head, 0), (self.frame.tail, self.end)):
                low, high = max(at, start), min(stop, start + len(part))
                if low < high and data[low - at : high - at] != part[low - start : high - start]:
                    raise OtherFrameError
            low, high = max(at, self.begin), min(stop, self.end)
            if low >= high:
                return
            data, at = data[low - at : high - at], low
        with storage_errors(f"blob {self.blob.digest}"):
            while data:
                written = os.pwrite(self.handle, data, at - self.begin)
                data, at = data[written:], at + written

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """The bytes of a stretch that is there."""
        for part, begin in ((self.frame.head, 0), (None, self.begin), (self.frame.tail, self.end)):
            end = self.end if part is None else begin + len(part)
            low, high = max(start, begin), min(stop, end)
            if part is not None and low < high:
                yield part[low - begin : high - begin]
            while part is None and low < high:
                with storage_errors(f"blob {self.blob.digest}"):
                    piece = os.pread(self.handle, min(CHUNK, high - low), low - self.begin)
                if not piece:
                    raise EOFError(f"the file of {self.blob.digest} ends too soon")
                yield piece
                low += len(piece)

    def sync(self) -> None:
        """Make it stay after a power cut."""
        with storage_errors(f"blob {self.blob.digest}"):
            os.fsync(self.handle)
