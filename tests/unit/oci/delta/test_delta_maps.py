from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.errors import IntegrityError
from i4q_ai.oci.delta.maps import MOST_CHUNKS, ChunkMap

BLOB = "sha256:" + "a" * 64


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=20))
def test_what_is_written_is_read(pieces: list[bytes]) -> None:
    made = ChunkMap.of(BLOB, pieces, cut="even/9")
    assert ChunkMap.parse(made.dump(), where="it") == made
    whole = b"".join(pieces)
    assert [whole[chunk.offset : chunk.end] for chunk in made] == pieces


@given(st.binary(max_size=300))
def test_anything_else_is_refused(raw: bytes) -> None:
    with pytest.raises(IntegrityError):
        ChunkMap.parse(raw, where="it")


@given(st.data())
def test_a_map_with_other_bytes_is_refused_or_fills_its_blob(data: st.DataObject) -> None:
    raw = bytearray(ChunkMap.of(BLOB, [b"abc", b"de", b"f"], cut="even/3").dump())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] = data.draw(st.integers(0, 255))
    try:
        read = ChunkMap.parse(bytes(raw), where="it")
    except IntegrityError:
        return
    assert sum(read.lengths) == read.size
    assert [chunk.end for chunk in read][-1] == read.size
    assert len(read.lengths) == len(read.sums)


def header(**other: object) -> bytes:
    return json.dumps({"blob": BLOB, "chunks": 1, "cut": "even/3", "size": 3, **other}).encode() + b"\n"


BODY = struct.pack(">I", 3) + bytes(32)


def test_the_smallest_map_is_one() -> None:
    assert ChunkMap.parse(header() + BODY, where="it").lengths == (3,)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(header(chunks=MOST_CHUNKS + 1) + BODY, id="too many"),
        pytest.param(header(chunks=0, size=0), id="none"),
        pytest.param(header(chunks=-1) + BODY, id="fewer than none"),
        pytest.param(header(chunks=True) + BODY, id="no number"),
        pytest.param(header(size=4) + BODY, id="a gap at the end"),
        pytest.param(header(size=2) + BODY, id="beyond the end"),
        pytest.param(header(chunks=2) + struct.pack(">2I", 3, 0) + bytes(64), id="an empty chunk"),
        pytest.param(header(blob="sha256:../../etc") + BODY, id="no digest"),
        pytest.param(header(cut=7) + BODY, id="no manner"),
        pytest.param(header(more=1) + BODY, id="another key"),
        pytest.param(header() + BODY + b"x", id="something after it"),
        pytest.param(b" " * 2000 + header() + BODY, id="a long first line"),
        pytest.param(b"[" * 1000 + b"\n" + BODY, id="deep"),
    ],
)
def test_a_map_that_cannot_be_is_refused(raw: bytes) -> None:
    with pytest.raises(IntegrityError, match="it is no chunk map"):
        ChunkMap.parse(raw, where="it")
