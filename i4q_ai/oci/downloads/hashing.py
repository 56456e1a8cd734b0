"""Bytes pass through a ring of buffers: one thread fills and writes them, others hash them meanwhile.

hashlib lets go of the interpreter while it hashes, so that a pull costs about the slower of the two, not their sum.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Self

from i4q_ai.oci import media

if TYPE_CHECKING:
    import hashlib

BUFFERS = 4
LARGEST_BUFFER = 4 * 1024 * 1024
SMALLEST_BUFFER = 64 * 1024
_Done = Callable[[], None]


class Hasher:
    """A hash that is fed in order; what is fed is hashed by a thread of its own, unless it is small.

    Args:
        digest: what is hoped for; only its algorithm matters.
        before: hashed first, by the thread: a beginning that lies on the disk already.
        threaded: False for what takes less time than a thread.
    """

    def __init__(self, digest: str, before: Iterable[bytes] = (), *, threaded: bool = True) -> None:
        self._algorithm = digest.partition(":")[0]
        self._hash: hashlib._Hash = media.hasher(digest)
        self._waiting: queue.SimpleQueue[tuple[memoryview, _Done] | None] = queue.SimpleQueue()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._work, args=(before,), daemon=True) if threaded else None
        if self._thread:
            self._thread.start()
        else:
            self._feed_all(before)

    def feed(self, view: memoryview, done: _Done) -> None:
        """Hash some bytes, soon.

        Args:
            view: stays as it is until it is hashed.
            done: called then, from any thread.
        """
        if self._thread:
            self._waiting.put((view, done))
        else:
            self._hash.update(view)
            done()

    def digest(self) -> str:
        """`sha256:…` of all that was fed; there is no more to come."""
        self.close()
        if self._failure:
            raise self._failure
        return f"{self._algorithm}:{self._hash.hexdigest()}"

    def close(self) -> None:
        """End the thread, once it has hashed what it was fed."""
        if self._thread:
            self._waiting.put(None)
            self._thread.join()
            self._thread = None

    def _work(self, before: Iterable[bytes]) -> None:
        try:
            self._feed_all(before)
        except Exception as error:
            self._failure = error  # raised where the digest is asked for; buffers are given back as ever
        while (fed := self._waiting.get()) is not None:
            view, done = fed
            if not self._failure:
                self._hash.update(view)
            view.release()
            done()

    def _feed_all(self, before: Iterable[bytes]) -> None:
        for piece in before:
            self._hash.update(piece)


class Ring:
    """Four buffers that go round: taken, filled, given to hashers, and free again when all have read them.

    Args:
        size: of each, in bytes.
    """

    def __init__(self, size: int) -> None:
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        self._unmade = BUFFERS
        self._size = size

    def take(self) -> bytearray:
        """A free buffer; waits for the hashers if there is none."""
        if self._unmade and self._free.empty():
            self._unmade -= 1
            return bytearray(self._size)
        return self._free.get()

    def give(self, buffer: bytearray, parts: Sequence[tuple[Hasher, int, int]]) -> None:
        """Let hashers read a buffer, each its part of it.

        Args:
            buffer: as `take` gave it.
            parts: hasher, from, to.
        """
        loan = _Loan(len(parts), lambda: self._free.put(buffer))
        whole = memoryview(buffer)
        for hasher, start, end in parts:
            hasher.feed(whole[start:end], loan.back)
        if not parts:
            self._free.put(buffer)


class _Loan:
    def __init__(self, readers: int, free: _Done) -> None:
        self._left, self._free, self._lock = readers, free, threading.Lock()

    def back(self) -> None:
        with self._lock:
            self._left -= 1
            last = self._left == 0
        if last:
            self._free()


def buffer_size(size: int, at_most: int = LARGEST_BUFFER) -> int:
    """Of each of four buffers, for a blob of some size.

    Example:
        >>> buffer_size(10), buffer_size(1024**2), buffer_size(1024**3)
        (65536, 262144, 4194304)
    """
    return max(SMALLEST_BUFFER, min(at_most, size // BUFFERS))


class Hashes:
    """Some hashers over different stretches of one stream, and how far they were fed.

    Args:
        stretches: hasher, where it begins and ends in the stream.
        at: how far they are.
    """

    def __init__(self, stretches: Sequence[tuple[Hasher, int, int]], at: int) -> None:
        self._stretches = stretches
        self.at = at

    def give(self, ring: Ring, buffer: bytearray, count: int) -> None:
        """Feed the first bytes of a buffer, which goes back to its ring."""
        parts = []
        for hasher, begin, end in self._stretches:
            start, stop = max(begin - self.at, 0), min(end - self.at, count)
            if start < stop:
                parts.append((hasher, start, stop))
        self.at += count
        ring.give(buffer, parts)

    def digests(self) -> list[str]:
        """Of each stretch; there is no more to come."""
        return [hasher.digest() for hasher, _, _ in self._stretches]

    def close(self) -> None:
        """End the threads."""
        for hasher, _, _ in self._stretches:
            hasher.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
