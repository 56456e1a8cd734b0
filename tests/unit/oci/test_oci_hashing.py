"""Hashing beside receiving: the same digests, buffers that come back, errors that are told."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i4q_ai.oci.downloads.hashing import BUFFERS, Hasher, Hashes, Ring


@settings(max_examples=40, deadline=None)
@given(
    pieces=st.lists(st.binary(max_size=64), max_size=20),
    before=st.binary(max_size=50),
    threaded=st.booleans(),
    algorithm=st.sampled_from(["sha256", "sha512"]),
    data=st.data(),
)
def test_stretches_of_a_stream(
    pieces: list[bytes], before: bytes, threaded: bool, algorithm: str, data: st.DataObject
) -> None:
    whole = before + b"".join(pieces)
    begin = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(begin, len(whole)))
    ring = Ring(64)
    outer = Hasher(f"{algorithm}:", [before], threaded=threaded)
    inner = Hasher(f"{algorithm}:", [before[begin : min(end, len(before))]], threaded=threaded)
    with Hashes([(outer, 0, len(whole)), (inner, begin, end)], len(before)) as hashes:
        for piece in pieces:
            buffer = ring.take()
            buffer[: len(piece)] = piece
            hashes.give(ring, buffer, len(piece))
        assert hashes.at == len(whole)
        assert hashes.digests() == [
            f"{algorithm}:{hashlib.new(algorithm, part).hexdigest()}" for part in (whole, whole[begin:end])
        ]


def test_there_are_never_more_than_four_buffers() -> None:
    ring = Ring(16)
    hasher = Hasher("sha256:")
    seen = set()
    with Hashes([(hasher, 0, 1600)], 0) as hashes:
        for _ in range(100):
            buffer = ring.take()
            seen.add(id(buffer))
            hashes.give(ring, buffer, 16)
        hashes.digests()
    assert len(seen) <= BUFFERS


def test_beginning_that_cannot_be_read_is_told_at_the_end() -> None:
    def _broken() -> Iterator[bytes]:
        yield b"x"
        raise OSError("a broken disk")

    ring, hasher = Ring(16), Hasher("sha256:", _broken())
    with Hashes([(hasher, 0, 1000)], 1) as hashes:
        for _ in range(10):  # more than there are buffers: none is lost
            hashes.give(ring, ring.take(), 16)
        with pytest.raises(OSError, match="a broken disk"):
            hashes.digests()
