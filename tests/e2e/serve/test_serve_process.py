"""How a server starts, and how it ends."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from pathlib import Path
from time import monotonic, sleep

import requests

from tests.e2e.serve.models import endless, linear, looping, write_tree
from tests.e2e.serve.running import Load, Running, Start


def ended(server: Running) -> tuple[int, str]:
    code = server.process.wait(60)
    return code, server.process.stderr.read().decode()


def test_a_port_in_use_is_one_clear_line(start: Start, repository: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = ended(start(repository, "--port", str(port), ready=False))
    assert code == 98
    assert said == f"port {port} of 127.0.0.1 is in use (hint: take another, or 0 for a free one)\n"


def test_no_folder_and_no_model_are_told_apart(start: Start, tmp_path: Path) -> None:
    code, said = ended(start(tmp_path / "nowhere", ready=False))
    assert (code, said) == (2, f"there is no folder {tmp_path / 'nowhere'}\n")
    code, said = ended(start(tmp_path, ready=False))
    assert code == 2
    assert said.startswith(f"there is no model in {tmp_path}")


def test_a_model_that_cannot_be_loaded_leaves_the_server_alive_but_not_ready(start: Start, tmp_path: Path) -> None:
    server = start(write_tree(tmp_path / "tree", b"junk", "1"), ready=False)
    deadline = monotonic() + 60
    while not _answers(server) or not server.index()[0]["reason"].startswith("FAILED: "):
        assert monotonic() < deadline
        sleep(0.05)  # nothing but asking tells
    assert requests.get(f"{server.url}/v2/health/live", timeout=30).status_code == 200
    assert requests.get(f"{server.url}/v2/health/ready", timeout=30).status_code == 503
    assert requests.get(f"{server.url}/v2/models/line/ready", timeout=30).json()["ready"] is False
    refused = server.infer([[1, 2, 3]])
    assert refused.status_code == 503
    assert "cannot be loaded" in refused.json()["error"]
    assert refused.headers["Retry-After"] == "1"


def test_a_model_that_cannot_be_loaded_ends_a_server_that_has_no_other(start: Start, tmp_path: Path) -> None:
    tree = write_tree(tmp_path / "tree", b"junk", "1")
    code, said = ended(start(tree, "--only", ready=False))
    assert code == 3
    assert "line" in said.splitlines()[-1]
    assert "cannot be loaded" in said.splitlines()[-1]


def test_a_model_that_can_be_loaded_is_served_by_a_server_that_has_no_other(start: Start, tmp_path: Path) -> None:
    server = start(write_tree(tmp_path / "tree", linear(1), "1"), "--only")
    assert server.infer([[1, 2, 3]]).json()["outputs"][0]["data"] == [7.0]
    assert server.stop() == 0


def _answers(server: Running) -> bool:
    try:
        return requests.get(f"{server.url}/v2/health/live", timeout=10).status_code == 200
    except requests.ConnectionError:
        return False


def test_of_several_models_a_broken_one_stops_no_other(start: Start, repository: Path) -> None:
    write_tree(repository / "broken" / "t1", b"", "1", format="segfault")
    server = start(repository, ready=False)
    deadline = monotonic() + 60
    while not _answers(server) or {row["state"] for row in server.index()} != {"READY", "UNAVAILABLE"}:
        assert monotonic() < deadline
        sleep(0.05)  # nothing but asking tells
    assert server.infer([[1, 2, 3]]).status_code == 200


def test_the_instance_is_given_back(start: Start, repository: Path) -> None:
    server = start(repository, "--instance", "token-7")
    for path in ("/v2", "/v2/health/live", "/v2/health/ready"):
        assert requests.get(server.url + path, timeout=30).headers["I4q-Instance"] == "token-7"


def test_models_added_later_can_be_loaded(start: Start, repository: Path) -> None:
    server = start(repository)
    write_tree(repository / "later" / "t1", linear(1), "1")
    assert server.load(model="later").status_code == 200
    assert server.infer([[1, 2, 3]], model="later").json()["outputs"][0]["data"] == [7.0]


def test_the_highest_version_is_served_where_current_names_none(start: Start, repository: Path) -> None:
    (repository / "line" / "current").unlink()
    write_tree(repository / "line" / "a", linear(10), "10")
    assert start(repository).infer([[1, 2, 3]]).json()["model_version"] == "10"


def test_a_slow_model_holds_up_neither_health_nor_the_end(start: Start, tmp_path: Path) -> None:
    # It never answers. The line before it is short, so it fills up; health goes on; the end does not wait for ever.
    tree = write_tree(tmp_path / "tree", endless(), "1")
    server = start(tree, "--queue", "1", "--drain", "1", "--self-test-timeout", "5", ready=False)
    deadline = monotonic() + 60
    while not _answers(server):
        assert monotonic() < deadline
        sleep(0.05)  # nothing but asking tells
    assert requests.get(f"{server.url}/v2/health/ready", timeout=30).status_code == 503
    assert server.stop() == 0


def test_a_full_line_before_a_slow_model_is_told_and_health_goes_on(start: Start, tmp_path: Path) -> None:
    server = start(write_tree(tmp_path / "tree", looping(100_000), "1"), "--queue", "0")
    statuses: list[int] = []
    together = threading.Barrier(9)

    def ask() -> None:
        together.wait(60)
        response = server.infer([[1, 2, 3]])
        assert response.status_code == 200 or response.headers["Retry-After"] == "1"
        statuses.append(response.status_code)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    together.wait(60)
    assert requests.get(f"{server.url}/v2/health/ready", timeout=30).status_code == 200
    for thread in threads:
        thread.join(120)
    assert len(statuses) == 8
    assert set(statuses) == {200, 503}
    assert server.infer([[1, 2, 3]]).status_code == 200


def test_a_stop_lets_requests_in_flight_end(start: Start, repository: Path) -> None:
    server = start(repository)
    with Load(server.port) as load:
        codes: list[int] = []
        stopping = threading.Thread(target=lambda: codes.append(server.stop()))
        stopping.start()
        stopping.join(60)
    assert codes == [0]
    assert {status for status, _ in load.answers} <= {200, 0}


def test_a_request_that_is_half_sent_when_the_stop_comes_is_answered(start: Start, repository: Path) -> None:
    server = start(repository)
    body = json.dumps({"inputs": [{"name": "X", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}]}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", "/v2/models/line/infer")
    connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body[:10])
    # An answer on another connection: the server has read what came before it.
    assert server.infer([[1, 2, 3]]).status_code == 200
    server.process.terminate()
    while _answers(server):
        sleep(0.01)  # nothing but asking tells
    connection.send(body[10:])
    response = connection.getresponse()
    assert (response.status, json.loads(response.read())["outputs"][0]["data"]) == (200, [106.0])
    assert response.headers["Connection"] == "close"
    assert server.process.wait(60) == 0
