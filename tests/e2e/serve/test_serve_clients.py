"""Clients of other projects, and our own, against a real server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
import requests
import tritonclient.http as triton

from i4q_ai.errors import InvalidError, ServingError, UnreachableError
from i4q_ai.serve.client import Client
from i4q_ai.serve.conformance import RULES, check
from tests.e2e.serve.models import every_type, linear, logarithm, write_tree
from tests.e2e.serve.running import Running, Start

ROWS = np.array([[1, 2, 3], [4, 5, 6]], dtype=np.float32)
SUMS = np.array([[106], [115]], dtype=np.float32)


@pytest.fixture(params=["http", "asgi"])
def server(request: pytest.FixtureRequest, start: Start, repository: Path) -> Running:
    return start(repository, "--protocol", request.param)


@pytest.mark.parametrize("binary", [True, False])
def test_tritonclient(server: Running, binary: bool) -> None:
    with triton.InferenceServerClient(server.url.removeprefix("http://")) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("line")
        assert client.get_server_metadata()["name"] == "i4q-ai"
        assert client.get_model_metadata("line", "1")["inputs"] == [{"name": "X", "datatype": "FP32", "shape": [-1, 3]}]
        given = triton.InferInput("X", list(ROWS.shape), "FP32")
        given.set_data_from_numpy(ROWS, binary_data=binary)
        # Without outputs this client asks for all of them in binary form, its default.
        outputs = None if binary else [triton.InferRequestedOutput("y", binary_data=False)]
        answer = client.infer("line", [given], outputs=outputs, request_id="7")
        assert answer.get_response()["id"] == "7"
        np.testing.assert_array_equal(answer.as_numpy("y"), SUMS)
        client.load_model("line")
        assert client.get_model_repository_index()[0]["state"] == "READY"


def test_kserve(server: Running) -> None:
    from kserve import InferenceRESTClient, InferInput, InferRequest
    from kserve.inference_client import RESTConfig

    async def ask() -> None:
        client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=30))
        assert await client.is_server_live(server.url)
        assert await client.is_server_ready(server.url)
        assert await client.is_model_ready(server.url, "line")
        for binary in (False, True):
            given = InferInput("X", list(ROWS.shape), "FP32")
            given.set_data_from_numpy(ROWS, binary_data=binary)
            answer = await client.infer(server.url, InferRequest("line", [given]), model_name="line")
            np.testing.assert_array_equal(answer.outputs[0].as_numpy(), SUMS)
        await client.close()

    asyncio.run(ask())


@pytest.mark.parametrize("binary", [True, False])
def test_our_client(server: Running, binary: bool) -> None:
    with Client(server.url, "line") as line:
        assert line.ready()
        assert line.metadata()["platform"] == "onnx_onnxv1"
        for rows in (ROWS, ROWS.tolist(), pd.DataFrame(ROWS, columns=["a", "b", "c"]), {"X": ROWS.astype("f8")}):
            np.testing.assert_array_equal(line.infer(rows, binary=binary)["y"], SUMS)
        np.testing.assert_array_equal(line.predict([1, 2, 3]), SUMS[:1])
        np.testing.assert_array_equal(line.predict(ROWS, version="1"), SUMS)
        with pytest.raises(InvalidError, match="known: X"):
            line.infer({"x": ROWS})
        with pytest.raises(ServingError, match="takes \\[-1, 3\\]") as refused:
            line.infer([[1, 2]])
        assert refused.value.status == 400
        with pytest.raises(ServingError) as missing:
            line.infer(ROWS, version="9")
        assert missing.value.status == 404


def test_our_client_takes_the_url_of_a_model_and_follows_another_schema(start: Start, repository: Path) -> None:
    server = start(repository)
    write_tree(repository / "line" / "t3", logarithm(), "3")
    with Client(f"{server.url}/v2/models/line") as line:
        assert line.predict(ROWS).shape == (2, 1)
        line.load("t3", timeout=60)
        assert line.predict([[1.0]]).tolist() == [[0.0]]
        server.load("t1")
        assert line.predict(ROWS).shape == (2, 1)
        assert [row["version"] for row in line.index()] == ["1"]


def test_nobody_there_is_unreachable(free_port) -> None:
    with (
        Client(f"http://127.0.0.1:{free_port()}", "line") as line,
        pytest.raises(UnreachableError, match=r"127\.0\.0\.1"),
    ):
        line.ready()


def test_every_datatype_goes_through_and_back(start: Start, tmp_path: Path) -> None:
    write_tree(tmp_path / "tree", every_type(), "1")
    server = start(tmp_path / "tree", "--name", "types")
    rows = {
        "bool": np.array([[True, False]]),
        "u8": np.array([[0, 255]], dtype=np.uint8),
        "i64": np.array([[-(2**63), 2**63 - 1]], dtype=np.int64),
        "f16": np.array([[1.5, -2]], dtype=np.float16),
        "f32": np.array([[np.nan, np.inf]], dtype=np.float32),
        "f64": np.array([[1e300, -1e-300]]),
        "text": np.array([["übergroß", ""]], dtype=object),
    }
    with Client(server.url, "types") as types:
        answers = types.infer(rows)
        for name, sent in rows.items():
            np.testing.assert_array_equal(answers[f"{name}_out"], sent)
        with pytest.raises(InvalidError, match="no form in JSON"):
            types.infer(rows, binary=False)


def test_nan_in_an_answer_needs_binary(start: Start, tmp_path: Path) -> None:
    server = start(write_tree(tmp_path / "tree", logarithm(), "1"))
    refused = server.infer([[-1.0]])
    assert refused.status_code == 500
    assert "output 'y' has NaN" in refused.json()["error"]
    with Client(server.url, "line") as line:
        assert np.isnan(line.predict([[-1.0]]))


def test_conformance(server: Running) -> None:
    findings = check(server.url)
    assert len(findings) == len(RULES)
    assert [finding for finding in findings if finding.result != "ok"] == []


def test_conformance_finds_what_is_wrong(server: Running) -> None:
    findings = {finding.rule: finding for finding in check(server.url, "nobody")}
    assert findings["infer takes flat data"].result == "failed"
    assert "unknown model 'nobody'" in findings["infer takes flat data"].seen


def test_metrics_count_what_happened(server: Running) -> None:
    for _ in range(3):
        server.infer([[1, 2, 3]])
    server.infer([[1, 2]])
    server.infer([[1, 2, 3]], model="nobody")
    text = requests.get(f"{server.url}/metrics", timeout=30).text
    assert 'i4q_requests_total{code="200",model="line",version="1"} 3.0' in text
    assert 'i4q_requests_total{code="400",model="line",version="1"} 1.0' in text
    assert 'i4q_requests_total{code="404",model="",version=""} 1.0' in text
    assert 'i4q_request_seconds_count{model="line",version="1"} 4.0' in text
    assert 'i4q_model_default{model="line",version="1"} 1.0' in text


def test_a_folder_of_onnx_files_needs_no_description(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "wear"
    folder.mkdir()
    (folder / "any.onnx").write_bytes(linear(100))
    server = start(folder)
    assert server.infer([[1, 2, 3]], model="wear").json()["model_version"] == "1"


def test_answers_are_as_the_published_schema_says(server: Running) -> None:
    document = requests.get(f"{server.url}/v2/openapi.json", timeout=30).json()

    def fits(schema: str, answer: requests.Response) -> None:
        jsonschema.validate(answer.json(), {**document, "$ref": f"#/components/schemas/{schema}"})

    fits("Server", requests.get(f"{server.url}/v2", timeout=30))
    fits("Health", requests.get(f"{server.url}/v2/health/ready", timeout=30))
    fits("Model", requests.get(f"{server.url}/v2/models/line", timeout=30))
    fits("ModelReady", requests.get(f"{server.url}/v2/models/line/ready", timeout=30))
    fits("InferResponse", server.infer([[1, 2, 3]], id="7"))
    fits("Error", server.infer([[1, 2]]))
    fits("Error", requests.get(f"{server.url}/nothing", timeout=30))
    for row in server.index():
        jsonschema.validate(row, {**document, "$ref": "#/components/schemas/IndexRow"})
