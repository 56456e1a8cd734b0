"""`i4q image build`: what it prints, and where."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from i4q_ai.cli.exits import OK, REFUSED, USAGE
from i4q_ai.cli.program import run
from tests.unit.oci.image.made_inputs import lock_with_wheels, root


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    base, lock = root(tmp_path / "root.tar"), lock_with_wheels(tmp_path)
    return [
        *("image", "build", "--base", str(base), "--to", f"oci:{tmp_path}/layout"),
        *("--lock", str(lock), "--wheels", str(tmp_path / "wheels"), "--no-bytecode"),
    ]


def test_it_prints_the_reference(arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == OK
    told = capsys.readouterr()
    assert told.out.startswith(f"oci:{tmp_path}/layout@sha256:")
    assert len(told.out.splitlines()) == 1
    assert "linux/amd64" in told.err
    assert "3 packages" in told.err


def test_it_explains_what_is_in_it(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "--explain"]) == OK
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["PLATFORM", "PACKAGE", "VERSION", "MEGABYTES", "FILES"]
    assert [row[1] for row in rows[1:]] == ["i4q-ai", "spam", "eggs"]


def test_it_gives_json(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "-o", "json"]) == OK
    told = json.loads(capsys.readouterr().out)
    assert told["reference"].endswith(told["digest"])
    (image,) = told["images"]
    assert image["size"] == sum(part["size"] for part in image["parts"])


def test_errors_have_a_hint(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*arguments, "--platform", "linux/arm"]) == REFUSED
    assert "hint: did you mean 'linux/arm64'?" in capsys.readouterr().err
    assert run(["image", "build", "--to", "edge.tar"]) == USAGE
    assert "--base" in capsys.readouterr().err
