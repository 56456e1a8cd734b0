"""A server process, and clients that never stop asking it."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

import requests


@dataclass
class Running:
    """A server process."""

    process: subprocess.Popen[bytes]
    port: int
    url: str = ""

    def __post_init__(self) -> None:
        self.url = f"http://127.0.0.1:{self.port}"

    def infer(self, rows: list[list[float]], model: str = "line", **more: object) -> requests.Response:
        shape = [len(rows), len(rows[0])]
        tensor = {"name": "X", "shape": shape, "datatype": "FP32", "data": rows}
        return requests.post(f"{self.url}/v2/models/{model}/infer", json={"inputs": [tensor], **more}, timeout=30)

    def load(self, tree: str | None = None, model: str = "line") -> requests.Response:
        body = {"parameters": {"tree": tree}} if tree else {}
        return requests.post(f"{self.url}/v2/repository/models/{model}/load", json=body, timeout=120)

    def index(self) -> list[dict[str, str]]:
        return requests.post(f"{self.url}/v2/repository/index", timeout=30).json()

    def children(self) -> list[int]:
        found: list[int] = []
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):  # a thread may end while we look
                found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


Start = Callable[..., Running]
"""Starts a server: (folder, *options, ready=True)."""


def is_ready(url: str) -> bool:
    try:
        return requests.get(f"{url}/v2/health/ready", timeout=10).status_code == 200
    except requests.RequestException:
        return False


@dataclass
class Load:
    """Four clients that ask without a pause, each on a connection it keeps."""

    port: int
    answers: list[tuple[int, float | None]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._threads = [threading.Thread(target=self._ask) for _ in range(4)]
        for thread in self._threads:
            thread.start()
        self.more(40)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def more(self, count: int) -> None:
        """Wait until so many more answers came."""
        goal, deadline = len(self.answers) + count, monotonic() + 60
        while len(self.answers) < goal:
            assert monotonic() < deadline
            sleep(0.01)  # a plain list tells nobody that it grew

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        tensor = {"name": "X", "shape": [1, 3], "datatype": "FP32", "data": [1, 2, 3]}
        body = json.dumps({"inputs": [tensor]})
        while not self._stop.is_set():
            try:
                connection.request("POST", "/v2/models/line/infer", body)
                response = connection.getresponse()
                document = json.loads(response.read())
                value = document["outputs"][0]["data"][0] if response.status == 200 else None
                self.answers.append((response.status, value))
            except (OSError, http.client.HTTPException):
                self.answers.append((0, None))
                connection.close()
        connection.close()
