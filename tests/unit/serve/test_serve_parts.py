"""Signatures, verdicts, the client's arrays, addresses, the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from i4q_ai.errors import FormatError, InvalidError, ServingError
from i4q_ai.serve import ServeOptions
from i4q_ai.serve.__main__ import parser
from i4q_ai.serve.asgi import is_local
from i4q_ai.serve.child import judge
from i4q_ai.serve.client import Client
from i4q_ai.serve.served import Served, error_response
from i4q_ai.serve.signature import Signature, settle, signature, spec
from i4q_ai.serve.trial import try_out
from i4q_ai.serve.wire import fit, unpack

FOUND = signature([spec("X", "FP32", (-1, 3))], [spec("y", "FP32", (-1, 1)), spec("z", "FP32", ())])


class Runner:
    """Answers what it is told to."""

    platform = "test"
    signature = FOUND

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def run(self, inputs: dict[str, Any], outputs: Any) -> dict[str, Any]:
        if isinstance(self.answers.get("error"), Exception):
            raise self.answers["error"]
        return {name: self.answers[name] for name in outputs}


def test_nothing_claimed_takes_what_was_found() -> None:
    assert settle(None, FOUND) is FOUND
    assert settle(Signature({}, {}), FOUND) == FOUND


def test_a_claim_may_say_more_than_the_runtime_knows() -> None:
    claimed = signature([spec("X", "FP32", (-1, 3))], [spec("y", "FP32", (-1, 1)), spec("z", "FP32", (-1, 2))])
    assert settle(claimed, FOUND).outputs["z"].shape == (-1, 2)


@pytest.mark.parametrize(
    ("claimed", "said"),
    [
        (("Z", "FP32", (-1, 3)), "its inputs are"),
        (("X", "INT8", (-1, 3)), "is INT8"),
        (("X", "FP32", (-1, 4)), "shape"),
    ],
)
def test_a_claim_that_is_not_so_is_refused(claimed: Any, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        settle(signature([spec(*claimed)], []), FOUND)


GOOD = {"y": np.zeros((1, 1), dtype=np.float32), "z": np.zeros(4, dtype=np.float32)}


def test_a_model_that_answers_what_it_claims_is_tried_out() -> None:
    assert try_out(Runner(**GOOD), FOUND, rounds=2) >= 0


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (np.zeros((1, 2), dtype=np.float32), r"'y' has shape \[-1, 1\], but it answers \[1, 2\]"),
        (np.zeros((1, 1), dtype=np.int64), "'y' is FP32, but it answers INT64"),
        ([{"a": 1}], "'y' is a list, no tensor"),
    ],
)
def test_a_model_that_answers_something_else_is_refused(answer: Any, said: str) -> None:
    with pytest.raises(FormatError, match=said):
        try_out(Runner(**{**GOOD, "y": answer}), FOUND)


def test_made_up_input_judges_only_where_it_can_fit() -> None:
    refusing = Runner(error=FormatError("no"))
    with pytest.raises(FormatError):
        try_out(refusing, FOUND)
    assert try_out(refusing, signature([spec("X", "FP32", (-1, -1))], [])) == 0


@pytest.mark.parametrize(
    ("code", "out", "err", "said"),
    [
        (0, b'{"ok": true}', b"a warning", ""),
        (0, b'{"ok": false, "reason": "no"}', b"", "no"),
        (-11, b"", b"a\nlast words", "its self-test crashed with SIGSEGV: last words"),
        (-9, b"", b"", "its self-test crashed with SIGKILL"),
        (1, b"", b"", "its self-test ended with code 1 and no verdict"),
        (0, b"half a verd", b"", "its self-test ended with code 0 and no verdict"),
    ],
)
def test_the_end_of_a_self_test_in_words(code: int, out: bytes, err: bytes, said: str) -> None:
    assert judge(code, out, err) == said


def spec_row(datatype: str, *shape: int) -> dict[str, Any]:
    return {"name": "X", "datatype": datatype, "shape": list(shape)}


@pytest.mark.parametrize(
    ("value", "row", "shape"),
    [
        ([[1, 2], [3, 4]], spec_row("FP32", -1, 2), (2, 2)),
        ([1, 2], spec_row("FP32", -1, 2), (1, 2)),
        ([1, 2, 3], spec_row("FP64", -1, 1), (3, 1)),
        (["a", "b"], spec_row("BYTES", -1, 1), (2, 1)),
        (np.array([1.0, 2.0]), spec_row("INT64", -1), (2,)),
    ],
)
def test_values_become_the_arrays_that_the_model_takes(value: Any, row: dict[str, Any], shape: tuple[int, ...]) -> None:
    assert fit(value, row).shape == shape


@pytest.mark.parametrize(
    ("value", "row"),
    [
        ([1.5], spec_row("INT64", -1)),
        ([300], spec_row("UINT8", -1)),
        (["a"], spec_row("FP32", -1)),
        ([[1], [1, 2]], spec_row("FP32", -1, 1)),
        ([np.nan], spec_row("INT32", -1)),
    ],
)
def test_values_that_would_change_are_refused(value: Any, row: dict[str, Any]) -> None:
    with pytest.raises(InvalidError, match="input 'X'"):
        fit(value, row)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b'{"outputs": [{"name": "y"}]}', b'{"outputs": 1}'])
def test_an_answer_that_is_none_is_said(body: bytes) -> None:
    with pytest.raises(ServingError, match="no inference response"):
        unpack(body, None)


def test_a_client_needs_a_model() -> None:
    assert Client("http://h:1/v2/models/wear").model == "wear"
    assert Client("http://h:1/v2", "wear").url == "http://h:1"
    with pytest.raises(InvalidError, match="names no model"):
        Client("http://h:1")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_local(host: str) -> None:
    assert is_local((host, 1))


@pytest.mark.parametrize("host", ["10.0.0.1", "fe80::1%eth0", "::ffff:10.0.0.1"])
def test_all_else_is_not(host: str) -> None:
    assert not is_local((host, 1))


def test_busy_machines_make_no_model_slow_but_work_does() -> None:
    from i4q_ai.serve.tree import Tree

    tree = Tree(Path(), "m", "1", "onnx", None, "")
    assert not Served(tree, Runner(), FOUND, 0.0001).is_slow(1000)
    assert Served(tree, Runner(), FOUND, 0.0001).is_slow(1 << 20)
    assert Served(tree, Runner(), FOUND, 0.1).is_slow(10)


def test_unforeseen_errors_are_answered_as_500() -> None:
    assert error_response(RuntimeError("boom")).status == 500
    assert dict(error_response(ServingError("full", status=503)).headers) == {b"retry-after": b"1"}


def test_the_command_line_has_every_option() -> None:
    given = vars(parser().parse_args(["models", "--no-self-test"]))
    given.pop("verbose")
    assert ServeOptions(**given) == ServeOptions(folder=Path("models"), self_test=False)


def test_a_server_in_a_pod_serves_its_model_or_ends() -> None:
    given = vars(parser().parse_args(["models", "--only"]))
    given.pop("verbose")
    assert ServeOptions(**given) == ServeOptions(folder=Path("models"), only=True)
    assert not ServeOptions(folder=Path("models")).only


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    heavy = ["numpy", "onnxruntime", "requests", "uvloop", "orjson"]
    code = f"import sys, i4q_ai.serve; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
