"""The client's side of the wire: arrays → request, response → arrays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from i4q_ai.errors import InvalidError, ServingError
from i4q_ai.serve.datatypes import DATATYPES, Array, of_array, to_bytes

_HEADER = "Inference-Header-Content-Length"


@dataclass(frozen=True, slots=True)
class Packed:
    """A request that is ready to be sent."""

    body: bytes
    headers: dict[str, str]


def fit(value: Any, spec: dict[str, Any]) -> Array:
    """A value as an array that the model takes.

    Args:
        value: array, DataFrame, Series or list.
        spec: the input's row in the model's metadata.

    Raises:
        InvalidError: it is no such array.

    Example:
        >>> fit([1, 2], {"name": "X", "datatype": "FP32", "shape": [-1, 2]}).shape
        (1, 2)
    """
    datatype = DATATYPES[spec["datatype"]]
    name, shape = spec["name"], spec["shape"]
    try:
        if datatype.name == "BYTES":
            array = np.asarray(value, dtype=object)
        else:
            array = np.asarray(value)
            if array.dtype.kind not in "biuf":
                array = array.astype(datatype.dtype)
            elif not np.can_cast(array.dtype, datatype.dtype, "same_kind") and not _survives(array, datatype.dtype):
                raise InvalidError(f"input '{name}' is {datatype.name}; {array.dtype} would lose by that")
            array = array.astype(datatype.dtype, copy=False)
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidError):
            raise
        raise InvalidError(f"input '{name}' is {datatype.name}: {error}") from error
    return _shaped(array, shape)


def _survives(array: Array, dtype: np.dtype[Any]) -> bool:
    with np.errstate(invalid="ignore"):
        return bool((array.astype(dtype) == array).all())


def _shaped(array: Array, shape: list[int]) -> Array:
    """One row, or one column, becomes the table that the model wants; all else stays as it is."""
    if len(shape) == array.ndim + 1 and array.ndim:
        if list(array.shape) == shape[1:]:
            return array.reshape(1, *array.shape)
        if shape[-1] == 1:
            return array.reshape(*array.shape, 1)
    return array


def pack(inputs: dict[str, Array], outputs: Sequence[str] | None, *, binary: bool) -> Packed:
    """Write an inference request.

    Args:
        inputs: name → array.
        outputs: names of those wanted; None: all.
        binary: whether tensors travel as bytes.
    """
    rows: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for name, array in inputs.items():
        datatype = of_array(array)
        row: dict[str, Any] = {"name": name, "shape": list(array.shape), "datatype": datatype}
        if binary:
            chunk = to_bytes(array, datatype)
            row["parameters"] = {"binary_data_size": len(chunk)}
            tail.append(chunk)
        else:
            row["data"] = _listed(name, array)
        rows.append(row)
    document: dict[str, Any] = {"inputs": rows}
    if binary:
        document["parameters"] = {"binary_data_output": True}
    if outputs is not None:
        document["outputs"] = [{"name": name} for name in outputs]
    head = json.dumps(document, allow_nan=False).encode()
    if not binary:
        return Packed(head, {"Content-Type": "application/json"})
    headers = {"Content-Type": "application/octet-stream", _HEADER: str(len(head))}
    return Packed(b"".join((head, *tail)), headers)


def _listed(name: str, array: Array) -> list[Any]:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidError(f"input '{name}' has NaN or infinity, which have no form in JSON", hint="binary=True")
    if array.dtype == np.float16:
        raise InvalidError(f"input '{name}' is FP16, which has no form in JSON", hint="binary=True")
    return [_text(element) if array.dtype == object else element for element in array.ravel().tolist()]


def _text(element: Any) -> str:
    return element.decode() if isinstance(element, bytes) else str(element)


def unpack(body: bytes, header_length: int | None) -> dict[str, Array]:
    """Read an inference response.

    Args:
        body: JSON, then the bytes of binary tensors.
        header_length: how many bytes are JSON; None: all.

    Raises:
        ServingError: it is none (status 502: the server answered, but not by the protocol).
    """
    try:
        document = json.loads(body if header_length is None else body[:header_length])
        offset = header_length or 0
        arrays: dict[str, Array] = {}
        for row in document["outputs"]:
            size = (row.get("parameters") or {}).get("binary_data_size")
            if size is None:
                flat = np.asarray(row["data"], dtype=DATATYPES[row["datatype"]].dtype)
            else:
                flat = _from_bytes(row["datatype"], body[offset : offset + size])
                offset += size
            arrays[row["name"]] = flat.reshape(row["shape"])
    except (ValueError, KeyError, TypeError) as error:
        raise ServingError(f"the answer is no inference response: {error}", status=502) from error
    return arrays


def _from_bytes(datatype: str, raw: bytes) -> Array:
    if datatype != "BYTES":
        return np.frombuffer(raw, dtype=DATATYPES[datatype].dtype).copy()
    elements, offset = [], 0
    while offset < len(raw):
        end = offset + 4 + int.from_bytes(raw[offset : offset + 4], "little")
        elements.append(raw[offset + 4 : end].decode())
        offset = end
    return np.array(elements, dtype=object)
