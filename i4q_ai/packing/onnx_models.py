"""ONNX models: checked by the runtime that will run them, schema read from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from i4q_ai.errors import FormatError, InvalidError, MissingDependencyError
from i4q_ai.model import Model, Tensor
from i4q_ai.onnx_datatypes import DATATYPES
from i4q_ai.packing import folders, formats, staging

M = TypeVar("M", bound=Model)


def from_onnx(cls: type[M], model: Any, *, name: str, version: str, **about: Any) -> M:
    """A model from an ONNX file; inputs and outputs are read from it unless given.

    Args:
        cls: Model.
        model: a path, the bytes of the file, or an `onnx.ModelProto`.
        name, version, about: fields of the model.

    Raises:
        InvalidError: there is no such file.
        FormatError: it is not ONNX, or the runtime cannot load it.
        MissingDependencyError: onnxruntime is not installed.
    """
    place = _placed(model)
    formats.check_onnx(place)
    inputs, outputs = schema(place)
    about = {"inputs": inputs, "outputs": outputs, **about}
    folder = place.parent
    found = {place.name: place, **{path: folder / path for path in formats.external_files(place)}}
    return folders.from_files(cls, found, name=name, version=version, format="onnx", **about)


def _placed(model: Any) -> Path:
    if isinstance(model, str | Path):
        place = Path(model).absolute()
        if not place.is_file():
            raise InvalidError(f"there is no file {model}")
        if place.suffix.lower() != ".onnx":
            raise FormatError(f"{model} does not end in .onnx", hint="that is how a server finds it")
        return place
    if hasattr(model, "SerializeToString"):
        model = model.SerializeToString(deterministic=True)
    if not isinstance(model, bytes | bytearray | memoryview):
        raise InvalidError(f"an ONNX model is a path, bytes or a ModelProto, not a {type(model).__name__}")
    return staging.stage_bytes(bytes(model), "model.onnx") / "model.onnx"


def schema(place: Path) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Inputs and outputs of an ONNX file, as the runtime tells them.

    Raises:
        FormatError: the runtime cannot load it, or a datatype has no name in the Open Inference Protocol.
        MissingDependencyError: onnxruntime is not installed.
    """
    session = load(place)
    return (
        tuple(_tensor(place, item) for item in session.get_inputs()),
        tuple(_tensor(place, item) for item in session.get_outputs()),
    )


def load(place: Path) -> Any:
    """An onnxruntime session on one thread.

    Raises:
        FormatError: the runtime cannot load it.
        MissingDependencyError: onnxruntime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError("packing ONNX", extra="serve") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(str(place), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's errors have no common class but this
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FormatError(f"onnxruntime cannot load {place}: {reason}") from error


def _tensor(place: Path, item: Any) -> Tensor:
    if item.type not in DATATYPES:
        raise FormatError(
            f"{place}: '{item.name}' is a {item.type}, which no inference protocol can carry",
            hint="export a classifier with zipmap off" if item.type.startswith("seq") else "",
        )
    shape = tuple(size if isinstance(size, int) and size >= 0 else -1 for size in item.shape)
    return Tensor(name=item.name, datatype=DATATYPES[item.type], shape=shape)
