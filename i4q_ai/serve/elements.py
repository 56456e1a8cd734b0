"""The elements of one tensor, from JSON or from bytes, into an array."""

from __future__ import annotations

from array import array
from itertools import chain
from typing import Any

import numpy as np

from i4q_ai.errors import ServingError
from i4q_ai.serve.datatypes import Array
from i4q_ai.serve.signature import Spec


def _refuse(spec: Spec, what: str, *, hint: str = "") -> ServingError:
    return ServingError(f"input '{spec.name}' {what}", status=400, hint=hint)


def _count(shape: list[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def from_json(spec: Spec, shape: list[int], data: Any, booleans: bool) -> Array:
    """An array from a JSON array, nested like the shape or flat.

    Args:
        spec: the input's.
        shape: as the request says it; fits the specification.
        data: what the request holds as `data`.
        booleans: whether there may be a boolean in it.

    Raises:
        ServingError: status 400; the elements are too few, too many, or none of this datatype.
    """
    if not isinstance(data, list):
        raise _refuse(spec, "has no 'data', an array of its elements")
    flat = _flat(spec, shape, data)
    count = _count(shape)
    if len(flat) != count:
        raise _refuse(spec, f"has {len(flat)} elements, its shape {shape} has {count}")
    datatype = spec.datatype
    if datatype.code:
        return _numbers(spec, flat, booleans).reshape(shape)
    kinds = set(map(type, flat))
    if datatype.name == "BYTES":
        _only(spec, kinds, str, "strings")
        return np.array(flat, dtype=object).reshape(shape)
    if datatype.name == "BOOL":
        _only(spec, kinds, bool, "booleans")
        return np.array(flat, dtype=bool).reshape(shape)
    raise _refuse(spec, f"is {datatype.name}, which has no form in JSON", hint="send it as binary data")


def _only(spec: Spec, kinds: set[type], want: type, words: str) -> None:
    if not kinds <= {want}:
        raise _refuse(spec, f"has elements that are no {words}")


def _flat(spec: Spec, shape: list[int], data: list[Any]) -> list[Any]:
    """The elements in one list; every level of nesting is as long as the shape says."""
    if not data or not isinstance(data[0], list):
        return data
    if len(data) != shape[0]:
        raise _refuse(spec, f"has {len(data)} entries where its shape {shape} has {shape[0]}")
    level = data
    for size in shape[1:]:
        if set(map(type, level)) != {list}:
            raise _refuse(spec, f"is nested unevenly; its shape is {shape}")
        if set(map(len, level)) != {size}:
            raise _refuse(spec, f"has rows of other lengths than {size}; its shape is {shape}")
        level = list(chain.from_iterable(level))
    return level


def _numbers(spec: Spec, flat: list[Any], booleans: bool) -> Array:
    name = spec.datatype.name
    if booleans and bool in set(map(type, flat)):
        raise _refuse(spec, f"has a boolean among its {name} elements")
    try:
        packed = np.frombuffer(array(spec.datatype.code, flat), dtype=spec.datatype.dtype)
    except (TypeError, ValueError) as error:
        raise _refuse(spec, f"has an element that is no {name}: {_culprit(spec, flat)}") from error
    except OverflowError as error:
        raise _refuse(spec, f"has an element out of the range of {name}: {_culprit(spec, flat)}") from error
    if packed.dtype.kind == "f" and not np.isfinite(packed).all():
        raise _refuse(spec, f"has an element out of the range of {name}")
    return packed


def _culprit(spec: Spec, flat: list[Any]) -> str:
    """The first element that does not convert, for the error."""
    for position, element in enumerate(flat):
        try:
            array(spec.datatype.code, [element])
        except (TypeError, ValueError, OverflowError):
            shown = "null" if element is None else repr(element)
            return f"{shown if len(shown) <= 40 else shown[:37] + '...'} at {position}"
    return "unknown"


def from_binary(spec: Spec, shape: list[int], raw: memoryview) -> Array:
    """An array from raw little-endian bytes.

    Args:
        spec: the input's.
        shape: as the request says it; fits the specification.
        raw: exactly this tensor's bytes.

    Raises:
        ServingError: status 400; the bytes do not fit the shape, or are none of this datatype.
    """
    if spec.datatype.name == "BYTES":
        return _strings(spec, shape, raw)
    want = _count(shape) * spec.datatype.size
    if len(raw) != want:
        raise _refuse(spec, f"has {len(raw)} bytes of binary data, its shape {shape} has {want}")
    values = np.frombuffer(raw, dtype=spec.datatype.dtype).reshape(shape)
    if spec.datatype.name == "BOOL" and values.size and values.view(np.uint8).max() > 1:
        raise _refuse(spec, "has a byte that is neither 0 nor 1 among its BOOL elements")
    # The JSON before it has any length, and kernels may rely on alignment.
    return values if values.flags.aligned else values.copy()


def _strings(spec: Spec, shape: list[int], raw: memoryview) -> Array:
    elements: list[str] = []
    offset = 0
    while offset < len(raw):
        end = offset + 4 + int.from_bytes(raw[offset : offset + 4], "little")
        if offset + 4 > len(raw) or end > len(raw):
            raise _refuse(spec, f"has a BYTES element at byte {offset} that reaches beyond its binary data")
        try:
            elements.append(str(raw[offset + 4 : end], "utf-8"))
        except UnicodeDecodeError as error:
            raise _refuse(spec, f"has a BYTES element at byte {offset} that is not UTF-8") from error
        offset = end
    if len(elements) != _count(shape):
        raise _refuse(spec, f"has {len(elements)} BYTES elements, its shape {shape} has {_count(shape)}")
    return np.array(elements, dtype=object).reshape(shape)
