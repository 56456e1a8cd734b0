"""The datatypes of the Open Inference Protocol and how numpy holds them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from i4q_ai.errors import UnsupportedError

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Datatype:
    """One datatype.

    Args:
        name: in the protocol.
        dtype: in numpy, little-endian as on the wire; object for BYTES.
        size: bytes of an element; 0 for BYTES, whose elements differ.
        code: the element in an `array.array`, which converts and checks the range in one go; empty where it cannot.
    """

    name: str
    dtype: np.dtype[Any]
    size: int
    code: str = ""


_ROWS = (
    ("BOOL", "?", ""),
    ("UINT8", "u1", "B"),
    ("UINT16", "<u2", "H"),
    ("UINT32", "<u4", "I"),
    ("UINT64", "<u8", "Q"),
    ("INT8", "i1", "b"),
    ("INT16", "<i2", "h"),
    ("INT32", "<i4", "i"),
    ("INT64", "<i8", "q"),
    ("FP16", "<f2", ""),
    ("FP32", "<f4", "f"),
    ("FP64", "<f8", "d"),
)

DATATYPES: dict[str, Datatype] = {
    **{name: Datatype(name, np.dtype(kind), np.dtype(kind).itemsize, code) for name, kind, code in _ROWS},
    "BYTES": Datatype("BYTES", np.dtype(object), 0),
}
"""Name in the protocol → datatype."""

_BY_DTYPE = {datatype.dtype: name for name, datatype in DATATYPES.items()}


def of_array(array: Array) -> str:
    """The protocol's name of an array's datatype.

    Raises:
        UnsupportedError: the protocol has none for it.

    Example:
        >>> of_array(np.zeros(1, dtype=np.float32))
        'FP32'
    """
    name = _BY_DTYPE.get(array.dtype)
    if name is None:
        if array.dtype.kind in "SUO":
            return "BYTES"
        raise UnsupportedError(f"the protocol has no datatype for numpy's {array.dtype}")
    return name


def to_bytes(array: Array, datatype: str) -> bytes:
    """The bytes of a binary tensor, as both sides of the wire write them."""
    if datatype != "BYTES":
        return np.ascontiguousarray(array, dtype=DATATYPES[datatype].dtype).tobytes()
    chunks: list[bytes] = []
    for element in array.ravel().tolist():
        chunk = element if isinstance(element, bytes) else str(element).encode()
        chunks += (len(chunk).to_bytes(4, "little"), chunk)
    return b"".join(chunks)
