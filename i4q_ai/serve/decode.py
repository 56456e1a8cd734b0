"""The body of an inference request → checked arrays. Everything wrong with it is a ServingError with status 400."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from i4q_ai.errors import ServingError, nearest
from i4q_ai.serve.datatypes import Array
from i4q_ai.serve.elements import from_binary, from_json
from i4q_ai.serve.signature import Signature, Spec

_TENSOR_FIELDS = frozenset({"name", "shape", "datatype", "parameters", "data"})


@dataclass(slots=True)
class InferRequest:
    """An inference request that fits the model.

    Args:
        inputs: name → array, in the model's datatypes.
        outputs: name of each output to answer → whether in binary form, in the order of the answer.
        id: given back in the answer.
    """

    inputs: dict[str, Array]
    outputs: dict[str, bool]
    id: str | None = None


def refuse(what: str, *, hint: str = "") -> ServingError:
    """The error for a request that cannot be meant so."""
    return ServingError(what, status=400, hint=hint)


def decode(body: bytes, header_length: int | None, signature: Signature) -> InferRequest:
    """Read an inference request and hold it against the model.

    Args:
        body: JSON, then the bytes of binary tensors.
        header_length: how many bytes are JSON; None: all.
        signature: of the model.

    Raises:
        ServingError: status 400; names the input that is at fault.
    """
    tail = memoryview(b"")
    text: bytes | memoryview = body
    if header_length is not None:
        if not 0 < header_length <= len(body):
            raise refuse(
                f"Inference-Header-Content-Length is {header_length}, the body has {len(body)} bytes",
                hint="it is the length of the JSON part",
            )
        whole = memoryview(body)
        text, tail = whole[:header_length], whole[header_length:]
    document = _object(text)
    # Scanning bytes is far cheaper than looking at every element's type, and nearly no request has a boolean.
    head = body if header_length is None else bytes(text)
    booleans = b"true" in head or b"false" in head
    parameters = _parameters(document, "the request")
    return InferRequest(
        inputs=_inputs(document, tail, signature, booleans),
        outputs=_outputs(document, signature, bool(parameters.get("binary_data_output", False))),
        id=_id(document),
    )


def _object(text: bytes | memoryview) -> dict[str, Any]:
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise refuse(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise refuse(f"the body is a JSON {_kind(document)}, not an object")
    return document


def _id(document: dict[str, Any]) -> str | None:
    given = document.get("id")
    if given is not None and not isinstance(given, str):
        raise refuse(f"'id' is a {_kind(given)}, not a string")
    return given


def _parameters(holder: dict[str, Any], what: str) -> dict[str, Any]:
    given = holder.get("parameters")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise refuse(f"'parameters' of {what} is a {_kind(given)}, not an object")
    for name, value in given.items():
        if not isinstance(value, str | int | float | bool):
            raise refuse(f"parameter '{name}' of {what} is a {_kind(value)}, not a string, number or boolean")
    return given


def _inputs(document: dict[str, Any], tail: memoryview, signature: Signature, booleans: bool) -> dict[str, Array]:
    given = document.get("inputs")
    if not isinstance(given, list):
        raise refuse("'inputs' is missing" if given is None else f"'inputs' is a {_kind(given)}, not an array")
    arrays: dict[str, Array] = {}
    offset = 0
    for tensor in given:
        spec, shape, parameters = _head(tensor, signature)
        if spec.name in arrays:
            raise refuse(f"input '{spec.name}' is given twice")
        size = _binary_size(spec, tensor, parameters)
        if size is None:
            arrays[spec.name] = from_json(spec, shape, tensor.get("data"), booleans)
            continue
        if offset + size > len(tail):
            raise refuse(
                f"input '{spec.name}' wants {size} bytes of binary data, but {len(tail) - offset} are left of the body"
            )
        arrays[spec.name] = from_binary(spec, shape, tail[offset : offset + size])
        offset += size
    if offset != len(tail):
        raise refuse(f"{len(tail) - offset} bytes of binary data belong to no input")
    if len(arrays) != len(signature.inputs):
        missing = ", ".join(f"'{name}'" for name in signature.inputs if name not in arrays)
        raise refuse(f"missing input {missing}")
    return arrays


def _head(tensor: Any, signature: Signature) -> tuple[Spec, list[int], Mapping[str, Any]]:
    """A tensor's specification, shape and parameters, the first two held against each other."""
    if not isinstance(tensor, dict):
        raise refuse(f"an input is a {_kind(tensor)}, not an object")
    name = tensor.get("name")
    if not isinstance(name, str):
        raise refuse("an input has no 'name'" if name is None else f"an input's name is a {_kind(name)}, not a string")
    spec = signature.inputs.get(name)
    if spec is None:
        raise refuse(f"unknown input '{name}'", hint=nearest(name, signature.inputs))
    if not tensor.keys() <= _TENSOR_FIELDS:
        field = min(tensor.keys() - _TENSOR_FIELDS)
        raise refuse(f"input '{name}' has an unknown field '{field}'", hint=nearest(field, _TENSOR_FIELDS))
    datatype = tensor.get("datatype")
    if datatype != spec.datatype.name:
        raise refuse(f"input '{name}' has datatype {_shown(datatype)}, the model takes {spec.datatype.name}")
    shape = tensor.get("shape")
    if not isinstance(shape, list):
        raise refuse(f"input '{name}' has no 'shape', an array of whole numbers")
    for size in shape:
        if type(size) is not int or not 0 <= size <= 1 << 40:
            raise refuse(f"input '{name}' has {_shown(size)} in its shape, not a whole number from 0")
    if not spec.admits(shape):
        raise refuse(f"input '{name}' has shape {shape}, the model takes {list(spec.shape)}", hint="-1 is any size")
    return spec, shape, _parameters(tensor, f"input '{name}'") if "parameters" in tensor else {}


def _binary_size(spec: Spec, tensor: dict[str, Any], parameters: Mapping[str, Any]) -> int | None:
    if not parameters:
        return None
    if "shared_memory_region" in parameters:
        raise refuse(f"input '{spec.name}' is in shared memory; this server has none")
    size = parameters.get("binary_data_size")
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise refuse(f"input '{spec.name}' has binary_data_size {_shown(size)}, not a number of bytes")
    if "data" in tensor:
        raise refuse(f"input '{spec.name}' has both 'data' and binary_data_size")
    return size


def _outputs(document: dict[str, Any], signature: Signature, binary: bool) -> dict[str, bool]:
    given = document.get("outputs")
    if not given:
        if given is not None and not isinstance(given, list):
            raise refuse(f"'outputs' is a {_kind(given)}, not an array")
        return dict.fromkeys(signature.outputs, binary)
    if not isinstance(given, list):
        raise refuse(f"'outputs' is a {_kind(given)}, not an array")
    wanted: dict[str, bool] = {}
    for output in given:
        name = output.get("name") if isinstance(output, dict) else None
        if not isinstance(name, str):
            raise refuse("a requested output has no 'name'")
        if name not in signature.outputs:
            raise refuse(f"unknown output '{name}'", hint=nearest(name, signature.outputs))
        if name in wanted:
            raise refuse(f"output '{name}' is requested twice")
        parameters = _parameters(output, f"output '{name}'")
        for unsupported in ("classification", "shared_memory_region"):
            if parameters.get(unsupported):
                raise refuse(f"output '{name}' asks for {unsupported}; this server does not do that")
        wanted[name] = bool(parameters.get("binary_data", binary))
    return wanted


def _kind(value: Any) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return names.get(type(value), "null")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
