from __future__ import annotations

import io
import json
import random
import struct
from pathlib import Path

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from i4q_ai.oci.delta import cutting, gear, making, tensors
from i4q_ai.oci.delta.maps import ChunkMap
from i4q_ai.oci.tarring import Entry, Tar

MEAN = cutting.SMALLEST
KIB = 1024


def lengths(data: bytes, mean: int = MEAN, regions: list[tuple[int, int]] | None = None) -> list[int]:
    return list(cutting.cuts(io.BytesIO(data), len(data), mean=mean, tensors=regions or (), check=lambda: None))


def layer(data: bytes, name: str = "models/weights.bin") -> Tar:
    import hashlib

    return Tar((Entry(name, len(data), hashlib.sha256(data).hexdigest(), data),))


def sums(data: bytes, name: str = "models/weights.bin") -> ChunkMap:
    return making.make(layer(data, name), lambda: None)


@given(st.binary(max_size=4000), st.sampled_from([16, 64, 300]))
def test_chunks_fill_the_stream_whatever_is_in_it(data: bytes, mean: int) -> None:
    found = lengths(data * 3, mean)
    assert sum(found) == len(data) * 3
    assert all(0 < length <= 4 * mean for length in found)
    assert found == lengths(data * 3, mean)


@given(st.binary(min_size=1, max_size=2000), st.lists(st.integers(0, 2000), max_size=6), st.sampled_from([16, 64, 300]))
def test_it_is_cut_where_tensors_begin_and_end(data: bytes, places: list[int], mean: int) -> None:
    ends = sorted({min(place, len(data)) for place in places})
    regions = list(zip(ends[::2], ends[1::2], strict=False))
    found = lengths(data, mean, regions)
    assert sum(found) == len(data)
    borders = {0, *(sum(found[: number + 1]) for number in range(len(found)))}
    assert {border for region in regions for border in region} <= borders


@pytest.mark.parametrize("byte", [0, 255, 7])
def test_bytes_that_are_all_the_same_are_cut_too(byte: int) -> None:
    assert max(lengths(bytes([byte]) * (300 * KIB))) <= 4 * MEAN


def test_the_block_size_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    data = random.Random(1).randbytes(700 * KIB)
    found = lengths(data)
    monkeypatch.setattr(gear, "BLOCK", 10_007)
    assert lengths(data) == found
    assert 0.5 * MEAN < len(data) / len(found) < 1.5 * MEAN


@pytest.mark.parametrize("put_in", [1, 3, 100_000])
def test_what_is_put_in_changes_only_the_chunks_around_it(put_in: int) -> None:
    chance = random.Random(2)
    data = chance.randbytes(2048 * KIB)
    after = data[: 900 * KIB] + chance.randbytes(put_in) + data[900 * KIB :]
    known = set(sums(data).sums)
    new = sum(chunk.length for chunk in sums(after) if chunk.sha256 not in known)
    assert new < put_in + 6 * MEAN


def test_without_numpy_it_is_cut_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gear, "available", lambda: False)
    assert lengths(bytes(100 * KIB)) == cutting.even(100 * KIB, MEAN)
    assert cutting.manner(MEAN, tensors=False) == f"even/{MEAN}"


def test_versions_of_nearly_one_size_are_cut_alike() -> None:
    for size in (64 << 20, 128 << 20, 1 << 30):
        assert cutting.average(size - 100_000) == cutting.average(size) == cutting.average(size + 100_000)
    assert cutting.average(400 << 30) * (1 << 18) > 400 << 30


@given(st.integers(1, 1 << 42))
def test_a_blob_has_no_more_chunks_than_a_map_holds(size: int) -> None:
    assert size / (cutting.average(size) / 4) <= 1 << 18


def test_the_map_of_a_layer_is_that_of_its_bytes(tmp_path: Path) -> None:
    files = {"models/a.bin": random.Random(3).randbytes(90 * KIB), "models/deep/b.bin": bytes(70 * KIB)}
    entries = []
    for path, data in files.items():
        (tmp_path / path.replace("/", "-")).write_bytes(data)
        entries.append(Entry(path, len(data), "0" * 64, tmp_path / path.replace("/", "-")))
    tar = Tar(tuple(entries))
    tar.__dict__["digest"] = "sha256:" + "0" * 64
    made = making.make(tar, lambda: None)
    whole = b"".join(part if isinstance(part, bytes) else files[part.path] for part in tar.parts())
    assert made == ChunkMap.of(tar.digest, [whole[one.offset : one.end] for one in made], cut=made.cut)
    assert made.size == len(whole) == tar.size


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    raw = json.dumps(header).encode()
    return struct.pack("<Q", len(raw) if length is None else length) + raw + data


def regions(name: str, data: bytes, smallest: int = 4) -> list[tuple[int, int]]:
    return tensors.regions(name, io.BytesIO(data), len(data), smallest=smallest)


def test_tensors_of_safetensors_are_found() -> None:
    data = safetensors({"__metadata__": {}, "b": {"data_offsets": [8, 24]}, "a": {"data_offsets": [0, 8]}}, bytes(24))
    start = len(data) - 24
    assert regions("m.safetensors", data) == [(start, start + 8), (start + 8, start + 24)]


def test_tensors_of_onnx_are_found() -> None:
    arrays = [numpy.arange(count, dtype="f4") for count in (1, 400, 3, 900)]
    initializers = [numpy_helper.from_array(one, f"w{number}") for number, one in enumerate(arrays)]
    packed = helper.make_tensor("packed", TensorProto.INT64, [500], list(range(500)))
    graph = helper.make_graph([], "g", [], [], [*initializers, packed])
    data = helper.make_model(graph).SerializeToString()
    found = regions("m.onnx", data, 256)
    assert [data[begin:end] for begin, end in found[:2]] == [arrays[1].tobytes(), arrays[3].tobytes()]
    assert len(found) == 3


@pytest.mark.parametrize(
    "header",
    [
        [], {"a": 1}, {"a": {"data_offsets": [8, 4]}}, {"a": {"data_offsets": [0, 1 << 60]}},
        {"a": {"data_offsets": [-99, 4]}}, {"a": {"data_offsets": "ab"}},
    ],
)  # fmt: skip
def test_a_header_that_makes_no_sense_has_no_tensors(header: object) -> None:
    assert regions("m.safetensors", safetensors(header, bytes(16))) == []
    assert regions("m.safetensors", safetensors({}, length=1 << 62)) == []


def test_tensors_over_each_other_count_once() -> None:
    data = safetensors({"a": {"data_offsets": [0, 8]}, "b": {"data_offsets": [4, 16]}}, bytes(16))
    assert regions("m.safetensors", data) == [(len(data) - 16, len(data) - 8)]


@given(st.sampled_from(["m.onnx", "m.safetensors", "m.bin"]), st.binary(max_size=200))
def test_any_bytes_have_tensors_inside_or_none(name: str, data: bytes) -> None:
    found = regions(name, data)
    assert all(0 <= begin < end <= len(data) for begin, end in found)
    assert found == sorted(found)
