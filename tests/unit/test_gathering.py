"""Several files to one release."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import given

from i4q_ai import yamls
from i4q_ai.errors import NotFoundError, SchemaError
from i4q_ai.gathering import gather
from i4q_ai.overlay import Overlay
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Label
from i4q_ai.release import Placed, Release
from tests.unit import things

V1, V2 = things.model(version="1"), things.model(version="2")
LINES = Placement("lines", Label("line"), count=5)
BASE = Release(models=(V1,), placements=(LINES,), deployments=(Placed(model="tool-wear", to="lines"),))


def _file(folder: Path, name: str, *documents: str) -> Path:
    (folder / name).write_text("---\n".join(documents))
    return folder / name


@given(things.releases)
def test_one_file_is_what_it_says(release: Release) -> None:
    assert Release.from_yaml(release.to_yaml()) == release


def test_a_file_is_read_back(tmp_path: Path) -> None:
    assert gather([_file(tmp_path, "release.yaml", BASE.to_yaml())]) == BASE


def test_errors_name_the_file_and_the_place(tmp_path: Path) -> None:
    file = tmp_path / "release.yaml"
    with pytest.raises(NotFoundError, match="there is no file"):
        gather([file])
    for text, told in (
        (b"apiVersion: i4q-ai/v1\nkind: Release\nmodels: [\n", r"release\.yaml: line 4, column 1: "),
        (
            b"apiVersion: i4q-ai/v1\nkind: Release\nmodels:\n- {name: A, version: '1'}\n",
            r"release\.yaml: models\.0\.name \(line 4\): 'A' is no name",
        ),
        (b"\xff\xfe\x00", r"release\.yaml: is no text in UTF-8"),
    ):
        file.write_bytes(text)
        with pytest.raises(SchemaError, match=told):
            gather([file])


def test_files_folders_and_documents_are_one_release(tmp_path: Path) -> None:
    placed = Release(deployments=BASE.deployments).to_yaml()
    _file(tmp_path, "b.yaml", V1.to_yaml(), LINES.to_yaml())
    _file(tmp_path, "a.yml", placed, "", LINES.to_yaml())
    _file(tmp_path, ".hidden.yaml", "broken: [")
    _file(tmp_path, "notes.txt", "not: yaml: at all")
    whole = gather([tmp_path])
    assert whole == BASE
    assert gather([tmp_path / "a.yml", tmp_path / "b.yaml", tmp_path]) == BASE
    assert whole.specs(owner="me")["tool-wear"].model == V1


def test_standard_input_is_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(BASE.to_yaml()))
    assert gather(["-"]) == BASE


def test_what_differs_between_files_is_refused_by_their_names(tmp_path: Path) -> None:
    first, second = (
        _file(tmp_path, "a.yaml", LINES.to_yaml()),
        _file(tmp_path, "b.yaml", LINES.replace(count=2).to_yaml()),
    )
    with pytest.raises(SchemaError, match=r"placement 'lines' is not the same in .*a\.yaml and in .*b\.yaml"):
        gather([first, second])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a.yaml: is empty"),
        ("kind: Cluster\n", "kind is 'Cluster', which a release is not made of"),
        ("apiVersion: i4q-ai/v1\nkind: Overlay\n", "is an Overlay"),
        ("- 1\n", "a Release is a mapping"),
        (
            "apiVersion: i4q-ai/v1\nkind: Release\ndeployments:\n- to: lines\n  flavor: files\n",
            r"deployments\.0\.flavor \(line 5\): unknown field 'flavor'; did you mean 'flavour'\?",
        ),
        (
            "# two\n---\n---\napiVersion: i4q-ai/v1\nkind: Placement\nname: lines\ncount: none\n",
            r"count \(line 7\): Input should be a valid integer",
        ),
        (
            "apiVersion: i4q-ai/v1\nkind: Model\nname: a\nversion: '1'\nlabels:\n  a.b/c: 'x y'\n",
            r"labels\.a\.b/c \(line 6\): 'x y' is no label value",
        ),
    ],
)
def test_what_does_not_fit_is_told_with_file_and_line(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(SchemaError, match=reason) as told:
        gather([_file(tmp_path, "a.yaml", text)])
    assert "a.yaml" in str(told.value)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no file that ends in"):
        gather([tmp_path])
    with pytest.raises(NotFoundError, match="there is no file"):
        gather([tmp_path / "release.yaml"])


def test_an_overlay_changes_entries_by_name(tmp_path: Path) -> None:
    base = _file(tmp_path, "release.yaml", BASE.to_yaml())
    changes = {
        "apiVersion": "i4q-ai/v1", "kind": "Overlay",
        "models": [{"name": "tool-wear", "version": "2", "reference": V2.reference}],
        "placements": [{"name": "lines", "count": None, "rule": {"label": "site", "values": ["north"]}}],
        "deployments": [{"name": "tool-wear", "model": "tool-wear@2", "rollout": {"strategy": "staged"}}],
    }  # fmt: skip
    made = gather([base], overlays=[_file(tmp_path, "north.yaml", yamls.dump(changes))])
    spec = made.specs(owner="me")["tool-wear"]
    assert (spec.object.version, spec.placement.count, spec.rollout.strategy) == ("2", None, "staged")
    assert spec.placement.rule == Placement("x", Label("site") == "north").rule
    assert [model.version for model in made.models] == ["1", "2"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"placements": ({"name": "line", "count": 2},)}, r"placements\.0: the release has no 'line'.*'lines'"),
        ({"deployments": ({"name": "wear"},)}, r"deployments\.0: the release has no 'wear' to change"),
        ({"placements": ({"name": "lines", "cuont": 2},)}, r"placements\.0: cuont: unknown field"),
        ({"models": ({"name": "other"},)}, r"models\.0: version: Field required"),
    ],
)
def test_an_overlay_of_what_is_not_there_is_refused(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(SchemaError, match=reason):
        Overlay(**changes).over(BASE)


def test_an_overlay_says_by_name_what_it_changes() -> None:
    with pytest.raises(SchemaError, match="every entry of an overlay says by 'name'"):
        Overlay(placements=({"count": 2},))
