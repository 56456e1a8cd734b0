"""`i4q oci …` on layout folders."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from i4q_ai.cli.exits import OK, code_for
from i4q_ai.cli.program import run
from i4q_ai.errors import VersionExistsError
from tests.unit.oci.made_artifacts import Maker


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    monkeypatch.chdir(tmp_path)
    maker = Maker(tmp_path / "from")
    maker.shapes()
    return maker


def printed(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = OK) -> str:
    assert run(["oci", *arguments]) == code
    return capsys.readouterr().out


def test_look(made: Maker, capsys: pytest.CaptureFixture[str]) -> None:
    digest = made.layout.tags()["plain"]
    assert printed(capsys, "resolve", "oci:from:plain").strip().endswith(f"from@{digest}")
    assert "zero-byte" in printed(capsys, "tags", "oci:from").split()
    assert "a.txt" in printed(capsys, "inspect", "oci:from:plain")
    assert json.loads(printed(capsys, "inspect", "oci:from:plain", "-o", "json"))["digest"] == digest
    assert "custom" not in printed(capsys, "diff", "oci:from:plain", "oci:from:plain")
    changes = json.loads(printed(capsys, "diff", "oci:from:plain", "oci:from:custom", "-o", "json"))
    assert [(change["what"], change["name"]) for change in changes] == [("file", "a.txt"), ("file", "c")]


def test_move(made: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "note.txt").write_text("fine")
    printed(capsys, "attach", "oci:from:plain", "note.txt", "--type", "a/note", "--annotation", "a=b")
    copied = json.loads(printed(capsys, "copy", "oci:from:plain", "oci:to:1", "--tag", "stable", "-o", "json"))
    assert (copied["tags"], copied["referrers"]) == (["1", "stable"], 1)
    printed(capsys, "copy", "oci:from:custom", "oci:to:1", code=code_for(VersionExistsError("")))
    printed(capsys, "copy", "oci:from:custom", "oci:to:1", "--if-match", copied["digest"], "--no-referrers")
    printed(capsys, "save", "oci:from:plain", "oci:from:index", "--to", "both.tar")
    loaded = json.loads(printed(capsys, "load", "both.tar", "--to", "oci:again", "-o", "json"))
    assert [one["tags"] for one in loaded] == ["plain", "index"]
    assert printed(capsys, "pull", "oci:again:plain", "out").split() == ["a.txt"]
    assert (tmp_path / "out" / "a.txt").read_text() == "a"
