"""The embedded backend: a 1 MB model on three clusters against one bare model server; an update until it answers."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import monotonic, sleep
from typing import Any

from i4q_ai import Deployment, Hub, Model, Placement
from tests.bench.processes import free_port, server
from tests.bench.rows import Row, compared, limited

SIZE = 512
"""Rows and columns of the model's weights: 1 MiB of FP32."""
CLUSTERS = ("edge-1", "edge-2", "edge-3")
ROUNDS = 5
PATIENCE = 60.0
_PEER = "one `python -m i4q_ai.serve` with the same file, until it is ready"


def run() -> list[Row]:
    """Measure several rounds, each with new clusters, and take the medians."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        one, two = (_pushed(folder, version) for version in (1, 2))
        rounds = [(_bare(folder), *_deployed(folder / f"home-{turn}", one, two)) for turn in range(ROUNDS)]
    bare, first, again, updated = (median(times) for times in zip(*rounds, strict=True))
    return [
        compared("deploy 1 MB to 3 new clusters until ready", first, bare, goal=5, unit="s", note=_PEER),
        compared("the same, their agents running already", again, bare, goal=5, unit="s", note=_PEER),
        limited("update until the new version answers on all 3", updated, goal=1.0, unit="s", note="median of 5"),
    ]


def _model(factor: int) -> bytes:
    import numpy as np
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.full((SIZE, SIZE), factor / SIZE, dtype=np.float32), "weights")
    shape = ["n", SIZE]
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["X", "weights"], ["Y"])],
        "model",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("Y", TensorProto.FLOAT, shape)],
        [weights],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(proto.SerializeToString())


def _pushed(folder: Path, version: int) -> Model:
    """Version n multiplies by n."""
    path = folder / str(version) / "model.onnx"
    path.parent.mkdir()
    path.write_bytes(_model(version))
    return Model.from_onnx(path, name="multiplier", version=str(version)).push(f"oci:{folder}/registry:{version}")


def _bare(folder: Path) -> float:
    port = free_port()
    command = [sys.executable, "-m", "i4q_ai.serve", str(folder / "1"), "--port", str(port)]
    with server(command, f"http://127.0.0.1:{port}/v2/health/ready") as (_, seconds):
        return seconds


def _deployed(home: Path, one: Model, two: Model) -> tuple[float, float, float]:
    """Seconds for a first deployment, a second one, and an update of that."""
    with _clusters(home) as hub:
        first = _seconds(hub, "first", one)
        again = _seconds(hub, "again", one)
        return first, again, _update(hub.get("again"), two)


def _seconds(hub: Hub, name: str, model: Model) -> float:
    began = monotonic()
    hub.deploy(model, to=Placement("everywhere"), name=name).wait(timeout=PATIENCE)
    return monotonic() - began


def _update(deployment: Deployment, model: Model) -> float:
    import numpy as np

    clients = [deployment.client(cluster) for cluster in CLUSTERS]
    row: Any = np.ones((1, SIZE), dtype=np.float32)
    began = monotonic()
    deployment.update(model)
    for client in clients:
        while client.predict(row)[0, 0] < 1.5:
            assert monotonic() - began < PATIENCE, "the new version does not answer"
            sleep(0.005)  # asking is the only way to learn which version answers
    seconds = monotonic() - began
    for client in clients:
        client.close()
    return seconds


@contextmanager
def _clusters(home: Path) -> Iterator[Hub]:
    with Hub(home=home) as hub:
        for name in CLUSTERS:
            hub.clusters.add(name)
        try:
            yield hub
        finally:
            for name in CLUSTERS:
                hub.clusters.remove(name, refresh=False)
