"""Requests as clients should not send them, and a server that answers them all."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.e2e.serve.models import linear, write_tree
from tests.e2e.serve.running import Running, Start

LIMIT = 20_000
INFER = "/v2/models/line/infer"
TENSOR: dict[str, Any] = {"name": "X", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}


@pytest.fixture(params=["http", "asgi"])
def server(request: pytest.FixtureRequest, start: Start, repository: Path) -> Running:
    return start(repository, "--protocol", request.param, "--max-body", str(LIMIT))


def talk(server: Running, message: bytes, *, half_close: bool = False) -> bytes:
    """Send raw bytes and read until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(message)
        if half_close:
            line.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
        return answer


def post(path: str, body: bytes, *headers: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: here", "Connection: close", *headers]
    if not any(header.lower().startswith(("content-length", "transfer-encoding")) for header in headers):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body


def still_answers(server: Running) -> None:
    assert server.infer([[1, 2, 3]]).json()["outputs"][0]["data"] == [106.0]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", INFER, 405),
        ("POST", "/v2/health/live", 405),
        ("DELETE", "/v2/models/line", 405),
        ("GET", "/v2/repository/index", 405),
        ("GET", "/", 404),
        ("GET", "/v1/models/line", 404),
        ("POST", "/v2/models/nobody/infer", 404),
        ("GET", "/v2/models/line/versions/9", 404),
        ("GET", "/v2/models/line/versions/9/ready", 404),
        ("POST", "/v2/models/%2e%2e%2fline/infer", 404),
        ("GET", "/v2/models//ready", 404),
    ],
)
def test_wrong_methods_and_paths(server: Running, method: str, path: str, status: int) -> None:
    response = requests.request(method, server.url + path, timeout=30)
    assert response.status_code == status
    assert isinstance(response.json()["error"], str)
    assert ("Allow" in response.headers) == (status == 405)


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", "/v2", "/v2/models/line"])
def test_head_answers_like_get_without_a_body(server: Running, path: str) -> None:
    head, get = (requests.request(method, server.url + path, timeout=30) for method in ("HEAD", "GET"))
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["Content-Length"]) == len(get.content) > 0


def test_a_body_above_the_limit_is_refused_before_it_is_read(server: Running) -> None:
    announced = talk(server, post(INFER, b"{", f"Content-Length: {LIMIT * 1000}"))
    assert announced.startswith(b"HTTP/1.1 413 ")
    assert b"more than 20000 bytes" in announced
    chunk = b"%x\r\n" % 15_000 + b" " * 15_000 + b"\r\n"
    assert talk(server, post(INFER, chunk * 2, "Transfer-Encoding: chunked")).startswith(b"HTTP/1.1 413 ")
    still_answers(server)


def test_chunked_bodies_are_taken(server: Running) -> None:
    body = json.dumps({"inputs": [TENSOR]}).encode()
    chunks = b"".join(b"1\r\n" + bytes([byte]) + b"\r\n" for byte in body) + b"0\r\n\r\n"
    assert b'"data":[106.0]' in talk(server, post(INFER, chunks, "Transfer-Encoding: chunked"))


def test_half_a_body_harms_nobody(server: Running) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        line.sendall(post(INFER, b'{"inputs":', "Content-Length: 500"))
    still_answers(server)


def test_no_http_at_all_is_refused(server: Running) -> None:
    for message in (b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET\r\n\r\n", post(INFER, b"{}", "Content-Length: two")):
        assert talk(server, message).startswith(b"HTTP/1.1 400 ")
    still_answers(server)


def test_pipelined_requests_are_answered_in_their_order(start: Start, repository: Path) -> None:
    server = start(repository)
    body = json.dumps({"inputs": [TENSOR]}).encode()
    one = post(INFER, body).replace(b"Connection: close\r\n", b"")
    index = post("/v2/repository/index", b"").replace(b"Connection: close\r\n", b"")
    answer = talk(server, one + index + one + b"GET /v2 HTTP/1.1\r\nConnection: close\r\n\r\n", half_close=True)
    positions = [answer.find(b'"data":[106.0]'), answer.find(b'"READY"'), answer.rfind(b'"data":[106.0]')]
    assert -1 not in positions
    assert positions == sorted(set(positions))
    assert answer.count(b"HTTP/1.1 200 OK") == 4


def test_endless_headers_are_refused(start: Start, repository: Path) -> None:
    server = start(repository)
    answer = talk(server, b"GET /v2 HTTP/1.1\r\nA: " + b"a" * 200_000)
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_expect_100_continue(server: Running) -> None:
    body = json.dumps({"inputs": [TENSOR]}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        head, _, _ = post(INFER, body, "Expect: 100-continue").partition(b"\r\n\r\n")
        line.sendall(head + b"\r\n\r\n")
        assert line.recv(65536).startswith(b"HTTP/1.1 100 ")
        line.sendall(body)
        assert line.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_admin_from_a_page_in_a_browser_is_refused(server: Running) -> None:
    url = f"{server.url}/v2/repository/models/line/unload"
    response = requests.post(url, headers={"Origin": "http://evil.example"}, timeout=30)
    assert response.status_code == 403
    still_answers(server)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all examples; its own start, for `start` lives as long as one test."""
    import os
    import subprocess
    import sys
    from time import sleep

    from tests.e2e.serve.running import is_ready

    folder = write_tree(tmp_path_factory.mktemp("fuzz") / "tree", linear(100), "1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "i4q_ai.serve", str(folder), "--port", str(port)]
    process = subprocess.Popen(command, env=dict(os.environ))
    server = Running(process, port)
    while not is_ready(server.url):
        assert process.poll() is None
        sleep(0.05)
    yield server
    assert process.poll() is None
    server.stop()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NEARLY = st.fixed_dictionaries(
    {"inputs": st.lists(
        st.fixed_dictionaries({
            "name": st.sampled_from(["X", "x", ""]) | JSON,
            "shape": st.lists(st.integers(-2, 4), max_size=3) | st.just([1, 3]) | JSON,
            "datatype": st.sampled_from(["FP32", "INT8", "BYTES"]) | JSON,
            "data": st.lists(st.floats() | st.integers(), min_size=3, max_size=3) | JSON,
        }, optional={"parameters": JSON | st.fixed_dictionaries({"binary_data_size": st.integers(-4, 40)})}),
        max_size=2,
    )},
    optional={"id": JSON, "parameters": JSON, "outputs": JSON},
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    body=st.binary(max_size=64) | (JSON | NEARLY).map(lambda value: json.dumps(value).encode()),
    length=st.none() | st.integers(-5, 300),
)
def test_no_body_brings_the_server_down(fuzzed: Running, body: bytes, length: int | None) -> None:
    headers = {} if length is None else {"Inference-Header-Content-Length": str(length)}
    response = requests.post(fuzzed.url + INFER, data=body, headers=headers, timeout=60)
    assert response.status_code == 200 or 400 <= response.status_code < 500
    assert response.status_code == 200 or isinstance(response.json()["error"], str)


@settings(max_examples=100, suppress_health_check=list(HealthCheck), deadline=None)
@given(
    message=st.binary(min_size=1, max_size=200)
    | st.binary(max_size=60).map(lambda tail: b"POST /v2/models/line/infer HTTP/1.1\r\n" + tail)
)
def test_no_bytes_bring_the_server_down(fuzzed: Running, message: bytes) -> None:
    with socket.create_connection(("127.0.0.1", fuzzed.port), timeout=60) as line:
        line.sendall(message)
    assert requests.get(f"{fuzzed.url}/v2/health/live", timeout=60).status_code == 200
