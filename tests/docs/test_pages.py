"""Every block of the README and of docs/ is run."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from i4q_ai import Hub
from tests.docs.pages import Session, blocks, environment

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = [page for page in PAGES if any(block.language != "text" for block in blocks(page.read_text(encoding="utf-8")))]


@pytest.fixture
def session(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A reader in a folder with the examples' data; whatever runs is stopped afterwards."""
    variables = environment(tmp_path)
    shutil.copytree(ROOT / "examples", tmp_path / "work" / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.syspath_prepend(str(tmp_path / "work" / "examples"))
    for name in os.environ.keys() - variables.keys():
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    yield Session(request.param, tmp_path / "work", variables, {"8080": free_port(), "8081": free_port()})
    with Hub() as hub:
        for cluster in hub.clusters:
            hub.clusters.remove(cluster.name, refresh=False)


def free_port() -> str:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.mark.parametrize("session", RUN, indirect=True, ids=[str(page.relative_to(ROOT)) for page in RUN])
def test_a_page_does_what_it_says(session: Session, request: pytest.FixtureRequest) -> None:
    page: Path = request.node.callspec.params["session"]
    for block in blocks(page.read_text(encoding="utf-8")):
        session.run(block)


def test_every_fence_has_a_language() -> None:
    for page in PAGES:
        for block in blocks(page.read_text(encoding="utf-8")):
            assert block.language, (
                f"{page.relative_to(ROOT)}:{block.line}: say python, bash, yaml, json, text or mermaid"
            )
