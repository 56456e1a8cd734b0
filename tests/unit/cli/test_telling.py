"""`i4q tell`: what is told, printed and refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.cli.exits import OK, REFUSED, USAGE, code_for
from i4q_ai.cli.program import run
from i4q_ai.desired import Desired
from i4q_ai.errors import ConflictError, NotFoundError
from i4q_ai.model import Model
from i4q_ai.trust import Trust, TrustRule

NOT_FOUND = code_for(NotFoundError(""))
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model in a layout folder."""
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "limits.txt").write_text("torque 60\n")
    return str(Model.from_files(["limits.txt"], name="limits", version="1").push(f"oci:{tmp_path / 'r'}").reference)


def test_a_tag_is_told(limits: str, tmp_path: Path, capsys: Captured) -> None:
    assert run(["tell", "oci:edges:now", limits, "--flavour", "files", "--namespace", "line", "-o", "json"]) == OK
    told = json.loads(capsys.readouterr().out)
    assert told["reference"] == oci.resolve("oci:edges:now")
    assert run(["tell", "oci:edges:now", "--nothing", "--if-match", told["digest"]]) == OK
    assert run(["tell", "oci:edges:now", limits, "--if-match", "none"]) == code_for(ConflictError(""))
    assert "somebody was there first" in capsys.readouterr().err


def test_edges_may_fetch_it_elsewhere(limits: str, capsys: Captured) -> None:
    assert run(["tell", "-", limits, "--at", "oci:/srv/inbox"]) == OK
    references = Desired.from_json(capsys.readouterr().out).models[0].references
    assert references == (f"oci:/srv/inbox@{limits.rpartition('@')[2]}",)


def test_a_document_is_printed_and_told_as_it_is(limits: str, tmp_path: Path, capsys: Captured) -> None:
    assert run(["tell", "-", limits]) == OK
    printed = capsys.readouterr().out
    (tmp_path / "desired.json").write_text(printed)
    assert Desired.from_json(printed).models[0].references == (limits,)
    assert run(["tell", "-", "desired.json"]) == OK
    assert capsys.readouterr().out == printed


def test_a_policy_judges_before_anything_is_told(
    limits: str, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "trust.yaml"
    policy.write_text(Trust(rules=(TrustRule(signed=False, formats=("onnx",)),), edge=True).to_yaml())
    monkeypatch.setenv("I4Q_TRUST", str(policy))
    assert run(["tell", "oci:edges:now", limits]) == REFUSED
    assert "not trusted" in capsys.readouterr().err
    policy.write_text(Trust(rules=(TrustRule(signed=False),), edge=True).to_yaml())
    assert run(["tell", "-", limits]) == OK
    assert Desired.from_json(capsys.readouterr().out).models[0].trust is not None


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["tell", "oci:edges:now"], USAGE),
        (["tell", "oci:edges:now", "a.json", "b.json"], USAGE),
        (["tell", "oci:edges:now", "a.json", "--nothing"], USAGE),
        (["tell", "oci:edges:now", "nobody.json"], NOT_FOUND),
        (["tell", "oci:edges", "--nothing"], REFUSED),
        (["tell", "oci:edges:now", "a.json", "--at", "oci:/srv/inbox"], USAGE),
        (["tell", "oci:edges:now", "a.yaml", "--at", "oci:inbox"], REFUSED),
        (["tell", "oci:edges:now", "a.yaml", "--at", "oci:/srv/inbox:1"], REFUSED),
        (["edge", "folder", "--follow", "nowhere"], REFUSED),
        (["edge", "folder", "--every", "0"], USAGE),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == code
    assert not (tmp_path / "edges").exists()
