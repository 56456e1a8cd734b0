"""A new version under the load of four clients: failed requests, and how much slower the slowest hundredth gets."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import requests

from tests.bench.bench_serve import HERE, make_model
from tests.bench.processes import free_port, server
from tests.bench.rows import Row, limited

CLIENTS = 4
SWAPS = 12


def run() -> list[Row]:
    """Swap one model's versions again and again while clients ask; one of the swaps is to a broken version."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _make_repository(folder)
        port = free_port()
        command = [sys.executable, "-m", "i4q_ai.serve", str(folder / "repository"), "--port", str(port)]
        with server(command, f"http://127.0.0.1:{port}/v2/health/ready"):
            answers, swaps, refused = _swap_under_load(folder, port)
    return _rows(answers, swaps, refused)


def _rows(answers: dict[str, Any], swaps: list[tuple[float, float]], refused: bool) -> list[Row]:
    failed = sum(count for status, count in answers["statuses"].items() if status != "200")
    total = sum(answers["statuses"].values())
    times = sorted((sent, taken) for sent, taken in answers["times"])
    during = [taken for sent, taken in times if any(begin <= sent + taken and sent <= end for begin, end in swaps)]
    calm = [taken for sent, taken in times if all(sent + taken < begin or sent > end for begin, end in swaps)]
    before, while_swapping = _p99(calm), _p99(during)
    took = median(end - begin for begin, end in swaps)
    note = f"{CLIENTS} clients, {len(swaps)} swaps of {took:.2f} s, {total} requests; a broken version was " + (
        "refused" if refused else "TAKEN"
    )
    ratio = while_swapping / before
    return [
        Row(
            figure="failed requests while versions are swapped",
            ours=failed, peer=None, ratio=None, goal=0, unit="requests", note=note, ok=failed == 0 and refused,
        ),
        Row(
            figure="99th percentile during a swap, to that between swaps",
            ours=while_swapping * 1e3, peer=before * 1e3, ratio=ratio, goal=2, unit="ms",
            note="the peer is the same server between swaps", ok=ratio <= 2,
        ),
        limited("load until the new version answers", took, goal=1.0, unit="s", note="self-test, load, warm-up, swap"),
    ]  # fmt: skip


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def _make_repository(folder: Path) -> None:
    make_model(folder)
    model = folder / "repository" / "m"
    for version in ("1", "2", "3"):
        tree = model / version
        tree.mkdir(parents=True)
        shutil.copy(folder / "model.onnx", tree)
        about = {"apiVersion": "i4q-ai/v1", "kind": "Model", "name": "m", "version": version, "format": "onnx"}
        (tree / "i4q.json").write_text(json.dumps(about))
    (model / "3" / "model.onnx").write_bytes(b"broken")
    (model / "current").symlink_to("1")


def _swap_under_load(folder: Path, port: int) -> tuple[dict[str, Any], list[tuple[float, float]], bool]:
    from time import monotonic, sleep

    stop = folder / "stop"
    command = [sys.executable, str(HERE / "load.py"), str(port), "/v2/models/m/infer", str(folder / "small.json")]
    options = ["--connections", str(CLIENTS), "--requests", "100000000", "--until", str(stop)]
    swaps: list[tuple[float, float]] = []
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True) as clients:
        statuses = []
        for number in range(SWAPS):
            sleep(0.7)  # calm, to compare with
            tree = "3" if number == SWAPS // 2 else str(2 - number % 2)
            began = monotonic()
            body = {"parameters": {"tree": tree}}
            url = f"http://127.0.0.1:{port}/v2/repository/models/m/load"
            statuses.append((tree, requests.post(url, json=body, timeout=60).status_code))
            swaps.append((began, monotonic()))
        sleep(0.7)
        stop.touch()
        out, _ = clients.communicate(timeout=60)
    assert all(status == 200 for tree, status in statuses if tree != "3"), statuses
    return json.loads(out), swaps, ("3", 400) in statuses


if __name__ == "__main__":
    for row in run():
        print(json.dumps(row.__dict__, ensure_ascii=False))  # noqa: T201
