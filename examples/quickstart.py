"""One model, from training to answers at the edge, with nothing but Python: what `make demo` runs.

Which hub it is, `I4Q_HUB` says. The embedded one makes its clusters: folders on this machine, each with a running edge
agent. A Kubernetes one has them already; its inventory names edge-1, edge-2 and edge-3, which reach `I4Q_REGISTRY`.
"""

from __future__ import annotations

import json
import signal
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
from machine_data import MachineData, load
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, recall_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from traffic import Traffic

import i4q_ai as i4q

HERE = Path(__file__).parent
CLUSTERS = {
    "edge-1": {"labels": {"line": "cnc", "hall": "north"}, "resources": {"memory": "4Gi"}},
    "edge-2": {"labels": {"line": "cnc", "hall": "south"}, "resources": {"memory": "8Gi"}},
    "edge-3": {"labels": {"line": "press", "hall": "south"}, "resources": {"memory": "2Gi"}},
}
NAMES = {"tool-wear", "watcher"}
BEGAN = time.perf_counter()


def say(text: object) -> None:
    for line in str(text).splitlines():
        print(f"           {line}", flush=True)


def chapter(title: str) -> None:
    print(f"\n[{time.perf_counter() - BEGAN:5.1f} s]  {title}", flush=True)


def must(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"\nthe demo is off: {what}")
    say(f"✓ {what}")


def packed(version: str, estimator: object, past: MachineData, held_out: MachineData) -> i4q.Model:
    """Train, measure on rows that training has not seen, export to ONNX, push."""
    estimator.fit(past.X, past.failed)
    risk = estimator.predict_proba(held_out.X)[:, 1]
    metrics = {
        "average_precision": round(float(average_precision_score(held_out.failed, risk)), 3),
        "recall": round(float(recall_score(held_out.failed, risk > 0.5)), 3),
    }
    model = i4q.Model.from_sklearn(
        estimator, name="tool-wear", version=version, example=held_out.X[:100], training=past.X, metrics=metrics
    )
    model = model.push()
    say(f"version {version}: trained on {len(past)} rows, {dict(metrics)}")
    place, _, digest = model.reference.partition("@")
    say(f"  {model.size / 1024:.0f} KiB of ONNX at {place}, {digest[:19]}…")
    return model


def judged(watcher: i4q.Deployment, cluster: str, rows: np.ndarray, *, by: str | None = None) -> dict[str, object]:
    """What the workload on a cluster says; by a version that is ready, to which its network may turn a moment later."""
    request = urllib.request.Request(f"{watcher.address(cluster)}/judge", json.dumps(rows.tolist()).encode())
    until = time.monotonic() + 30
    while True:
        with urllib.request.urlopen(request, timeout=10) as response:
            verdict = json.load(response)
        if by in (None, verdict["model"]) or time.monotonic() > until:
            return verdict
        time.sleep(0.2)


def placed(status: i4q.Status) -> list[str]:
    return [row.cluster for row in status.clusters if row.running]


def tell(hub: i4q.Hub) -> None:
    chapter("Train two versions on AI4I 2020: synthetic rows, modelled on a milling machine (S. Matzka, CC BY 4.0)")
    data = load()
    held_out = data[8000:]
    simple, better = make_pipeline(StandardScaler(), LogisticRegression()), GradientBoostingClassifier(random_state=0)
    v1, v2 = packed("1", simple, data[:6000], held_out), packed("2", better, data[:8000], held_out)

    chapter("Three clusters, and a rule that says which are meant")
    known = {cluster.name for cluster in hub.clusters}
    for name, about in CLUSTERS.items():
        if name in known:
            hub.clusters.label(name, about["labels"])
        else:
            hub.clusters.add(name, **about)
    where = i4q.Placement("cnc", (i4q.Label("line") == "cnc") & (i4q.Resource("memory") >= "1Gi"))
    say(hub.explain(where))

    chapter("Plan, then deploy: each cluster fetches by digest, verifies, serves, answers its probe")
    say(hub.plan(v1, to=where))
    wear = hub.deploy(v1, to=where).wait()
    must(
        placed(wear.status()) == ["edge-1", "edge-2"], f"{wear.name} {wear.status().version} runs on edge-1 and edge-2"
    )

    chapter("Ask it over REST (Open Inference Protocol v2), and compare with scikit-learn")
    answers = wear.client("edge-1").infer(held_out.X)
    same = np.allclose(answers["probabilities"], simple.predict_proba(held_out.X), atol=1e-5)
    must(same, f"{len(held_out)} rows answered as scikit-learn answers them")

    chapter("A workload beside the model, which finds it by MODEL_TOOL_WEAR_URL")
    watcher = i4q.Workload.from_dir(
        HERE / "watcher", name="watcher", version="1", command=["python", "main.py"],
        uses={"tool-wear": "url"}, port=8000, ready="/ready",
    )  # fmt: skip
    watcher = hub.deploy(watcher.push(), to=where).wait()
    worst = held_out.X[np.argsort(better.predict_proba(held_out.X)[:, 1])[-1:]]
    verdict = judged(watcher, "edge-1", worst)
    must(verdict["model"] == "1", f"on edge-1 it says: {verdict}")

    chapter("Update to version 2 while four clients ask all the time, then go back")
    with Traffic(wear, "edge-1", held_out.X[:1]) as traffic:
        began = time.perf_counter()
        wear.update(v2).wait()
        must(wear.status().version == "2", f"version 2 is everywhere after {time.perf_counter() - began:.2f} s")
        verdict = judged(watcher, "edge-1", worst, by="2")
        must(verdict["model"] == "2", f"the workload was not touched, and now says: {verdict}")
        began = time.perf_counter()
        wear.rollback().wait()
        must(wear.status().version == "1", f"version 1 is back after {time.perf_counter() - began:.2f} s")
    must(not traffic.failures, f"{traffic}")

    chapter("The lines are rebuilt: labels change, and model and workload move")
    hub.clusters.label("edge-1", {"line": "press"})
    hub.clusters.label("edge-3", {"line": "cnc"})
    must(placed(wear.wait().status()) == ["edge-2", "edge-3"], "the model has moved from edge-1 to edge-3")
    must(judged(watcher.wait(), "edge-3", worst)["model"] == "1", "the workload has moved with it")

    chapter("Delete everything")
    must(watcher.delete() is None and wear.delete() is None, "nothing is left of the deployments")
    must(hub.list() == [], "the hub has forgotten them")


def take_away(hub: i4q.Hub, clusters: set[str]) -> None:
    """What is left when the story ends early, users first; and the clusters that were made for it."""
    for deployment in sorted(hub.list(), key=lambda each: each.kind == "model"):
        if deployment.name in NAMES:
            deployment.delete()
    for name in clusters & {cluster.name for cluster in hub.clusters}:
        hub.clusters.remove(name, refresh=False)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with i4q.Hub() as hub:
        there = {cluster.name for cluster in hub.clusters} & CLUSTERS.keys()
        if hub.capabilities.stop:  # its clusters are processes, made and ended by the hub
            must(not there, f"the names of the clusters are free in {hub.address}")
        else:
            must(there == CLUSTERS.keys(), f"{hub.address} has {', '.join(CLUSTERS)}")
        must(not NAMES & {deployment.name for deployment in hub.list()}, "and so are those of the deployments")
        try:
            tell(hub)
        finally:
            take_away(hub, CLUSTERS.keys() - there)
    chapter("Done: nothing of it is left")


if __name__ == "__main__":
    main()
