"""A new version takes over under load, or does not; either way no request fails."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from time import monotonic, sleep

import pytest
import requests

from i4q_ai.serve.client import Client
from tests.e2e.serve.models import endless, linear, write_tree
from tests.e2e.serve.running import Load, Start

OLD, NEW = 106.0, 206.0
"""What versions 1 and 2 answer to 1 + 2 + 3."""


def test_a_new_version_takes_over_without_a_failed_request(start: Start, repository: Path) -> None:
    server = start(repository)
    with Load(server.port) as load:
        for tree in ("t2", "t1", "t2"):
            assert server.load(tree).status_code == 200
            load.more(40)
    assert {status for status, _ in load.answers} == {200}
    assert {value for _, value in load.answers} == {OLD, NEW}
    assert load.answers[-1] == (200, NEW)
    assert server.index() == [{"name": "line", "version": "2", "state": "READY", "reason": ""}]


BROKEN = {
    "not ONNX": (b"junk", {}, "cannot be loaded"),
    "empty file": (b"", {}, "cannot be loaded"),
    "segmentation fault": (b"", {"format": "segfault"}, "SIGSEGV"),
    "abort": (b"", {"format": "abort"}, "SIGABRT"),
    "silent exit": (b"", {"format": "silence"}, "no verdict"),
    "eats memory": (b"", {"format": "eat"}, "memory"),
    "hangs": (endless(), {}, "longer than"),
    "unknown format": (b"", {"format": "onyx"}, "did you mean 'onnx'"),
    "pickle": (b"", {"format": "pickle"}, "runs code"),
    "another input than it claims": (
        linear(1),
        {"inputs": [{"name": "Z", "datatype": "FP32", "shape": [-1, 3]}]},
        "its inputs are ['Z'], but they are ['X']",
    ),
    "another datatype than it claims": (
        linear(1),
        {"outputs": [{"name": "y", "datatype": "INT64", "shape": [-1, 1]}]},
        "'y' is INT64, but it is FP32",
    ),
    "another shape than it claims": (
        linear(1),
        {"inputs": [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}]},
        "has shape [-1, 4], but it has [-1, 3]",
    ),
    "broken description": (linear(1), {"inputs": "none"}, "inputs"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_the_old_version_goes_on_when_the_new_one_is(kind: str, start: Start, repository: Path) -> None:
    content, about, reason = BROKEN[kind]
    patience = "5" if kind == "hangs" else "60"
    server = start(repository, "--self-test-timeout", patience, "--memory-limit", str(1 << 30))
    write_tree(repository / "line" / "t3", content, "3", **about)
    with Load(server.port) as load:
        response = server.load("t3")
        load.more(40)
    assert response.status_code in (400, 501)
    assert reason in response.json()["error"]
    assert set(load.answers) == {(200, OLD)}
    ready, failed = server.index()
    assert (ready["version"], ready["state"]) == ("1", "READY")
    assert (failed["state"], failed["reason"].startswith("FAILED: ")) == ("UNAVAILABLE", True)
    assert reason in failed["reason"]
    assert server.children() == []


def test_a_killed_self_test_is_a_failed_load(start: Start, repository: Path) -> None:
    server = start(repository)
    write_tree(repository / "line" / "t3", endless(), "3")
    with Load(server.port) as load:
        answers = []
        loading = threading.Thread(target=lambda: answers.append(server.load("t3")))
        loading.start()
        deadline = monotonic() + 60
        while not server.children():
            assert monotonic() < deadline
            sleep(0.01)  # nothing tells that a process has a child
        os.kill(server.children()[0], signal.SIGKILL)
        loading.join(60)
    assert answers[0].status_code == 400, answers[0].text
    assert "SIGKILL" in answers[0].json()["error"]
    assert set(load.answers) == {(200, OLD)}


def test_a_version_that_failed_is_forgotten_with_the_next_that_works(start: Start, repository: Path) -> None:
    server = start(repository)
    write_tree(repository / "line" / "t3", b"junk", "3")
    assert server.load("t3").status_code == 400
    assert server.load("t2").status_code == 200
    assert [row["state"] for row in server.index()] == ["READY"]


def test_loading_what_is_loaded_changes_nothing_unless_its_content_did(start: Start, repository: Path) -> None:
    server = start(repository)
    assert server.load().status_code == 200
    assert server.infer([[1, 2, 3]]).json()["outputs"][0]["data"] == [OLD]
    (repository / "line" / "t1" / "model.onnx").write_bytes(linear(300))
    assert server.load().status_code == 200
    assert server.infer([[1, 2, 3]]).json()["outputs"][0]["data"] == [306.0]


def test_without_a_tree_the_one_that_current_names_is_loaded(start: Start, repository: Path) -> None:
    server = start(repository)
    current = repository / "line" / "current"
    current.unlink()
    current.symlink_to("t2")
    assert server.load().status_code == 200
    assert server.infer([[1, 2, 3]]).json()["model_version"] == "2"


@pytest.mark.parametrize("tree", ["t9", "../line/t2", "/etc", ".", ".."])
def test_a_tree_that_is_not_there_is_not_loaded(tree: str, start: Start, repository: Path) -> None:
    server = start(repository)
    assert server.load(tree).status_code in (400, 404)
    assert server.infer([[1, 2, 3]]).json()["model_version"] == "1"


def test_unload_and_load_again(start: Start, repository: Path) -> None:
    server = start(repository)
    url = f"{server.url}/v2/repository/models/line/unload"
    assert requests.post(url, timeout=30).status_code == 200
    assert server.infer([[1, 2, 3]]).status_code == 503
    assert server.index() == [{"name": "line", "version": "", "state": "UNAVAILABLE", "reason": "unloaded"}]
    assert server.load().status_code == 200
    assert server.infer([[1, 2, 3]]).status_code == 200


def test_all_versions_can_be_served(start: Start, repository: Path) -> None:
    server = start(repository, "--all-versions")
    with Client(server.url, "line") as line:
        assert line.metadata()["versions"] == ["1", "2"]
        assert [float(line.predict([[1, 2, 3]], version=version)[0, 0]) for version in ("1", "2")] == [OLD, NEW]
        assert float(line.predict([[1, 2, 3]])[0, 0]) == OLD
