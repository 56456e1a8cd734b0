"""`i4q publish` and `i4q publication …`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from i4q_ai.cli.program import run
from i4q_ai.placement import Placement
from i4q_ai.release import Placed, Release
from tests.e2e.gitops.people import Person, files, log
from tests.unit import things

pytestmark = pytest.mark.usefixtures("memory")


@pytest.fixture
def to(url: str) -> list[str]:
    return ["--repo", url, "--path", "edges", "--form", "agent"]


def put(folder: Path, version: str) -> str:
    """A model's file."""
    path = folder / "wear.yaml"
    path.write_text(things.model("wear", version).to_yaml(), encoding="utf-8")
    return str(path)


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    """What a verb prints as JSON."""
    capsys.readouterr()
    assert run([*arguments, "-o", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_the_whole_way(
    tmp_path: Path, repo: Path, person: Person, to: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (first,) = rows(capsys, "publish", put(tmp_path, "1"), "--label", "line=cnc", *to)
    assert (first["name"], first["version"], first["folder"]) == ("wear", "1", "edges/wear")
    (second,) = rows(capsys, "publish", put(tmp_path, "2"), "--label", "line=cnc", "-m", "For the night shift", *to)
    assert log(repo) == [second["commit"], first["commit"]]
    assert log(repo, "%s")[0] == "For the night shift"
    assert rows(capsys, "publication", "list") == [second]
    assert run(["publication", "status", "wear"]) == 0
    assert "no cluster has been seen with it" in capsys.readouterr().err
    assert run(["publication", "drift", "wear"]) == 0
    assert capsys.readouterr().out == "nothing differs\n"
    person.pull()
    person.write_all({"edges/wear/desired.json": "{}\n"})
    person.push()
    (edit,) = rows(capsys, "publication", "drift", "wear")
    assert (edit["path"], edit["deleted"]) == ("edges/wear/desired.json", False)
    assert run(["publication", "rollback", "wear"]) == 4
    assert "force" in capsys.readouterr().err
    (back,) = rows(capsys, "publication", "rollback", "wear", "--force")
    assert back["version"] == "1"
    assert run(["publication", "delete", "wear", "--author", "Bo Ek <bo@plant.example>"]) == 0
    assert log(repo, "%an %s")[0] == "Bo Ek Remove wear"
    assert files(repo) == {}
    assert run(["publication", "status", "wear"]) == 3


def test_a_release(tmp_path: Path, repo: Path, to: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    release = Release(
        models=(things.model("wear"), things.model("chatter")),
        placements=(Placement("all"),),
        deployments=(Placed(model="wear", to="all"), Placed(model="chatter", to="all")),
    )
    (tmp_path / "release.yaml").write_text(release.to_yaml(), encoding="utf-8")
    made = rows(capsys, "publish", "-f", str(tmp_path / "release.yaml"), *to)
    assert [each["name"] for each in made] == ["wear", "chatter"]
    assert len(log(repo)) == 1
    for more in (["--name", "x"], ["--everywhere"], ["--flavour", "files"]):
        assert run(["publish", "-f", str(tmp_path / "release.yaml"), *more, *to]) == 1
        assert "says itself" in capsys.readouterr().err


def test_what_cannot_be_meant(tmp_path: Path, repo: Path, to: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    model = put(tmp_path, "1")
    wrong = (
        ["publish", *to], ["publish", model, "-f", "x.yaml", *to], ["publish", model, *to],
        ["publish", model, "--everywhere"], ["publish", model, "--everywhere", *to[:-1], "terraform"],
    )  # fmt: skip
    for arguments in wrong:
        assert run(arguments) == 2
    refused = (
        (["publish", model, "--everywhere", "--repo", "https://bot:secret@git.example/x"], "carries a password"),
        (["publish", model, "--everywhere", *to[:4]], "edge-image"),
        (["publish", model, "--everywhere", *to, "--propose", "main"], "proposed to itself"),
        (["publish", model, "--label", "line=none", *to], "line"),
    )
    capsys.readouterr()
    for arguments, why in refused:
        assert run(arguments) == 1
        told = capsys.readouterr().err
        assert why in told
        assert "secret" not in told
    assert log(repo, branch="--all") == []
