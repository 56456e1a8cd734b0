"""Arrays → the body of an inference response."""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from i4q_ai.errors import ServingError
from i4q_ai.serve.datatypes import Array, of_array, to_bytes
from i4q_ai.serve.messages import BINARY, Response


def encode(
    outputs: dict[str, Array], binary: dict[str, bool], *, model: str, version: str, request_id: str | None
) -> Response:
    """Write an inference response.

    Args:
        outputs: name → array.
        binary: name → whether in binary form; gives the order.
        model, version: that answered.
        request_id: of the request, given back.

    Raises:
        ServingError: status 500; an output has no form in JSON (NaN, infinity, FP16).
    """
    rows: list[dict[str, Any]] = []
    tail: list[bytes] = []
    for name, raw in binary.items():
        array = outputs[name]
        datatype = of_array(array)
        row: dict[str, Any] = {"name": name, "shape": array.shape, "datatype": datatype}
        if raw:
            chunk = to_bytes(array, datatype)
            row["parameters"] = {"binary_data_size": len(chunk)}
            tail.append(chunk)
        else:
            row["data"] = _listed(name, array, datatype)
        rows.append(row)
    document: dict[str, Any] = {"model_name": model, "model_version": version}
    if request_id is not None:
        document["id"] = request_id
    document["outputs"] = rows
    head = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    # orjson writes NaN and infinity as null; looking for the word is cheaper than looking at every number.
    if b"null" in head:
        _refuse_infinite(outputs, binary)
    if not tail:
        return Response(200, head)
    length = (b"inference-header-content-length", b"%d" % len(head))
    return Response(200, b"".join((head, *tail)), BINARY, (length,))


def _listed(name: str, array: Array, datatype: str) -> Any:
    if datatype == "BYTES":
        return [_text(element) for element in array.ravel().tolist()]
    if datatype == "FP16":
        raise _no_json(name, "is FP16, which has no form in JSON")
    return array.ravel()


def _text(element: Any) -> str:
    return element.decode("utf-8", "replace") if isinstance(element, bytes) else str(element)


def _refuse_infinite(outputs: dict[str, Array], binary: dict[str, bool]) -> None:
    for name, raw in binary.items():
        array = outputs[name]
        if not raw and array.dtype.kind == "f" and not np.isfinite(array).all():
            raise _no_json(name, "has NaN or infinite elements, which have no form in JSON")


def _no_json(name: str, why: str) -> ServingError:
    return ServingError(f"output '{name}' {why}", status=500, hint='request it with "binary_data": true')
