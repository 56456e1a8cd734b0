"""From a push to Git to the object on the edge, by ACM's own controllers: told to look, and left to their polling.

Run: python -m tests.bench acm
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from time import monotonic

from i4q_ai.deadline import Deadline
from i4q_ai.hub import Hub
from i4q_ai.kube import Api
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Name
from i4q_ai.published import Rendering
from i4q_ai_ocm.settings import Git, OcmHub
from tests.bench.rows import Row, compared, limited
from tests.e2e.gitops.people import Person
from tests.testbed.controlplane import ControlPlane
from tests.testbed.gitserver import GitServer
from tests.testbed.network import HUB
from tests.testbed.ocm import Management
from tests.testbed.runs import Run
from tests.testbed.subscriptions import Subscriptions

TOLD, LEFT = 9, 2
NAMESPACE, NAME = "plant", "bolts"
PATIENCE = 900.0
_DIGEST = f"sha256:{'1' * 64}"
_IMAGE = f"registry.invalid/edge@sha256:{'2' * 64}"
_WHO = "trainer <trainer@factory.example>"


def run() -> list[Row]:
    """Publish versions, then push some with git alone; each until the edge's API server tells of it."""
    with tempfile.TemporaryDirectory() as name, _delivering() as acm, GitServer(Path(name), address=HUB) as server:
        folder = Path(name)
        os.environ["I4Q_CACHE"] = str(folder / "cache")
        repo = server.create("plant")
        settings = folder / "hub.yaml"
        settings.write_text(OcmHub(kubeconfig=str(acm.hub.kubeconfig), git=Git()).to_yaml(), encoding="utf-8")
        edge = acm.management.edges["edge-1"]
        with Hub(f"ocm://{settings}", namespace=NAMESPACE) as hub, Api.open(kubeconfig=edge.kubeconfig) as api:
            seen = _Seen(api)
            told, publishing = _told(hub, repo, seen)
            left = _left(Person(folder / "person", repo), seen)
    most = f"median of {TOLD}, at most {max(told):.1f} s; of it `hub.publish` takes {median(publishing):.1f} s"
    polled = f"median of {LEFT}; the controllers' own polling, medium rate"
    return [
        limited("`hub.publish` → object on the edge", median(told), goal=5.0, unit="s", note=most),
        compared("a push → object on the edge", median(told), median(left), goal=None, unit="s", note=polled),
    ]


def _told(hub: Hub, repo: str, seen: _Seen) -> tuple[list[float], list[float]]:
    """Seconds until a published version is there, and those that publishing took."""
    whole, ours = [], []
    for number in range(TOLD + 1):
        version = str(number)
        model = Model(name=NAME, version=version, format="onnx", reference=f"registry.invalid/bolts@{_DIGEST}")
        model = model.replace(reference=f"registry.invalid/bolts@sha256:{number:064x}")
        began = monotonic()
        hub.publish(
            model, to=Placement("one", Name("edge-1")), repo=repo, author=_WHO, rendering=Rendering(edge_image=_IMAGE)
        )
        ours.append(monotonic() - began)
        whole.append(seen.wait(f":{version}@") - began)
    return whole[1:], ours[1:]  # the first makes the objects of the hub


def _left(person: Person, seen: _Seen) -> list[float]:
    """Seconds until a commit is there that nobody has told the hub of."""
    took = []
    for number in range(LEFT):
        person.pull()
        place = person.folder / NAME / "deployment.yaml"
        text = place.read_text(encoding="utf-8")
        before = text.partition("registry.invalid/bolts:")[2].partition("@")[0]
        place.write_text(text.replace(f"bolts:{before}@", f"bolts:left-{number}@"), encoding="utf-8")
        began = monotonic()
        person.push()
        took.append(seen.wait(f":left-{number}@") - began)
    return took


class _Seen:
    """When the edge's Deployment first names a version."""

    def __init__(self, api: Api) -> None:
        self._api, self._news = api, threading.Condition()
        self._at: dict[str, float] = {}
        threading.Thread(target=self._watch, daemon=True).start()

    def wait(self, part: str) -> float:
        with self._news:
            found = self._news.wait_for(lambda: any(part in text for text in self._at), timeout=PATIENCE)
            assert found, f"{part} has not come"
            return min(at for text, at in self._at.items() if part in text)

    def _watch(self) -> None:
        for event in self._api.watch("Deployment", NAMESPACE, labels={}, deadline=Deadline.after(4 * PATIENCE)):
            now, texts = monotonic(), [str(each) for each in (*event.items, event.object or {})]
            with self._news:
                for text in texts:
                    self._at.setdefault(text, now)
                self._news.notify_all()


@contextmanager
def _delivering() -> Iterator[Subscriptions]:
    with ExitStack() as stack:
        run = stack.enter_context(Run())
        plant = stack.enter_context(ControlPlane(run, edges=1, nodes=0))
        management = stack.enter_context(Management(run, plant))
        yield stack.enter_context(Subscriptions(run, management))
