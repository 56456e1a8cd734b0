"""Somebody in a cluster who asks a model all the time, through its Service, and counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from i4q_ai.deadline import Deadline
from tests.testbed.edge import Edge

_PROGRAM = """
import json, sys, time, urllib.request
url, row, name = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
body = json.dumps({"inputs": [{"name": name, "shape": [1, len(row)], "datatype": "FP32", "data": row}]}).encode()
asked, failed, versions, told = 0, [], {}, 0.0
while True:
    asked += 1
    try:
        request = urllib.request.Request(url + "/infer", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            version = json.loads(answer.read())["model_version"]
            versions[version] = versions.get(version, 0) + 1
    except Exception as error:
        failed.append(repr(error))
    if time.monotonic() - told > 0.3:
        told = time.monotonic()
        print(json.dumps({"asked": asked, "failed": failed[:10], "versions": versions}), flush=True)
    time.sleep(0.005)
"""
_POD = "somebody"


@dataclass(frozen=True)
class Load:
    """A running pod that asks.

    Args:
        edge: where it runs.
        namespace: in which.
    """

    edge: Edge
    namespace: str

    def told(self) -> dict[str, Any]:
        """What it has counted: `asked`, `failed` (the first errors), `versions` that answered."""
        lines = self.edge.kubectl("logs", "-n", self.namespace, _POD, "--tail=1").splitlines()
        found: dict[str, Any] = json.loads(lines[-1]) if lines else {"asked": 0, "failed": [], "versions": {}}
        return found

    def until(self, version: str, *, times: int = 20, seconds: float = 180.0) -> dict[str, Any]:
        """Wait until a version has answered so many times more than now."""
        deadline = Deadline.after(seconds, f"waiting for answers of version {version}")
        before = self.told()["versions"].get(version, 0)
        while (told := self.told())["versions"].get(version, 0) < before + times:
            deadline.pause(0.3)
        return told


@contextmanager
def asking(edge: Edge, namespace: str, image: str, url: str, row: list[float], *, tensor: str = "X") -> Iterator[Load]:
    """Ask a URL within the cluster all the time, on a connection of its own each time."""
    command = ["python3", "-c", _PROGRAM, url, json.dumps(row), tensor]
    container = {"name": "ask", "image": image, "command": command}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": _POD, "namespace": namespace},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0, "restartPolicy": "Never"},
    }
    edge.kubectl("apply", "-f", "-", input=json.dumps(pod))
    edge.kubectl("wait", "-n", namespace, "--for=condition=Ready", f"pod/{_POD}", "--timeout=120s")
    try:
        yield Load(edge, namespace)
    finally:
        edge.kubectl("delete", "-n", namespace, "pod", _POD, "--wait=true")
