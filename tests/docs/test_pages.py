"""Every block of the README and of docs/ is run: on this machine, or with real clusters where a page needs them."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from i4q_ai import Hub
from tests.docs.pages import Session, blocks, environment, needs_hub, needs_plant
from tests.testbed.programs import control_plane

if TYPE_CHECKING:
    from tests.testbed.controlplane import ControlPlane
    from tests.testbed.images import EdgeImage
    from tests.testbed.ocm import Management

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = [page for page in PAGES if any(block.language != "text" for block in blocks(page.read_text(encoding="utf-8")))]
ON_PLANT = [page for page in RUN if needs_plant(page.read_text(encoding="utf-8"))]
ON_HUB = [page for page in RUN if needs_hub(page.read_text(encoding="utf-8"))]
HERE = [page for page in RUN if page not in (*ON_PLANT, *ON_HUB)]

_PLACEHOLDERS = "registry.factory:5000", "line-ai", "0" * 64
"""What stands in pages for the plant's registry, a namespace, and the digest of the edge image."""
_LABELS = "line", "ring"
"""That pages give to managed clusters."""


@pytest.fixture
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a reader who sits in a folder with the examples."""
    told = environment(tmp_path)
    shutil.copytree(ROOT / "examples", tmp_path / "work" / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.syspath_prepend(str(tmp_path / "work" / "examples"))
    for name in os.environ.keys() - told.keys():
        monkeypatch.delenv(name)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    return told


@pytest.fixture
def session(request: pytest.FixtureRequest, tmp_path: Path, variables: dict[str, str]) -> Iterator[Session]:
    """A reader with this machine alone; whatever runs is stopped afterwards."""
    yield Session(request.param, tmp_path / "work", variables, {"8080": free_port(), "8081": free_port()})
    with Hub() as hub:
        for cluster in hub.clusters:
            hub.clusters.remove(cluster.name, refresh=False)


@pytest.fixture
def plant_session(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    variables: dict[str, str],
    plant: ControlPlane,
    edge_image: EdgeImage,
    plant_namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Session:
    """A reader with clusters at hand, in a namespace of his own."""
    reader = Reader(tmp_path / "work", variables, monkeypatch)
    return reader.sit_down(request.param, plant, edge_image, plant_namespace, "home", "kubectl://clusters.yaml")


@pytest.fixture
def hub_session(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    variables: dict[str, str],
    ocm_plant: Management,
    edge_image: EdgeImage,
    ocm_namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Session]:
    """A reader with a hub at hand, and its clusters; they have the labels that they had when he leaves."""
    reader = Reader(tmp_path / "work", variables, monkeypatch)
    yield reader.sit_down(request.param, ocm_plant.plant, edge_image, ocm_namespace, "hub", "ocm://hub.yaml")
    ocm_plant.hub.kubectl("label", "managedcluster", "--all", *(f"{label}-" for label in _LABELS))


class Reader:
    """Somebody who sits in a folder and has real clusters at hand.

    Args:
        folder: the folder.
        variables: of the environment.
        monkeypatch: of the test.
    """

    def __init__(self, folder: Path, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._variables, self._monkeypatch = folder, variables, monkeypatch

    def sit_down(
        self, page: Path, plant: ControlPlane, image: EdgeImage, namespace: str, hub: str, address: str
    ) -> Session:
        """The session of a page.

        Args:
            page: its file.
            plant: the clusters.
            image: that they run.
            namespace: of deployments.
            hub: how the kubeconfig of the plant's hub is called here.
            address: of the hub, for I4Q_HUB.
        """
        files = {hub: plant.hub.kubeconfig, **{name: edge.kubeconfig for name, edge in plant.edges.items()}}
        for name, kubeconfig in files.items():
            (self._folder / f"{name}.kubeconfig").symlink_to(kubeconfig)
        registry = plant.registry.host
        told = {
            "I4Q_HUB": address,
            "I4Q_NAMESPACE": namespace,
            "I4Q_REGISTRY": f"{registry}/{namespace}",
            "I4Q_PLAIN_HTTP": registry,
            "PATH": f"{self._kubectl().parent}:{self._variables['PATH']}",
        }
        for name, value in told.items():
            self._monkeypatch.setenv(name, value)
        digest = image.push(registry).rpartition(":")[2]
        replaced = zip(_PLACEHOLDERS, (registry, namespace, digest), strict=True)
        return Session(page, self._folder, {**self._variables, **told}, dict(replaced))

    def _kubectl(self) -> Path:
        kubectl = self._folder / "bin" / "kubectl"
        kubectl.parent.mkdir()
        kubectl.write_text(f'#!/bin/sh\nexec {shlex.join(control_plane("kubectl"))} "$@"\n')
        kubectl.chmod(0o755)
        return kubectl


def free_port() -> str:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("session", HERE, indirect=True, ids=named)
def test_a_page_does_what_it_says(session: Session) -> None:
    session.read()


@pytest.mark.parametrize("plant_session", ON_PLANT, indirect=True, ids=named)
def test_a_page_about_clusters_does_what_it_says(plant_session: Session) -> None:
    plant_session.read()


@pytest.mark.parametrize("hub_session", ON_HUB, indirect=True, ids=named)
def test_a_page_about_managed_clusters_does_what_it_says(hub_session: Session) -> None:
    hub_session.read()


def test_every_fence_has_a_language() -> None:
    for page in PAGES:
        for block in blocks(page.read_text(encoding="utf-8")):
            assert block.language, (
                f"{page.relative_to(ROOT)}:{block.line}: say python, bash, yaml, json, text or mermaid"
            )
