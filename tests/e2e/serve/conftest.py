"""Fixtures: a real server process, ended by its pid whatever happens, and a repository to serve."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.e2e.serve.models import linear, write_tree
from tests.e2e.serve.running import Running, Start, is_ready

FORMATS = Path(__file__).parent / "formats"
READY_WITHIN = 60


@pytest.fixture
def start(free_port: Callable[[], int]) -> Iterator[Start]:
    """Starts servers; whatever still runs at the end is ended by its pid."""
    running: list[Running] = []

    def begin(folder: Path, *options: str, ready: bool = True) -> Running:
        port = free_port()
        command = [sys.executable, "-m", "i4q_ai.serve", str(folder), "--port", str(port), *options]
        environment = {**os.environ, "PYTHONPATH": str(FORMATS)}
        server = Running(subprocess.Popen(command, stderr=subprocess.PIPE, env=environment), port)
        running.append(server)
        deadline = monotonic() + READY_WITHIN
        while ready and not is_ready(server.url):
            assert server.process.poll() is None, server.process.stderr.read().decode()
            assert monotonic() < deadline
            sleep(0.05)  # the only way to learn of it from outside is to ask
        return server

    yield begin
    for server in running:
        if server.process.poll() is None:
            server.process.kill()
        server.process.wait(30)
        server.process.stderr.close()


@pytest.fixture
def free_port() -> Callable[[], int]:
    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of one model in two versions, 1 the current one."""
    write_tree(tmp_path / "line" / "t1", linear(100), "1")
    write_tree(tmp_path / "line" / "t2", linear(200), "2")
    (tmp_path / "line" / "current").symlink_to("t1")
    return tmp_path
