"""Inference requests: what fits the model becomes arrays, everything else a 400 that names what is at fault."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from i4q_ai.errors import ServingError
from i4q_ai.serve.datatypes import DATATYPES, of_array, to_bytes
from i4q_ai.serve.decode import decode
from i4q_ai.serve.encode import encode
from i4q_ai.serve.signature import signature, spec

SIGNATURE = signature(
    [spec("X", "FP32", (-1, 2)), spec("n", "UINT8", (-1,))], [spec("y", "FP32", (-1,)), spec("label", "BYTES", (-1,))]
)
N = {"name": "n", "shape": [1], "datatype": "UINT8", "data": [7]}


def only(datatype: str, *shape: int) -> Any:
    return signature([spec("X", datatype, shape)], [])


def x(**changes: object) -> dict[str, Any]:
    return {"name": "X", "shape": [2, 2], "datatype": "FP32", "data": [[1, 2.5], [3, 4]], **changes}


def read(document: object, signature: Any = SIGNATURE) -> Any:
    return decode(json.dumps(document).encode(), None, signature)


def refusal(document: object, signature: Any = SIGNATURE) -> str:
    with pytest.raises(ServingError) as refused:
        read(document, signature)
    assert refused.value.status == 400
    return str(refused.value)


@pytest.mark.parametrize("data", [[[1, 2.5], [3, 4]], [1, 2.5, 3, 4]])
def test_nested_and_flat_data_are_the_same(data: list[Any]) -> None:
    request = read({"inputs": [x(data=data), N]})
    np.testing.assert_array_equal(request.inputs["X"], np.array([[1, 2.5], [3, 4]], dtype=np.float32))
    assert request.inputs["X"].dtype == np.float32
    assert request.outputs == {"y": False, "label": False}


def test_an_empty_batch_is_a_batch() -> None:
    assert read({"inputs": [x(shape=[0, 2], data=[])]}, only("FP32", -1, 2)).inputs["X"].shape == (0, 2)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "a JSON array, not an object"),
        ({}, "'inputs' is missing"),
        ({"inputs": {}}, "'inputs' is a object"),
        ({"inputs": [1]}, "an input is a number"),
        ({"inputs": [{}]}, "an input has no 'name'"),
        ({"inputs": []}, "missing input 'X', 'n'"),
        ({"inputs": [x()]}, "missing input 'n'"),
        ({"inputs": [x(), x(), N]}, "input 'X' is given twice"),
        ({"inputs": [x(name="XX")]}, "unknown input 'XX'"),
        ({"inputs": [x(date=1)]}, "unknown field 'date' (hint: did you mean 'data'?)"),
        ({"inputs": [x(datatype="FP64")]}, "input 'X' has datatype 'FP64', the model takes FP32"),
        ({"inputs": [x(datatype=[[1], [1, 2]])]}, "input 'X' has datatype [[1], [1, 2]], the model takes FP32"),
        ({"inputs": [x(shape=[2, [[1], [1, 2]]])]}, "input 'X' has [[1], [1, 2]] in its shape"),
        ({"inputs": [x(shape=None)]}, "input 'X' has no 'shape'"),
        ({"inputs": [x(shape=[2, -1])]}, "input 'X' has -1 in its shape"),
        ({"inputs": [x(shape=[2, True])]}, "input 'X' has True in its shape"),
        ({"inputs": [x(shape=[2, 3])]}, "input 'X' has shape [2, 3], the model takes [-1, 2]"),
        ({"inputs": [x(shape=[4])]}, "input 'X' has shape [4], the model takes [-1, 2]"),
        ({"inputs": [x(shape=[3, 2])]}, "input 'X' has 2 entries where its shape [3, 2] has 3"),
        ({"inputs": [x(data=[1, 2, 3])]}, "input 'X' has 3 elements, its shape [2, 2] has 4"),
        ({"inputs": [x(data=[[1, 2], [3]])]}, "input 'X' has rows of other lengths than 2"),
        ({"inputs": [x(data=[[1, 2], 3])]}, "input 'X' is nested unevenly"),
        ({"inputs": [x(data=[[1, 2], [3, [4]]])]}, "input 'X' has an element that is no FP32: [4] at 3"),
        ({"inputs": [x(data=None)]}, "input 'X' has no 'data'"),
        ({"inputs": [x(data=["1", 2, 3, 4])]}, "input 'X' has an element that is no FP32: '1' at 0"),
        ({"inputs": [x(data=[1, None, 3, 4])]}, "input 'X' has an element that is no FP32: null at 1"),
        ({"inputs": [x(data=[1, True, 3, 4])]}, "input 'X' has a boolean among its FP32 elements"),
        ({"inputs": [x(data=[1, 1e39, 3, 4])]}, "input 'X' has an element out of the range of FP32"),
        ({"inputs": [x(parameters=[])]}, "'parameters' of input 'X' is a array"),
        ({"inputs": [x(parameters={"a": []})]}, "parameter 'a' of input 'X' is a array"),
        ({"inputs": [x(), {**N, "data": [256]}]}, "input 'n' has an element out of the range of UINT8: 256 at 0"),
        ({"inputs": [x(), {**N, "data": [-1]}]}, "input 'n' has an element out of the range of UINT8: -1 at 0"),
        ({"inputs": [x(), {**N, "data": [1.5]}]}, "input 'n' has an element that is no UINT8: 1.5 at 0"),
        ({"inputs": [x(), N], "id": 7}, "'id' is a number"),
        ({"inputs": [x(), N], "outputs": [{}]}, "a requested output has no 'name'"),
        ({"inputs": [x(), N], "outputs": [{"name": "z"}]}, "unknown output 'z'"),
        ({"inputs": [x(), N], "outputs": [{"name": "y"}] * 2}, "output 'y' is requested twice"),
        ({"inputs": [x(), N], "outputs": 1}, "'outputs' is a number"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_name(document: object, said: str) -> None:
    assert said in refusal(document)


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 5000, b'{"inputs": [NaN]}', b"\xff", b"nothing"])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(ServingError, match="the body is not JSON"):
        decode(body, None, SIGNATURE)


def test_fp16_has_no_form_in_json() -> None:
    assert "no form in JSON" in refusal({"inputs": [x(datatype="FP16")]}, only("FP16", -1, 2))


def test_requested_outputs_and_their_form() -> None:
    outputs = [{"name": "label"}, {"name": "y", "parameters": {"binary_data": False}}]
    request = read({"inputs": [x(), N], "outputs": outputs, "parameters": {"binary_data_output": True}, "id": "a"})
    assert list(request.outputs.items()) == [("label", True), ("y", False)]
    assert request.id == "a"


def binary(chunk: bytes, size: object, signature: Any, *, head: int | None = None, **changes: object) -> Any:
    tensor = {**x(parameters={"binary_data_size": size}, **changes)}
    del tensor["data"]
    text = json.dumps({"inputs": [tensor]}).encode()
    return decode(text + chunk, len(text) if head is None else head, signature)


FLOATS = np.array([[1, 2.5], [3, np.nan]], dtype="<f4")


def test_binary_tensors_and_their_nan() -> None:
    request = binary(FLOATS.tobytes(), 16, only("FP32", -1, 2))
    np.testing.assert_array_equal(request.inputs["X"], FLOATS)
    assert request.inputs["X"].flags.aligned


@pytest.mark.parametrize(
    ("chunk", "size", "said"),
    [
        (bytes(16), 12, "has 12 bytes of binary data, its shape [2, 2] has 16"),
        (bytes(12), 16, "wants 16 bytes of binary data, but 12 are left"),
        (bytes(20), 16, "4 bytes of binary data belong to no input"),
        (bytes(16), "16", "has binary_data_size '16'"),
        (bytes(16), -16, "has binary_data_size -16"),
        (bytes(16), True, "has binary_data_size True"),
    ],
)
def test_binary_sizes_must_add_up(chunk: bytes, size: object, said: str) -> None:
    with pytest.raises(ServingError) as refused:
        binary(chunk, size, only("FP32", -1, 2))
    assert refused.value.status == 400
    assert said in str(refused.value)


@pytest.mark.parametrize("head", [-1, 0, 10_000])
def test_the_header_length_lies_within_the_body(head: int) -> None:
    with pytest.raises(ServingError, match="Inference-Header-Content-Length is"):
        binary(bytes(16), 16, only("FP32", -1, 2), head=head)


def test_data_and_binary_data_together_are_refused() -> None:
    assert "both 'data' and" in refusal({"inputs": [x(parameters={"binary_data_size": 16})]}, only("FP32", -1, 2))


def test_a_bool_is_one_byte_of_two_values() -> None:
    request = binary(b"\0\1\1\0", 4, only("BOOL", -1, 2), datatype="BOOL")
    assert request.inputs["X"].tolist() == [[False, True], [True, False]]
    with pytest.raises(ServingError, match="neither 0 nor 1"):
        binary(b"\0\2\1\0", 4, only("BOOL", -1, 2), datatype="BOOL")


@pytest.mark.parametrize(
    ("chunk", "said"),
    [
        (b"\2\0\0\0ab\1\0", "reaches beyond"),
        (b"\2\0\0\0ab\x09\0\0\0c", "reaches beyond"),
        (b"\1\0\0\0\xff", "not UTF-8"),
        (b"\1\0\0\0a", "has 1 BYTES elements"),
    ],
)
def test_broken_strings_are_refused(chunk: bytes, said: str) -> None:
    with pytest.raises(ServingError, match=said):
        binary(chunk, len(chunk), only("BYTES", -1, 2), datatype="BYTES")


NUMERIC = [name for name in DATATYPES if name not in ("BYTES", "BOOL", "FP16")]
ARRAYS = st.sampled_from(NUMERIC).flatmap(
    lambda name: hnp.arrays(
        DATATYPES[name].dtype,
        hnp.array_shapes(min_dims=1, max_dims=3, max_side=4),
        elements=hnp.from_dtype(DATATYPES[name].dtype, allow_nan=False, allow_infinity=False),
    )
)


@given(array=ARRAYS, nested=st.booleans(), raw=st.booleans())
def test_what_is_encoded_can_be_decoded(array: Any, nested: bool, raw: bool) -> None:
    datatype = of_array(array)
    wanted = signature([spec("X", datatype, (-1,) * array.ndim)], [])
    tensor: dict[str, Any] = {"name": "X", "shape": list(array.shape), "datatype": datatype}
    tail = b""
    if raw:
        tail = to_bytes(array, datatype)
        tensor["parameters"] = {"binary_data_size": len(tail)}
    else:
        tensor["data"] = array.tolist() if nested else array.ravel().tolist()
    text = json.dumps({"inputs": [tensor]}).encode()
    np.testing.assert_array_equal(decode(text + tail, len(text), wanted).inputs["X"], array)


@given(array=ARRAYS, raw=st.booleans())
def test_an_answer_holds_what_the_model_said(array: Any, raw: bool) -> None:
    from i4q_ai.serve.wire import unpack

    response = encode({"y": array}, {"y": raw}, model="m", version="1", request_id="7")
    length = dict(response.headers).get(b"inference-header-content-length")
    np.testing.assert_array_equal(unpack(response.body, int(length) if length else None)["y"], array)
    head = json.loads(response.body[: int(length)] if length else response.body)
    assert (head["model_name"], head["model_version"], head["id"]) == ("m", "1", "7")


def test_what_has_no_form_in_json_says_so() -> None:
    for array in (np.array([np.nan], dtype=np.float32), np.array([np.inf]), np.array([1], dtype=np.float16)):
        with pytest.raises(ServingError, match=r"output 'y' .* no form in JSON") as refused:
            encode({"y": array}, {"y": False}, model="m", version="1", request_id=None)
        assert refused.value.status == 500
        assert encode({"y": array}, {"y": True}, model="m", version="1", request_id=None).status == 200


def test_the_word_null_in_a_string_is_no_nan() -> None:
    answer = encode({"y": np.array(["null"], dtype=object)}, {"y": False}, model="m", version="1", request_id="null")
    assert answer.status == 200
