"""The program with a real home: from a file to an answer, and back to nothing."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import yaml

from i4q_ai.model import Model
from i4q_ai.testing.onnx_bytes import multiplier
from tests.e2e.cli.conftest import LIMIT, PROGRAM, Background, Shell, eventually

Pushed = Callable[[int], str]


def test_from_a_file_to_an_answer_and_back(i4q: Shell, pushed: Pushed) -> None:
    first, second = pushed(2), pushed(3)
    assert "@sha256:" in first
    assert Model.from_yaml(i4q("model", "show", first)).version == "2"
    for name, line in (("edge-1", "cnc"), ("edge-2", "paint")):
        i4q("cluster", "add", name, "--label", f"line={line}")

    assert "create on edge-1" in i4q("plan", first, "--label", "line=cnc")
    assert i4q.data("list") == []
    [row] = i4q.data("deploy", first, "--label", "line=cnc", "--wait", "--timeout", str(LIMIT))
    assert (row["phase"], row["ready"]) == ("Ready", "1/1")
    status = i4q.data("status", "wear")
    assert [each["cluster"] for each in status["clusters"]] == ["edge-1"]

    asked = json.loads(i4q("ask", "wear", "--cluster", "edge-1", "--data", "-", "-o", "json", given="[[4.0]]"))
    assert list(asked.values()) == [[[8.0]]]
    i4q("update", "wear", second, "--wait", "--timeout", str(LIMIT))
    assert "12.0" in i4q("ask", "wear", "--cluster", "edge-1", "--data", "[[4.0]]")
    i4q("rollback", "wear")
    assert i4q.data("wait", "wear", "--timeout", str(LIMIT))[0]["version"] == "2"
    assert [row["version"] for row in i4q.data("history", "wear")] == ["2", "3", "2"]
    assert i4q.run("logs", "wear", "--cluster", "edge-1").returncode == 0
    assert i4q.run("logs", "wear", "--cluster", "edge-9").returncode == 3

    rules = i4q.data("conformance", status["clusters"][0]["address"])
    assert {rule["result"] for rule in rules} <= {"ok", "skipped"}
    i4q("cluster", "label", "edge-2", "line=cnc")
    assert len(i4q.data("status", "wear")["clusters"]) == 2
    assert i4q.run("delete", "wear", "--timeout", str(LIMIT)).stderr == "deleted deployment wear\n"
    assert i4q.data("list") == []


def test_a_cluster_that_is_away_holds_nobody_up(i4q: Shell, pushed: Pushed) -> None:
    for name in ("edge-1", "edge-2"):
        i4q("cluster", "add", name)
    i4q("deploy", pushed(2), "--everywhere", "--wait", "--timeout", str(LIMIT))
    i4q("cluster", "stop", "edge-2")
    assert "edge-2" in i4q("delete", "wear", "--timeout", str(LIMIT))
    assert [row["phase"] for row in i4q.data("list")] == ["Removing"]
    i4q("cluster", "start", "edge-2")
    i4q("delete", "wear", "--timeout", str(LIMIT))
    assert i4q.data("list") == []


def test_a_release_file(i4q: Shell, pushed: Pushed, tmp_path: Path) -> None:
    i4q("cluster", "add", "edge-1")
    file = tmp_path / "release.yaml"
    release = {
        "apiVersion": "i4q-ai/v1",
        "kind": "Release",
        "models": [{"name": "wear", "version": "2", "reference": pushed(2)}],
        "placements": [{"name": "all"}],
        "deployments": [{"model": "wear", "to": "all"}],
    }
    file.write_text(yaml.safe_dump(release))
    assert "create on edge-1" in i4q("apply", "-f", str(file), "--dry-run")
    assert i4q.data("list") == []
    i4q("apply", "-f", str(file))
    i4q("wait", "wear", "--timeout", str(LIMIT))
    assert i4q("apply", "-f", str(file)) == "model i4q/wear: nothing to change\n"


def test_serve_and_conformance(i4q: Shell, tmp_path: Path, background: Background) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "wear.onnx").write_bytes(multiplier(2))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = background(i4q.start("serve", str(folder), "--port", str(port)))
    eventually(lambda: i4q.run("conformance", f"http://127.0.0.1:{port}").returncode == 0)
    assert i4q.run("serve", str(folder), "--port", str(port)).returncode == 4
    assert i4q.run("serve", str(tmp_path / "nowhere"), "--port", "0").returncode == 3
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=LIMIT)
    assert server.returncode == 0


def test_nobody_listens_where_conformance_asks(i4q: Shell) -> None:
    done = i4q.run("conformance", "http://127.0.0.1:9")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")


def test_one_agent_a_folder(i4q: Shell, pushed: Pushed) -> None:
    i4q("cluster", "add", "edge-1")
    i4q("deploy", pushed(2), "--everywhere", "--wait", "--timeout", str(LIMIT))
    done = i4q.run("edge", str(i4q.home / "clusters" / "edge-1"))
    assert done.returncode == 4
    assert "error: another agent has" in done.stderr


def test_a_reader_that_goes_away_is_no_bug(i4q: Shell) -> None:
    i4q("cluster", "add", "edge-1")
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*PROGRAM, "cluster", "list"],
        env=i4q.environment,
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LIMIT,
    )
    os.close(write)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_colours_are_for_terminals_only(i4q: Shell) -> None:
    i4q("cluster", "add", "edge-1")
    assert "\x1b" not in i4q("cluster", "list")
    screen, terminal = pty.openpty()
    environment = {**i4q.environment, "TERM": "xterm-256color", "COLUMNS": "200"}
    environment.pop("NO_COLOR", None)
    done = subprocess.run(
        [*PROGRAM, "cluster", "list"], env=environment, stdout=terminal, stderr=subprocess.PIPE, timeout=LIMIT
    )
    os.close(terminal)
    shown = os.read(screen, 65536).decode()
    os.close(screen)
    assert done.returncode == 0
    assert "\x1b[32mTrue" in shown


def test_interrupted(i4q: Shell, pushed: Pushed, background: Background) -> None:
    i4q("cluster", "add", "edge-1")
    i4q("deploy", pushed(2), "--everywhere", "--wait", "--timeout", str(LIMIT))
    watching = background(i4q.start("watch", "wear", "-o", "json"))
    assert json.loads(watching.stdout.readline())["phase"] == "Ready"
    watching.send_signal(signal.SIGINT)
    _, prose = watching.communicate(timeout=LIMIT)
    assert watching.returncode == 130
    assert "Traceback" not in prose
