"""`i4q chart`, `kustomize`, `model bom|provenance|modelcar`: what they print, write, attach and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from i4q_ai.cli.exits import OK, REFUSED, USAGE
from i4q_ai.cli.program import run
from i4q_ai.manifests import chart
from i4q_ai.model import Model
from i4q_ai.oci.consumers import charting
from i4q_ai.oci.consumers.bom import bom
from tests.unit import things
from tests.unit.manifests.cases import EDGE_IMAGE
from tests.unit.oci.test_oci_modelcar import base_tar

NOT_FOUND = 3
COMMIT = "a" * 40
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def wear(tmp_path: Path) -> str:
    """A file with a model of a registry."""
    file = tmp_path / "wear.yaml"
    file.write_text(things.model().to_yaml())
    return str(file)


@pytest.fixture
def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model in a layout folder."""
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    (tmp_path / "limits.txt").write_text("torque 60\n")
    model = Model.from_files([tmp_path / "limits.txt"], name="limits", version="1")
    return str(model.push(f"oci:{tmp_path / 'registry'}").reference)


def test_a_chart_in_a_file(wear: str, tmp_path: Path, capsys: Captured) -> None:
    to = tmp_path / "wear.tgz"
    assert run(["chart", wear, "--image", EDGE_IMAGE, "--to", str(to)]) == OK
    assert capsys.readouterr().out == f"{to}\n"
    assert to.read_bytes() == charting.archive(chart(things.model(), image=EDGE_IMAGE))
    assert run(["chart", wear, "--image", EDGE_IMAGE, "--to", str(to), "--version", "2.0.0", "-o", "json"]) == OK
    assert json.loads(capsys.readouterr().out) == {"name": "tool-wear", "version": "2.0.0", "reference": str(to)}


def test_what_makes_no_chart(wear: str, limits: str, tmp_path: Path, capsys: Captured) -> None:
    to = str(tmp_path / "x.tgz")
    assert run(["chart", wear, "--to", to]) == USAGE
    assert run(["chart", wear, "--image", "edge:1", "--to", to]) == REFUSED
    assert run(["chart", limits, "--image", EDGE_IMAGE, "--to", to]) == REFUSED
    assert "push it to a registry that the cluster can reach" in capsys.readouterr().err
    (tmp_path / "line.yaml").write_text(things.workload().to_yaml())
    assert run(["chart", str(tmp_path / "line.yaml"), "--image", EDGE_IMAGE, "--to", to]) == REFUSED
    assert "is a Workload, not a Model" in capsys.readouterr().err
    assert not (tmp_path / "x.tgz").exists()


def test_a_folder_for_kustomize(wear: str, tmp_path: Path, capsys: Captured) -> None:
    to = tmp_path / "wear"
    options = ["--image", EDGE_IMAGE, "--to", str(to), "--pull-secret", "one", "--plain-http", "registry:5000"]
    assert run(["kustomize", wear, *options]) == OK
    written = capsys.readouterr().out.split()
    assert {str(path) for path in to.rglob("*.yaml")} == set(written)
    assert "registry:5000" in (to / "base" / "deployment.yaml").read_text()
    assert run(["kustomize", wear, *options]) == REFUSED
    assert "not an empty folder" in capsys.readouterr().err


def test_papers_are_printed_or_attached(limits: str, capsys: Captured) -> None:
    assert run(["model", "bom", limits]) == OK
    assert capsys.readouterr().out.encode() == bom(Model.from_oci(limits)) + b"\n"
    options = ["--builder", "https://ci.example/7", "--source", f"git+https://host/x@{COMMIT}"]
    assert run(["model", "provenance", limits, *options]) == OK
    assert json.loads(capsys.readouterr().out)["predicate"]["runDetails"]["builder"]["id"] == "https://ci.example/7"
    for paper in (["bom"], ["provenance", *options]):
        assert run(["model", *paper, limits, "--attach"]) == OK
        first = capsys.readouterr().out
        assert first.startswith(f"{limits.partition('@')[0]}@sha256:")
        assert run(["model", *paper, limits, "--attach", "-o", "json"]) == OK
        assert json.loads(capsys.readouterr().out) == {"reference": first.strip()}, "twice is as once"


def test_papers_of_nothing(tmp_path: Path, capsys: Captured) -> None:
    assert run(["model", "bom", f"oci:{tmp_path}/none:1"]) == NOT_FOUND
    assert run(["model", "provenance", f"oci:{tmp_path}/none:1", "--attach"]) == NOT_FOUND
    assert "has no tag '1'" in capsys.readouterr().err


def test_a_modelcar(limits: str, tmp_path: Path, capsys: Captured) -> None:
    base = base_tar(tmp_path / "base.tar")
    assert run(["model", "modelcar", limits, "--base", str(base), "--platform", "linux/amd64"]) == OK
    assert capsys.readouterr().out.startswith(f"{limits.partition('@')[0]}@sha256:")
    assert "1-modelcar" in (tmp_path / "registry" / "index.json").read_text()
    assert run(["model", "modelcar", limits]) == USAGE
    assert "--base" in capsys.readouterr().err
