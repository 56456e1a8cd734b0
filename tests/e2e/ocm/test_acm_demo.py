"""The first demonstration replayed: a model and the program that uses it, each a path in Git, one application."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from i4q_ai.manifests import Site
from i4q_ai.manifests.publishable import rendered
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Label
from i4q_ai.spec import Spec
from tests.e2e.gitops.people import Person, git
from tests.e2e.ocm import console
from tests.e2e.ocm.conftest import PATIENCE
from tests.testbed.kinds import apply
from tests.testbed.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from i4q_ai.model import Model
    from i4q_ai.testing.samples import Samples
    from i4q_ai.workload import Workload
    from tests.testbed.edge import Edge
    from tests.testbed.gitserver import GitServer
    from tests.testbed.images import EdgeImage
    from tests.testbed.subscriptions import Subscriptions

MODEL, PROGRAM = "rest-api/k8s", "webapp/k8s"


@pytest.fixture
def edge(acm: Subscriptions, ocm_namespace: str) -> Iterator[Edge]:
    """An edge with the label that the test's namespace is the value of."""
    acm.hub.kubectl("label", "managedcluster", "edge-1", f"line={ocm_namespace}", "--overwrite")
    yield acm.management.edges["edge-1"]
    acm.hub.kubectl("label", "managedcluster", "edge-1", "line-")
    acm.hub.kubectl("delete", "namespace", f"{ocm_namespace}-channel-ns", "--ignore-not-found", "--wait=false")


@pytest.fixture
def site(ocm_namespace: str, registry_of_ocm: str, edge_image: EdgeImage) -> Site:
    """How things are written for the edges."""
    image = edge_image.push(registry_of_ocm)
    return Site(cluster="git", namespace=ocm_namespace, hub="git", image=image, plain_http=(registry_of_ocm,))


def files(thing: Model | Workload, site: Site, path: str) -> dict[str, str]:
    """Path in the repository → text."""
    about: dict[str, Any] = {"model" if hasattr(thing, "format") else "workload": thing}
    item = Spec(placement=Placement("anywhere", Label("line").exists()), **about).item(site.namespace, thing.name, "*")
    return {f"{path}/{name}": text for name, text in rendered(item, site, form="kustomize").items()}


def answer(edge: Edge, namespace: str) -> Mapping[str, Any]:
    """What the program says: who it is, and the factor that the model has answered with; nothing while it does not."""
    path = f"/api/v1/namespaces/{namespace}/services/workload-line:8000/proxy/"
    try:
        said: dict[str, Any] = json.loads(edge.kubectl("get", "--raw", path))
    except RuntimeError:
        return {}
    return said


def refresh(acm: Subscriptions, namespace: str, number: int, moment: str) -> None:
    """What a person does who will not wait for the next poll."""
    about = f"subscriptions.{console.APPS}/demo-subscription-{number}"
    acm.hub.kubectl("annotate", about, "-n", namespace, f"{console.APPS}/manual-refresh-time={moment}", "--overwrite")


def test_the_first_demonstration(
    acm: Subscriptions, edge: Edge, hub_git: GitServer, ocm_namespace: str, site: Site, samples: Samples, tmp_path: Path
) -> None:
    person = Person(tmp_path / "clone", hub_git.create("plant"))
    person.write_all({**files(samples.one, site, MODEL), **files(samples.by_url, site, PROGRAM)})
    person.push()
    paths = {MODEL: ocm_namespace, PROGRAM: ocm_namespace}
    made = console.application(ocm_namespace, "demo", hub_git.url("plant"), paths=paths, branch="main")
    apply(acm.hub, *made)
    processes = [*acm.processes.values(), *acm.agents.values()]

    def serves(factor: float) -> int:
        wait_until(
            lambda: answer(edge, ocm_namespace).get("factor") == factor,
            what=f"the program sees the model that answers with {factor}", of=processes, timeout=PATIENCE,
        )  # fmt: skip
        return int(answer(edge, ocm_namespace)["pid"])

    pid = serves(1.0)
    person.write_all({**files(samples.two, site, MODEL)})
    person.push("version 2")
    assert git(person.folder, "diff", "--numstat", "HEAD~1").split()[:2] == ["1", "1"], "one line has changed"
    refresh(acm, ocm_namespace, 1, "2026-01-01T00:00:01Z")
    assert serves(2.0) == pid
    git(person.folder, "revert", "--no-edit", "HEAD")
    git(person.folder, "push", "--quiet", "origin", "HEAD:main")
    refresh(acm, ocm_namespace, 1, "2026-01-01T00:00:02Z")
    assert serves(1.0) == pid, "the program was not touched"
    acm.hub.kubectl("delete", f"subscriptions.{console.APPS}", "--all", "-n", ocm_namespace)
    kinds = "deployments,services,poddisruptionbudgets,configmaps"

    def left() -> list[str]:
        found = edge.kubectl("get", kinds, "-n", ocm_namespace, "-o", "name", "--ignore-not-found").split()
        return [each for each in found if each != "configmap/kube-root-ca.crt"]

    wait_until(lambda: left() == [], what="nothing is left on the edge", of=processes)
