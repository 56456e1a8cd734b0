"""The kubectl backend: 600 objects on 200 clusters against `kubectl apply`; status from cold; a pod's change seen."""

from __future__ import annotations

import json
import logging
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from statistics import median
from time import monotonic

from i4q_ai import yamls
from i4q_ai.deadline import Deadline
from i4q_ai.desired import ModelItem
from i4q_ai.hub import Hub
from i4q_ai.kube import Api
from i4q_ai.manifests import Site, objects
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Name
from tests.bench.rows import Row, compared, limited
from tests.e2e.kubectl.crowd import IMAGE, Crowd
from tests.testbed.apiserver import ApiServer
from tests.testbed.runs import Run

log = logging.getLogger(__name__)

CLUSTERS = 200
CHANGES = 7
PATIENCE = 300.0
_DIGEST = f"sha256:{'1' * 64}"
_PEER = "`kubectl apply --server-side` of the same objects, a process per cluster, one after the other"
_MODEL = Model(name="wear", version="1", format="onnx", reference=f"registry.invalid/wear@{_DIGEST}")

_CHILD = """
import json, resource, sys, time
from i4q_ai import Hub, Model, Placement
address, model, verb = sys.argv[1], Model.from_yaml(sys.argv[2]), sys.argv[3]
began = time.monotonic()
with Hub(address, namespace="plant", timeout=300) as hub:
    if verb == "deploy":
        hub.deploy(model, to=Placement("everywhere"))
    else:
        assert len(hub.get(model.name).status().clusters) == int(sys.argv[4])
print(json.dumps({"seconds": time.monotonic() - began,
    "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def run() -> list[Row]:
    """Apply, apply again, ask for the status, each in a process of its own; then watch a pod."""
    with tempfile.TemporaryDirectory() as scratch, Run() as testbed, ApiServer(testbed, "hub", controllers=True) as api:
        folder = Path(scratch)
        peer = _Kubectl(api, folder)
        crowd = Crowd(api, folder, prefix="ours")
        address = crowd.make(CLUSTERS)
        by_one = peer.apply()
        first = _ours(address, "deploy")
        log.info("  apply: ours %.1f s, the peer's %.1f s", first["wall"], by_one)
        by_one_again = peer.apply()
        again = _ours(address, "deploy")
        cold = [_ours(address, "status") for _ in range(3)]
        seen = _watched(address, crowd)
        crowd.close()
    memory = max(each["megabytes"] for each in (first, again, *cold))
    status = median(each["seconds"] for each in cold)
    opened = "an open hub without a connection, until it has all rows; median of 3 processes"
    deleted = f"from its deletion on; median of {CHANGES}, at most {max(seen):.2f} s"
    return [
        compared("first apply of 600 objects to 200 clusters", first["wall"], by_one, goal=1 / 3, unit="s", note=_PEER),
        compared("apply again, nothing changed", again["wall"], by_one_again, goal=1 / 5, unit="s", note=_PEER),
        limited(f"status of {CLUSTERS} clusters, cold", status, goal=3.0, unit="s", note=opened),
        limited("a pod's change seen in watch()", median(seen), goal=1.0, unit="s", note=deleted),
        limited(
            "memory of the client, at most", memory, goal=150, unit="MB", note="peak resident, of all processes here"
        ),
    ]


class _Kubectl:
    """The peer: the same objects in namespaces of its own."""

    def __init__(self, api: ApiServer, folder: Path) -> None:
        self._api = api
        with Api.open(kubeconfig=api.kubeconfig) as made:
            self._files = [self._write(made, folder, f"kubectl-{number}") for number in range(CLUSTERS)]

    def apply(self) -> float:
        """Seconds to apply everything."""
        began = monotonic()
        for path in self._files:
            self._api.kubectl("apply", "--server-side", "-f", path)
        return monotonic() - began

    def _write(self, api: Api, folder: Path, namespace: str) -> Path:
        wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        api.create(wanted, deadline=Deadline.after(PATIENCE))
        item = ModelItem(
            namespace="plant", name="wear", model="wear", version="1", digest=_DIGEST,
            references=(str(_MODEL.reference),),
        )  # fmt: skip
        site = Site(cluster=namespace, namespace=namespace, hub="peer", image=IMAGE)
        path = folder / f"{namespace}.yaml"
        path.write_text("---\n".join(yamls.dump(each) for each in objects(item, site)), encoding="utf-8")
        return path


def _ours(address: str, verb: str) -> dict[str, float]:
    command = [sys.executable, "-c", _CHILD, address, _MODEL.to_yaml(), verb, str(CLUSTERS)]
    began = monotonic()
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    told: dict[str, float] = json.loads(done.stdout)
    return {**told, "wall": monotonic() - began}


def _watched(address: str, crowd: Crowd) -> list[float]:
    """Seconds from the deletion of a pod until a watch says something."""
    seen = []
    with Hub(address, namespace="plant", timeout=PATIENCE) as hub:
        hub.deploy(_MODEL, to=Placement("one", Name("c1")), name="watched")
        said: queue.Queue[float] = queue.Queue()
        deadline = Deadline.after(PATIENCE)
        watcher = threading.Thread(
            target=lambda: [said.put(monotonic()) for _ in hub.engine.watch("watched", deadline)]
        )
        watcher.daemon = True
        watcher.start()
        for _ in range(CHANGES):
            pod = _pod(crowd)
            _until_quiet(said)
            began = monotonic()
            crowd.api.delete("Pod", crowd.namespace("c1"), pod, deadline=deadline)
            seen.append(said.get(timeout=PATIENCE) - began)
    return seen


def _until_quiet(said: queue.Queue[float]) -> None:
    """Hear out what is still said of the change before."""
    while True:
        try:
            said.get(timeout=1.5)
        except queue.Empty:
            return


def _pod(crowd: Crowd) -> str:
    deadline = Deadline.after(PATIENCE, "waiting for the pod")
    while True:
        labels = {"i4q.ai/deployment": "watched"}
        found = crowd.api.list("Pod", crowd.namespace("c1"), labels=labels, deadline=deadline).items
        if found:
            return str(found[0]["metadata"]["name"])
        deadline.pause(0.05)
