"""A tiny ONNX model written byte by byte, so that the suite needs no package that makes models."""

from __future__ import annotations

import struct

_VARINT, _BYTES = 0, 2
_FLOAT = 1
"""TensorProto.FLOAT."""
_IR_VERSION, _OPSET = 8, 17


def multiplier(factor: float) -> bytes:
    """A model that multiplies its input `x`, FP32 of shape [n, 1], by a factor; the output is `y`.

    Args:
        factor: the model's only weight; the same factor gives the same bytes.
    """
    node = _text(1, "x") + _text(1, "factor") + _text(2, "y") + _text(4, "Mul")
    weight = _number(1, 1) + _number(2, _FLOAT) + _text(8, "factor") + _field(9, struct.pack("<f", factor))
    graph = (
        _field(1, node) + _text(2, "multiplier") + _field(5, weight) + _field(11, _value("x")) + _field(12, _value("y"))
    )
    return _number(1, _IR_VERSION) + _field(7, graph) + _field(8, _text(1, "") + _number(2, _OPSET))


def _value(name: str) -> bytes:
    """A ValueInfoProto: FP32 of shape [n, 1]."""
    shape = _field(1, _text(2, "n")) + _field(1, _number(1, 1))
    tensor = _number(1, _FLOAT) + _field(2, shape)
    return _text(1, name) + _field(2, _field(1, tensor))


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode())


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3 | _VARINT) + _varint(value)


def _varint(value: int) -> bytes:
    """Protocol buffers' integers: seven bits a byte, the lowest first."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])
