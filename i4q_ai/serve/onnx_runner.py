"""Runs ONNX models. The only importer of onnxruntime in the server."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime

from i4q_ai.errors import FormatError
from i4q_ai.onnx_datatypes import DATATYPES
from i4q_ai.serve.datatypes import Array
from i4q_ai.serve.loaders import the_file
from i4q_ai.serve.signature import Signature, Spec, signature, spec

_ERRORS_OF_INPUT = ("InvalidArgument",)
_FATAL = 4


class OnnxRunner:
    """An ONNX model in memory."""

    platform = "onnx_onnxv1"

    def __init__(self, session: Any) -> None:
        self._session = session
        self.signature: Signature = signature(
            (_spec("input", node) for node in session.get_inputs()),
            (_spec("output", node) for node in session.get_outputs()),
        )

    def run(self, inputs: dict[str, Array], outputs: Sequence[str]) -> dict[str, Array]:
        """Infer; see `Runner`."""
        try:
            arrays = self._session.run(outputs, inputs)
        except Exception as error:
            if type(error).__name__ in _ERRORS_OF_INPUT:
                raise FormatError(f"the model cannot take these inputs: {_first_line(error)}") from error
            raise
        return dict(zip(outputs, arrays, strict=True))


def load(folder: Path, threads: int) -> OnnxRunner:
    """Load the ONNX file of a model.

    Args:
        folder: holds one file *.onnx, and the files of external data it names.
        threads: for each inference.

    Raises:
        FormatError: it is not ONNX, or needs what this runtime does not have.
    """
    path = the_file(folder, ".onnx")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL
    # A thread that spins while it waits burns a core that the edge does not have.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise FormatError(f"{path.name} cannot be loaded: {_first_line(error)}") from error
    return OnnxRunner(session)


def _spec(kind: str, node: Any) -> Spec:
    datatype = DATATYPES.get(node.type)
    if datatype is None:
        hint = "export it without ZipMap (skl2onnx: options={'zipmap': False})" if "map" in node.type else ""
        raise FormatError(f"{kind} '{node.name}' is {node.type}, which the protocol cannot carry", hint=hint)
    return spec(node.name, datatype, (size if isinstance(size, int) else -1 for size in node.shape or ()))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
