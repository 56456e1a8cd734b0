"""A plant with one cluster: real models in a real OCI layout, a real agent, real servers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy
from onnx import TensorProto, helper, numpy_helper

from i4q_ai.desired import Desired, Item, ModelItem, Policy, WorkloadItem
from i4q_ai.edge import Control, Paths
from i4q_ai.model import Model
from i4q_ai.status import Observation, Phase
from i4q_ai.workload import Workload

DEADLINE = 120.0
"""Seconds after which something that must happen counts as not happening; far more than it takes."""


def multiplier(factor: float) -> bytes:
    """An ONNX model that multiplies its input by a factor."""
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "factor"], ["y"])],
        "multiplier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
        [numpy_helper.from_array(numpy.array([factor], dtype=numpy.float32), "factor")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    made.ir_version = 8
    return made.SerializeToString()


@dataclass
class Plant:
    """One cluster's folder, the desired state in it, and the layout that models come from."""

    base: Path
    environment: dict[str, str] = field(default_factory=dict)
    revision: int = 0
    items: dict[str, Item] = field(default_factory=dict)
    policy: Policy = field(default_factory=lambda: Policy(settle=0.2, probe_timeout=30))
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def paths(self) -> Paths:
        return Paths(self.base / "edge-1")

    @property
    def control(self) -> Control:
        return Control(self.paths.folder)

    def model(
        self, version: str, content: bytes | None = None, *, name: str = "wear", flavour: str = "server"
    ) -> ModelItem:
        """Push a model and make the item that asks for it; the content multiplies by the version if not given."""
        file = self.base / "made" / f"{name}-{version}" / "model.onnx"
        file.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            file.write_bytes(multiplier(float(version)))
            pushed = Model.from_onnx(file, name=name, version=version).push(self._to(name))
        else:
            file = file.with_name("model.bin")
            file.write_bytes(content)
            pushed = Model.from_files({"model.onnx": file}, name=name, version=version, format="files")
            pushed = pushed.replace(format="onnx").push(self._to(name))
        assert pushed.reference
        return ModelItem(
            namespace="i4q", name=name, model=name, version=version, digest=pushed.digest,
            references=(pushed.reference,), flavour=flavour,
        )  # fmt: skip

    def workload(self, version: str, code: str, *, name: str = "line", **about: object) -> WorkloadItem:
        """Push a program and make the item that asks for it."""
        folder = self.base / "made" / f"{name}-{version}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "main.py").write_text(code)
        command = ("python", "main.py")
        pushed = Workload.from_dir(folder, name=name, version=version, command=command).push(self._to(name))
        assert pushed.reference
        return WorkloadItem(
            namespace="i4q", name=name, workload=name, version=version, digest=pushed.digest,
            references=(pushed.reference,), command=command, **about,
        )  # fmt: skip

    def _to(self, name: str) -> str:
        return f"oci:{self.base / 'registry' / name}"

    def want(self, *items: Item) -> None:
        """Write these into the desired state (others stay) and wake the agent if there is one."""
        for item in items:
            self.items[item.name] = item.replace(revision=self.revision + 1)
        self.write()

    def drop(self, *names: str) -> None:
        """Take items out of the desired state."""
        for name in names:
            del self.items[name]
        self.write()

    def write(self) -> None:
        self.revision += 1
        models = tuple(item for item in self.items.values() if isinstance(item, ModelItem))
        workloads = tuple(item for item in self.items.values() if isinstance(item, WorkloadItem))
        desired = Desired(
            cluster="edge-1", revision=self.revision, models=models, workloads=workloads, policy=self.policy
        )
        self.paths.folder.mkdir(parents=True, exist_ok=True)
        staged = self.paths.folder / ".desired"
        staged.write_text(desired.to_json())
        staged.replace(self.paths.desired)
        self.control.wake()

    def run(self, *options: str, **variables: str) -> subprocess.Popen[bytes]:
        """Run an agent as a child of the test, with more options and environment variables."""
        program = [sys.executable, "-m", "i4q_ai.edge", str(self.paths.folder), *options]
        self.paths.folder.mkdir(parents=True, exist_ok=True)
        agent = subprocess.Popen(program, env={**os.environ, **self.environment, **variables}, start_new_session=True)
        self.started.append(agent)
        return agent

    def kill(self) -> None:
        """End the agent as a power cut would, its children living on."""
        for agent in self.started:
            agent.kill()
            agent.wait(DEADLINE)

    def until(self, name: str, wanted: Callable[[Observation], bool] | Phase) -> Observation:
        """Wait until the report says so of an item."""
        fits = wanted if callable(wanted) else (lambda seen: seen.phase is wanted)
        last = None
        for report in self.control.watch(DEADLINE):
            for seen in report.items if report and report.revision == self.revision else ():
                if seen.name == name:
                    last = seen
                    if fits(seen):
                        return seen
        raise AssertionError(f"'{name}' never came so far; last: {last}; log: {self.log()}")

    def until_gone(self, name: str) -> None:
        """Wait until nothing of an item is left."""
        for report in self.control.watch(DEADLINE):
            if report and report.revision == self.revision and name not in {seen.name for seen in report.items}:
                return
        raise AssertionError(f"'{name}' never went; log: {self.log()}")

    def log(self) -> str:
        return self.paths.log.read_text() if self.paths.log.exists() else "none"

    def current(self, item: Item) -> str | None:
        """Name of the tree that `current` names."""
        link = self.paths.home(item.kind, item.namespace, item.name) / "current"
        return str(link.readlink()) if link.is_symlink() else None

    def pids(self) -> list[int]:
        """Process ids of all children that an agent of this cluster started and that still live.

        A server tries each model in a process of its own, which ends with it: those are not counted.
        """
        marked = self.family()
        return [pid for pid in marked if _parent(pid) not in marked]

    def family(self) -> list[int]:
        """The same, with all that they have started."""
        marks = [json.loads(path.read_text())["token"] for path in self.paths.run.glob("*.json")]
        return [pid for pid in _processes() if any(mark in _environment(pid) for mark in marks)]

    def end(self) -> None:
        """Leave nothing behind."""
        self.control.stop(DEADLINE)
        for agent in self.started:
            agent.wait(DEADLINE)
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):  # it ended with its parent
                os.kill(pid, signal.SIGKILL)
        eventually(lambda: self.family() == [])


def ask(address: str, value: float) -> float:
    """One inference."""
    tensor = {"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [value]}
    request = urllib.request.Request(f"{address}/infer", data=json.dumps({"inputs": [tensor]}).encode())
    with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
        return float(json.loads(answer.read())["outputs"][0]["data"][0])


def eventually(what: Callable[[], bool]) -> None:
    """Wait for something that nothing tells of."""
    deadline = time.monotonic() + DEADLINE
    while not what():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def lives(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    return _environment(pid) != ""


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _environment(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace")
    except OSError:
        return ""
