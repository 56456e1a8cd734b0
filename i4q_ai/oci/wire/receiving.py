"""The body of an answer, read into buffers that are there already; and any other stream as if it were one."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from typing import NoReturn, Protocol, Self

import requests
import urllib3

from i4q_ai.deadline import Deadline

_PIECE = 1024 * 1024
_CUT = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)


class Stream(Protocol):
    """Bytes as they come."""

    def fill(self, view: memoryview) -> int:
        """Put what is there now into a buffer.

        Returns:
            How many bytes; 0 at the end.

        Raises:
            TransientError: the connection was cut.
        """


class Body:
    """The body of a response; an iterator of its pieces too.

    Args:
        response: not read from yet.
        deadline: of the whole job.
        cut: raises what a broken connection means.
    """

    def __init__(
        self, response: requests.Response, deadline: Deadline, cut: Callable[[Exception, Deadline], NoReturn]
    ) -> None:
        self._raw = response.raw
        self._deadline, self._cut = deadline, cut
        self._plain = _plain(response.raw)

    def fill(self, view: memoryview) -> int:
        """Put what is there now into a buffer; 0 at the end."""
        self._deadline.check()
        try:
            if self._plain is not None:
                return self._direct(self._plain, view)
            piece = self._read(len(view))
        except _CUT as error:
            self._cut(error, self._deadline)
        view[: len(piece)] = piece
        return len(piece)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            piece = self._read(_PIECE)
        except _CUT as error:
            self._cut(error, self._deadline)
        self._deadline.check()
        if not piece:
            raise StopIteration
        return piece

    def _read(self, count: int) -> bytes:
        read = getattr(self._raw, "read1", self._raw.read)  # what is there now, so that a cut loses nothing
        piece: bytes = read(count, decode_content=False)
        return piece

    def _direct(self, answer: http.client.HTTPResponse, view: memoryview) -> int:
        """From the socket into the buffer, without a copy; one system call, so that a cut loses nothing."""
        if not answer.length:
            return 0
        count: int = answer.fp.readinto1(view[: answer.length])
        if count == 0:
            raise http.client.IncompleteRead(b"", answer.length)
        answer.length -= count
        if not answer.length:  # the connection may carry the next request
            answer.close()
            self._raw.release_conn()
        return count


def _plain(raw: object) -> http.client.HTTPResponse | None:
    """The answer as the standard library has it, if its bytes are those of the socket."""
    answer = getattr(raw, "_fp", None)
    if not isinstance(answer, http.client.HTTPResponse) or answer.chunked or answer.length is None:
        return None
    return answer if hasattr(answer.fp, "readinto1") else None


class Pieces:
    """An iterator of bytes as a stream.

    Args:
        chunks: of any size.

    Example:
        >>> buffer = memoryview(bytearray(4))
        >>> Pieces(iter([b"abc"])).fill(buffer), bytes(buffer[:3])
        (3, b'abc')
    """

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")

    def fill(self, view: memoryview) -> int:
        """Put the next bytes into a buffer; 0 at the end."""
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        count = min(len(view), len(self._left))
        view[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def stream(chunks: Iterator[bytes] | Body) -> Stream:
    """What a source gave, as a stream."""
    return chunks if isinstance(chunks, Body) else Pieces(chunks)
