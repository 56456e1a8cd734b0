"""Small ONNX models, made on the spot, and their trees."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def linear(offset: float) -> bytes:
    """ONNX: y = sum(X) + offset, for rows of 3; the offset tells versions apart."""
    weights = numpy_helper.from_array(np.ones((3, 1), dtype=np.float32), "W")
    bias = numpy_helper.from_array(np.array([offset], dtype=np.float32), "B")
    nodes = [helper.make_node("MatMul", ["X", "W"], ["P"]), helper.make_node("Add", ["P", "B"], ["y"])]
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 3])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])]
    return _onnx(helper.make_graph(nodes, "linear", inputs, outputs, [weights, bias]))


def endless() -> bytes:
    """ONNX: a loop that nobody sees the end of."""
    return looping(2**62)


def looping(rounds: int) -> bytes:
    """ONNX: a loop of so many rounds; 100,000 take half a second or so."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_out"]), helper.make_node("Neg", ["v"], ["v_out"])],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, [None, 3]),
        ],
        [
            helper.make_tensor_value_info("go_out", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v_out", TensorProto.FLOAT, [None, 3]),
        ],
    )
    constants = [
        numpy_helper.from_array(np.array(rounds, dtype=np.int64), "rounds"),
        numpy_helper.from_array(np.array(True), "start"),
    ]
    loop = helper.make_node("Loop", ["rounds", "start", "X"], ["y"], body=body)
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 3])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 3])]
    return _onnx(helper.make_graph([loop], "looping", inputs, outputs, constants))


def every_type() -> bytes:
    """ONNX: one input of each kind, given back by an output of its own."""
    kinds = {
        "bool": TensorProto.BOOL, "u8": TensorProto.UINT8, "i64": TensorProto.INT64, "f16": TensorProto.FLOAT16,
        "f32": TensorProto.FLOAT, "f64": TensorProto.DOUBLE, "text": TensorProto.STRING,
    }  # fmt: skip
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in kinds]
    inputs = [helper.make_tensor_value_info(name, kind, [None, 2]) for name, kind in kinds.items()]
    outputs = [helper.make_tensor_value_info(f"{name}_out", kind, [None, 2]) for name, kind in kinds.items()]
    return _onnx(helper.make_graph(nodes, "every_type", inputs, outputs))


def logarithm() -> bytes:
    """ONNX: y = log(X), which is NaN for negative numbers."""
    node = helper.make_node("Log", ["X"], ["y"])
    inputs = [helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 1])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])]
    return _onnx(helper.make_graph([node], "logarithm", inputs, outputs))


def _onnx(graph: onnx.GraphProto) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return model.SerializeToString()


def write_tree(folder: Path, content: bytes, version: str, **about: object) -> Path:
    """A model's tree: its file and its description."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(content)
    description = {"apiVersion": "i4q-ai/v1", "kind": "Model", "name": "line", "version": version, "format": "onnx"}
    (folder / "i4q.json").write_text(json.dumps({**description, **about}))
    return folder
