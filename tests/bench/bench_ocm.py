"""The ocm backend on real controllers: a write until it is at the edge; plan, status and watch of a large hub.

Run: python -m tests.bench ocm
"""

from __future__ import annotations

import copy
import json
import logging
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError
from i4q_ai.hub import Hub
from i4q_ai.kube import Api
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Label, Name
from i4q_ai_ocm.settings import OcmHub
from tests.bench.rows import Row, limited
from tests.e2e.ocm.lone_edge import lone_edge
from tests.e2e.ocm.lone_hub import LoneHub
from tests.testbed.apiserver import ApiServer
from tests.testbed.runs import Run

log = logging.getLogger(__name__)

PLANNED = 1_000
SEEN = 5_000
CHANGES = 11
PATIENCE = 900.0
NAMESPACE = "plant"
_WORKERS = 8

_CHILD = """
import json, pathlib, sys, time
from i4q_ai import Hub, Label, Model, Placement
address, model, verb, count = sys.argv[1], Model.from_yaml(sys.argv[2]), sys.argv[3], int(sys.argv[4])
with Hub(address, namespace="plant", timeout=900) as hub:
    began = time.monotonic()
    if verb == "plan":
        assert len(hub.plan(model, to=Placement("everywhere", Label("line") == "many")).changes[0].actions) == count
    else:
        assert len(hub.get(model.name).status().clusters) == count
    seconds = time.monotonic() - began
told = pathlib.Path("/proc/self/status").read_text()  # getrusage counts whoever started it, too
print(json.dumps({"seconds": seconds, "megabytes": int(told.partition("VmHWM:")[2].split()[0]) / 1024}))
"""


