"""Where the tensors of a weights file lie: safetensors by its header, ONNX by the outline of its protobuf.

What is read may be anything; what cannot be understood has no tensors, and is cut by its content.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import IO

Region = tuple[int, int]
"""Offset and offset after it."""

_LARGEST_HEADER = 16 * 1024 * 1024
_MOST_FIELDS = 1 << 20
_MOST_REGIONS = 1 << 16
_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_GRAPH, _INITIALIZER = 7, 5
"""Field numbers in ONNX's ModelProto and GraphProto."""


def regions(name: str, file: IO[bytes], size: int, *, smallest: int) -> list[Region]:
    """The data of tensors, in order, none over another.

    Args:
        name: of the file; its ending says what it is.
        file: open, seekable.
        size: of the file.
        smallest: tensors of fewer bytes do not matter.
    """
    try:
        if name.endswith(".safetensors"):
            found = _safetensors(file, size)
        elif name.endswith(".onnx"):
            found = list(_onnx(file, size, smallest))
        else:
            return []
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, struct.error):
        return []
    return _apart(found, size, smallest)


def _apart(found: list[Region], size: int, smallest: int) -> list[Region]:
    kept: list[Region] = []
    for begin, end in sorted(found):
        if end - begin >= smallest and begin >= (kept[-1][1] if kept else 0) and end <= size:
            kept.append((begin, end))
    return kept[:_MOST_REGIONS]


def _safetensors(file: IO[bytes], size: int) -> list[Region]:
    file.seek(0)
    (length,) = struct.unpack("<Q", file.read(8))
    if length > min(_LARGEST_HEADER, size - 8):
        raise ValueError("no header of safetensors")
    tensors = json.loads(file.read(length))
    if not isinstance(tensors, dict):
        raise ValueError("no header of safetensors")
    start = 8 + length
    offsets = [tensor["data_offsets"] for name, tensor in tensors.items() if name != "__metadata__"]
    return [(start + int(begin), start + int(end)) for begin, end in offsets]


def _onnx(file: IO[bytes], size: int, smallest: int) -> Iterator[Region]:
    """Long fields of the graph's initializers: their raw or packed data."""
    for graph in _delimited(file, (0, size), _GRAPH):
        for initializer in _delimited(file, graph, _INITIALIZER):
            if initializer[1] - initializer[0] >= smallest:
                yield from _delimited(file, initializer, None)


def _delimited(file: IO[bytes], within: Region, wanted: int | None) -> Iterator[Region]:
    """The contents of length-delimited fields of a message, of one number or of all."""
    at, end = within
    for _ in range(_MOST_FIELDS):
        if at >= end:
            return
        file.seek(at)
        key, used = _varint(file)
        at += used
        number, kind = key >> 3, key & 7
        if kind == _DELIMITED:
            length, used = _varint(file)
            at += used + length
            if at > end:
                raise ValueError("a field leads out of its message")
            if wanted in (None, number):
                yield at - length, at
        elif kind == _VARINT:
            at += _varint(file)[1]
        elif kind in (_FIXED32, _FIXED64):
            at += 4 if kind == _FIXED32 else 8
        else:
            raise ValueError("no protobuf")


def _varint(file: IO[bytes]) -> tuple[int, int]:
    """A number and how many bytes it took."""
    value = 0
    for used in range(1, 11):
        byte = file.read(1)
        if not byte:
            raise ValueError("a number is cut off")
        value |= (byte[0] & 0x7F) << (7 * (used - 1))
        if byte[0] < 0x80:
            return value, used
    raise ValueError("a number without an end")
