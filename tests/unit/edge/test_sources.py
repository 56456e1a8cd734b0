"""What ConfigMaps say, on disk: kept, copied, merged."""

from __future__ import annotations

from pathlib import Path

import pytest

from i4q_ai.desired import Desired, ModelItem
from i4q_ai.edge.paths import Paths
from i4q_ai.edge.sources import Sources
from i4q_ai.errors import UnreachableError
from tests.unit.edge.world import model

AWAY = UnreachableError("nobody answers")


class Box:
    """The folder of a sidecar, and what its sources tell."""

    def __init__(self, base: Path) -> None:
        self.paths, self.mounted = Paths(base / "shared"), base / "mounted"
        self.paths.folder.mkdir()
        self.told: list[str] = []

    def sources(self, *names: str) -> Sources:
        """As after a start of the container."""
        return Sources(self.paths, names, self.mounted, self.told.append)

    def mount(self, name: str, text: str) -> None:
        """What a kubelet puts there."""
        (self.mounted / name).mkdir(parents=True, exist_ok=True)
        (self.mounted / name / "desired.json").write_text(text)

    @property
    def desired(self) -> Desired | None:
        """What the agent reads."""
        return Desired.from_json(self.paths.desired.read_bytes()) if self.paths.desired.exists() else None

    @property
    def versions(self) -> list[str]:
        """What the agent reads, in short."""
        assert self.desired is not None
        return [f"{item.name} {item.version}" for item in self.desired.models]


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def text(version: str, *, name: str = "wear", revision: int = 1) -> str:
    item: ModelItem = model(version, flavour="files", name=name, revision=revision)
    return Desired(cluster="edge-1", revision=revision, models=(item,)).to_json()


def test_nothing_is_written_before_each_was_asked_for(box: Box) -> None:
    box.mount("a", text("1"))
    sources = box.sources("a", "b")
    sources.silent("a", AWAY)
    assert box.desired is None
    assert box.told == []
    sources.said("b", {"desired.json": text("1", name="chatter")})
    assert box.versions == ["wear 1", "chatter 1"]
    assert box.told == ["ConfigMap 'a' cannot be followed: nobody answers"]


def test_a_configmap_that_is_not_there_wants_nothing(box: Box) -> None:
    sources = box.sources("a")
    sources.said("a", None)
    assert box.desired is None
    assert box.told == ["waiting for its model: ConfigMap 'a' is not there yet"]
    assert not sources.complete
    sources.said("a", {"desired.json": text("1")})
    assert box.told[-1] == ""
    assert sources.complete
    assert sources.revision == 1


def test_the_same_again_is_no_news(box: Box) -> None:
    sources = box.sources("a")
    for _ in range(3):
        sources.said("a", {"desired.json": text("1"), "other": "x"})
    assert len(box.told) == 1
    assert box.desired is not None
    assert box.desired.revision == 1


@pytest.mark.parametrize("data", [{}, {"desired.json": "{"}, {"desired.yaml": text("2")}])
def test_what_cannot_be_read_leaves_what_was(box: Box, data: dict[str, str]) -> None:
    sources = box.sources("a")
    sources.said("a", {"desired.json": text("1")})
    sources.said("a", data)
    assert box.versions == ["wear 1"]
    assert "ConfigMap 'a'" in box.told[-1]
    sources.said("a", {"desired.json": text("2")})
    assert box.versions == ["wear 2"]
    assert box.told[-1] == ""


def test_what_cannot_be_read_leaves_what_was_also_after_a_restart(box: Box) -> None:
    box.sources("a").said("a", {"desired.json": text("1")})
    again = box.sources("a")
    again.said("a", {"desired.json": "{"})
    assert box.versions == ["wear 1"]
    assert "not JSON" in box.told[-1]


def test_a_deleted_configmap_wants_nothing_any_more(box: Box) -> None:
    sources = box.sources("a")
    sources.said("a", {"desired.json": text("1")})
    sources.said("a", None)
    assert box.versions == []
    assert box.desired is not None
    assert box.desired.revision == 2
    assert not (box.paths.sources / "a.json").exists()


def test_a_configmap_that_was_made_again_counts_whatever_its_revision(box: Box) -> None:
    sources = box.sources("a")
    sources.said("a", {"desired.json": text("1", revision=9)})
    sources.said("a", None)
    sources.said("a", {"desired.json": text("2", revision=1)})
    assert box.versions == ["wear 2"]
    assert box.desired is not None
    assert box.desired.revision == 3


def test_after_a_restart_what_was_said_last_stands_while_the_api_is_away(box: Box) -> None:
    box.sources("a").said("a", {"desired.json": text("2", revision=2)})
    box.mount("a", text("1", revision=1))
    again = box.sources("a")
    again.silent("a", AWAY)
    assert box.versions == ["wear 2"]
    assert again.revision == 1
    again.said("a", {"desired.json": text("3", revision=3)})
    assert box.versions == ["wear 3"]
    assert again.revision == 2


def test_a_newer_mounted_copy_counts_while_the_api_is_away(box: Box) -> None:
    sources = box.sources("a")
    sources.said("a", {"desired.json": text("1", revision=1)})
    box.mount("a", text("2", revision=2))
    sources.silent("a", AWAY)
    assert box.versions == ["wear 2"]
    box.mount("a", "broken")
    sources.silent("a", AWAY)
    assert box.versions == ["wear 2"]


def test_the_revision_goes_on_when_the_document_is_lost(box: Box) -> None:
    sources = box.sources("a")
    for version in "123":
        sources.said("a", {"desired.json": text(version)})
    item = model("3", flavour="files")
    remembered = Desired(cluster="edge-1", revision=7, models=(item,)).model_dump_json()
    box.paths.state.write_text(f'{{"desired": {remembered}, "items": {{}}}}')
    box.paths.desired.write_text("half a docu")
    again = box.sources("a")
    again.said("a", {"desired.json": text("4")})
    assert again.revision == 8