def run() -> list[Row]:
    """Small first, with an edge and its agent; then the hub is filled with clusters, and with works for all of them."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        testbed = stack.enter_context(Run())
        server = stack.enter_context(ApiServer(testbed, "hub"))
        stack.enter_context(LoneHub(testbed, server))
        api = stack.enter_context(Api.open(kubeconfig=server.kubeconfig))
        address = _settings(folder, server)
        delivered = _delivered(testbed, server, address)
        many = _Many(api)
        many.grow(PLANNED)
        plans = [_child(address, "plan", PLANNED) for _ in range(3)]
        many.grow(SEEN)
        log.info("  %d clusters told in %.1f s", SEEN, many.tell(address))
        many.report()
        views = [_child(address, "status", SEEN) for _ in range(3)]
        seen = _watched(address, api, many.name)
    return _rows(delivered, plans, views, seen)


def _rows(
    delivered: list[float], plans: list[dict[str, float]], views: list[dict[str, float]], seen: list[float]
) -> list[Row]:
    plan, view = median(each["seconds"] for each in plans), median(each["seconds"] for each in views)
    memory = max(each["megabytes"] for each in (*plans, *views))
    opened = "from an open hub without a connection; median of 3 processes"
    written = f"a new version in a ManifestWorkReplicaSet; median of {CHANGES}, at most {max(delivered):.2f} s"
    changed = f"from the write of a work's status on; median of {CHANGES}, at most {max(seen):.2f} s"
    first = f"first status of {SEEN} ManagedClusters and {SEEN} ManifestWorks"
    peak = "peak resident, of all processes here"
    return [
        limited("hub write until the object is at the edge", median(delivered), goal=0.5, unit="s", note=written),
        limited(f"plan for {PLANNED} clusters", plan, goal=2.0, unit="s", note=opened),
        limited(first, view, goal=5.0, unit="s", note=opened),
        limited("a change seen in watch() of them", median(seen), goal=1.0, unit="s", note=changed),
        limited("memory of the client, at most", memory, goal=300, unit="MB", note=peak),
    ]


def _model(version: int, name: str = "wear") -> Model:
    reference = f"registry.invalid/{name}@sha256:{version:064x}"
    return Model(name=name, version=str(version), format="onnx", reference=reference)


def _settings(folder: Path, server: ApiServer) -> str:
    image = f"registry.invalid/edge@sha256:{'0' * 64}"
    path = folder / "hub.yaml"
    path.write_text(OcmHub(kubeconfig=str(server.kubeconfig), replica_sets=True, image=image).to_yaml())
    path.with_name("works.yaml").write_text(
        OcmHub(kubeconfig=str(server.kubeconfig), replica_sets=False, image=image).to_yaml()
    )
    return f"ocm://{path}"


def _soon() -> Deadline:
    return Deadline.after(PATIENCE)


# a write until it is at the edge


def _delivered(testbed: Run, hub: ApiServer, address: str) -> list[float]:
    """Seconds from the write of a replica set on the hub until the edge has its Deployment."""
    with lone_edge(testbed, hub, "c1") as server, Hub(address, namespace=NAMESPACE, timeout=PATIENCE) as opened:
        written: dict[str, float] = {}
        arrived: queue.Queue[tuple[str, float]] = queue.Queue()
        stop = threading.Event()
        _follow(hub, "ManifestWorkReplicaSet", lambda each: written.setdefault(_version(each), monotonic()), stop)
        _follow(server, "Deployment", lambda each: arrived.put((_version(each), monotonic())), stop)
        found = []
        try:
            for version in range(1, CHANGES + 2):
                opened.deploy(_model(version), to=Placement("one", Name("c1")))
                while (seen := arrived.get(timeout=PATIENCE))[0] != str(version):
                    pass
                found.append(seen[1] - written[str(version)])
        finally:
            stop.set()
        opened.get("wear").delete(timeout=PATIENCE)
    return found[1:]  # the first one makes the namespace, too


def _follow(server: ApiServer, kind: str, tell: Callable[[dict[str, Any]], object], stop: threading.Event) -> None:
    def follow() -> None:
        with Api.open(kubeconfig=server.kubeconfig) as api:
            for event in api.watch(kind, None, deadline=_soon(), stop=stop):
                for each in event.items or (event.object,):
                    if each and _version(each):
                        tell(each)

    threading.Thread(target=follow, daemon=True).start()


def _version(found: dict[str, Any]) -> str:
    """The version that an object of ours tells or has."""
    annotations = (found.get("metadata") or {}).get("annotations") or {}
    if "i4q.ai/told" in annotations:
        return str(json.loads(annotations["i4q.ai/told"])["item"]["version"])
    return str(annotations.get("i4q.ai/version", ""))


# many clusters


class _Many:
    """Clusters that nobody is behind, and what their agents would say.

    Args:
        api: of the hub.
    """

    name = "many"

    def __init__(self, api: Api) -> None:
        self._api = api
        self._count = 0

    def grow(self, count: int) -> None:
        """As many clusters, each with its namespace, all available."""
        began = monotonic()
        self._each(range(self._count, count), self._add)
        self._count = count
        log.info("  %d clusters made in %.0f s", count, monotonic() - began)

    def tell(self, address: str) -> float:
        """Seconds to tell all of them by works of their own."""
        began = monotonic()
        with Hub(address.replace("hub.yaml", "works.yaml"), namespace=NAMESPACE, timeout=PATIENCE) as hub:
            hub.deploy(_model(1, self.name), to=Placement("everywhere", Label("line") == "many"))
        return monotonic() - began

    def report(self) -> None:
        """As the agents would: every object applied, every pod available."""
        works = self._api.list("ManifestWork", None, labels={"i4q.ai/deployment": self.name}, deadline=_soon()).items
        assert len(works) == self._count
        self._each(works, lambda work: _write_status(self._api, work, _status(work, available=1)))

    def _each(self, things: Iterable[Any], do: Callable[[Any], object]) -> None:
        with ThreadPoolExecutor(_WORKERS) as pool:
            list(pool.map(do, things))

    def _add(self, number: int) -> None:
        name = f"many-{number:05}"
        self._api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, deadline=_soon())
        labels = {
            "line": "many",
            "site": f"site-{number % 40}",
            "cluster.open-cluster-management.io/clusterset": "default",
        }
        made = self._api.create(
            {
                "apiVersion": "cluster.open-cluster-management.io/v1",
                "kind": "ManagedCluster",
                "metadata": {"name": name, "labels": labels},
                "spec": {"hubAcceptsClient": True},
            },
            deadline=_soon(),
        )
        _write_status(self._api, made, _cluster_status(number))


def _write_status(api: Api, found: dict[str, Any], status: dict[str, Any]) -> None:
    """Write a status, whoever else has written meanwhile."""
    about, deadline = found["metadata"], _soon()
    present: dict[str, Any] | None = found
    while present is not None:
        try:
            api.replace({**present, "status": status}, subresource="status", deadline=deadline)
        except ConflictError:
            present = api.get(found["kind"], about.get("namespace"), about["name"], deadline=deadline)
        else:
            return


def _cluster_status(number: int) -> dict[str, Any]:
    said = {"lastTransitionTime": "2026-01-01T00:00:00Z", "message": "as its agent says"}
    types = ("HubAcceptedManagedCluster", "ManagedClusterJoined", "ManagedClusterConditionAvailable")
    amounts = {"cpu": "8", "memory": f"{16 + number % 48}Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    return {
        "conditions": [{"type": each, "status": "True", "reason": each, **said} for each in types],
        "capacity": amounts,
        "allocatable": amounts,
        "version": {"kubernetes": "v1.34.4"},
        "clusterClaims": [{"name": f"claim-{each}.example", "value": f"value-{number % 7}"} for each in range(8)],
    }


def _status(work: dict[str, Any], *, available: int) -> dict[str, Any]:
    """What the agent says of a work whose Deployment has so many pods available."""
    generation, time = work["metadata"]["generation"], "2026-01-01T00:00:00Z"
    states = {"Applied": "True", "Available": "True", "Progressing": "False" if available else "True"}
    told = {"reason": "AsExpected", "message": "as the agent says", "lastTransitionTime": time}
    conditions = [
        {"type": each, "status": status, "observedGeneration": generation, **told} for each, status in states.items()
    ]
    rules = {
        _place(each["resourceIdentifier"]): each.get("feedbackRules") or [] for each in work["spec"]["manifestConfigs"]
    }
    manifests = []
    for ordinal, manifest in enumerate(work["spec"]["workload"]["manifests"]):
        about = manifest["metadata"]
        group, _, version = manifest["apiVersion"].rpartition("/")
        meta = {
            "ordinal": ordinal, "group": group, "version": version, "kind": manifest["kind"], "name": about["name"],
            "resource": f"{manifest['kind'].lower()}s", "namespace": about.get("namespace", ""),
        }  # fmt: skip
        paths = [
            path
            for rule in rules[about.get("namespace", ""), about["name"], meta["resource"]]
            for path in rule["jsonPaths"]
        ]
        values = [_value(manifest, path["name"], available) for path in paths]
        applied = {"type": "Applied", "status": "True", **told}
        manifests.append({"resourceMeta": meta, "conditions": [applied], "statusFeedback": {"values": values}})
    return {"conditions": conditions, "resourceStatus": {"manifests": manifests}}


def _place(identifier: dict[str, str]) -> tuple[str, str, str]:
    return identifier.get("namespace", ""), identifier["name"], identifier["resource"]


def _value(manifest: dict[str, Any], name: str, available: int) -> dict[str, Any]:
    stamps = manifest["metadata"].get("annotations") or {}
    texts = {each: stamps.get(f"i4q.ai/{each}", "") for each in ("digest", "version", "revision", "item")}
    if name in texts or "." in name:
        return {"name": name, "fieldValue": {"type": "String", "string": texts.get(name, "True")}}
    count = available if name in ("availableReplicas", "readyReplicas") else 1
    return {"name": name, "fieldValue": {"type": "Integer", "integer": count}}


def _child(address: str, verb: str, count: int) -> dict[str, float]:
    model = _model(1, _Many.name).to_yaml()
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, address, model, verb, str(count)],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _watched(address: str, api: Api, name: str) -> list[float]:
    """Seconds from the status of one work until a watch shows what it says."""
    (work,) = api.list("ManifestWork", "many-00007", labels={"i4q.ai/deployment": name}, deadline=_soon()).items
    found = []
    with Hub(address, namespace=NAMESPACE, timeout=PATIENCE) as hub:
        rows = iter(hub.engine.fleet.watch(namespace=NAMESPACE, name=name, deadline=_soon()))
        next(rows)
        for number in range(CHANGES):
            available = number % 2
            began = monotonic()
            threading.Thread(
                target=_write_status, args=(api, copy.deepcopy(work), _status(work, available=available))
            ).start()
            for observed in rows:
                (row,) = (each for each in observed if each.cluster == "many-00007")
                if (str(row.phase) == "Ready") == bool(available):
                    break
            found.append(monotonic() - began)
    return found
