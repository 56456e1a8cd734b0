"""The model server against MLServer 1.7.1 at its best setting: processor time per request, memory, time to ready."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from i4q_ai import config
from tests.bench.processes import cpu_seconds, free_port, resident_bytes, server
from tests.bench.rows import Row, compared, limited

HERE = Path(__file__).parent
PEER = "MLServer 1.7.1, parallel_workers=0, uvloop 0.21, no access log, the same ONNX file and runtime"
ASGI = "the same application with `--protocol asgi`, which is not the default"
REQUIREMENTS = ("mlserver==1.7.1", "uvloop==0.21.0", "onnxruntime", "numpy")
FEATURES = 8
CONNECTIONS = 16
ROUNDS = 3

Costs = dict[str, float]


def run() -> list[Row]:
    """Measure both servers in turn, several rounds, and compare the medians."""
    python = peer_python()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_model(folder)
        ours: list[Costs] = []
        asgi: list[Costs] = []
        peer: list[Costs] = []
        for _ in range(ROUNDS):
            ours.append(_measure_ours(folder, "http"))
            asgi.append(_measure_ours(folder, "asgi"))
            peer.append(_measure_mlserver(folder, python))
    return _rows(*({key: median(costs[key] for costs in all_) for key in all_[0]} for all_ in (ours, asgi, peer)))


def _rows(ours: Costs, asgi: Costs, peer: Costs) -> list[Row]:
    small, big = "CPU per request, 1 row", "CPU per request, 256 rows"
    return [
        compared(small, ours["small"], peer["small"], goal=1 / 5, unit="µs", note=PEER),
        compared(big, ours["big"], peer["big"], goal=1 / 2.5, unit="µs", note=PEER),
        compared(f"{small}, on uvicorn", asgi["small"], peer["small"], goal=None, unit="µs", note=ASGI),
        compared(f"{big}, on uvicorn", asgi["big"], peer["big"], goal=None, unit="µs", note=ASGI),
        compared("resident memory after the load", ours["memory"], peer["memory"], goal=0.5, unit="MB", note=PEER),
        limited("start to ready", ours["ready"], goal=1.0, unit="s", note=f"MLServer: {peer['ready']:.1f} s"),
    ]


def peer_python() -> Path:
    """The interpreter of MLServer's own environment, made when it is first needed."""
    home = config.cache() / "bench" / "mlserver-1.7.1"
    python = home / "bin" / "python"
    done = home / ".done"
    if not done.exists():
        base = shutil.which("python3.11") or sys.executable
        subprocess.run([base, "-m", "venv", str(home)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *REQUIREMENTS], check=True)
        done.touch()
    return python


def make_model(folder: Path) -> None:
    """A logistic regression over 8 features, as ONNX, and the two request bodies."""
    import numpy as np
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(0)
    rows = random.normal(size=(512, FEATURES)).astype(np.float32)
    classifier = LogisticRegression().fit(rows, rows[:, 0] + rows[:, 1] > 0)
    exported = to_onnx(classifier, rows[:1], options={"zipmap": False})
    (folder / "model.onnx").write_bytes(exported.SerializeToString())
    for name, count in (("small", 1), ("big", 256)):
        data = [round(float(value), 4) for value in rows[:count].ravel()]
        tensor = {"name": "X", "shape": [count, FEATURES], "datatype": "FP32", "data": data}
        (folder / f"{name}.json").write_text(json.dumps({"inputs": [tensor]}, separators=(",", ":")))


def _measure_ours(folder: Path, protocol: str) -> Costs:
    port = free_port()
    command = [sys.executable, "-m", "i4q_ai.serve", str(folder), "--name", "m", "--port", str(port)]
    return _measure([*command, "--protocol", protocol], port, folder)


def _measure_mlserver(folder: Path, python: Path) -> Costs:
    port, grpc, metrics = free_port(), free_port(), free_port()
    home = folder / "mlserver"
    home.mkdir(exist_ok=True)
    shutil.copy(HERE / "peers" / "onnx_for_mlserver.py", home)
    settings = {"http_port": port, "grpc_port": grpc, "metrics_port": metrics, "parallel_workers": 0, "debug": False}
    (home / "settings.json").write_text(json.dumps({"host": "127.0.0.1", **settings}))
    model = {
        "name": "m",
        "implementation": "onnx_for_mlserver.OnnxModel",
        "parameters": {"uri": str(folder / "model.onnx")},
    }
    (home / "model-settings.json").write_text(json.dumps(model))
    environment = {**os.environ, "PYTHONPATH": str(home), "OMP_NUM_THREADS": "1"}
    command = [str(python.parent / "mlserver"), "start", str(home)]
    return _measure(command, port, folder, env=environment, cwd=home)


def _measure(command: list[str], port: int, folder: Path, **options: Any) -> Costs:
    with server(command, f"http://127.0.0.1:{port}/v2/models/m/ready", **options) as (pid, ready):
        _load(port, folder / "small.json", 500)
        small = _cost(pid, port, folder / "small.json", 6000)
        big = _cost(pid, port, folder / "big.json", 3000)
        return {"small": small, "big": big, "memory": resident_bytes(pid) / 1e6, "ready": ready}


def _cost(pid: int, port: int, body: Path, requests: int) -> float:
    """Processor time of the server per answered request, in µs."""
    before = cpu_seconds(pid)
    _load(port, body, requests)
    return (cpu_seconds(pid) - before) / requests * 1e6


def _load(port: int, body: Path, requests: int) -> None:
    command = [sys.executable, str(HERE / "load.py"), str(port), "/v2/models/m/infer", str(body)]
    options = ["--connections", str(CONNECTIONS), "--requests", str(requests)]
    done = subprocess.run([*command, *options], check=True, capture_output=True, text=True, timeout=300)
    statuses = json.loads(done.stdout)["statuses"]
    assert statuses == {"200": requests}, statuses


if __name__ == "__main__":
    for row in run():
        print(json.dumps(row.__dict__, ensure_ascii=False))  # noqa: T201
