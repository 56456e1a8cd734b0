"""`i4q explain --objects`: Placements of a dump, without a hub."""

from __future__ import annotations

import gzip
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import yaml

from i4q_ai.cli.exits import OK
from i4q_ai.cli.program import run

RECORDED = Path(__file__).parents[2] / "fixtures" / "placement-cases.jsonl.gz"


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    with gzip.open(RECORDED, "rt") as lines:
        return [json.loads(line) for line in islice(lines, 20)]


def explain(*arguments: object) -> int:
    return run(["explain", "--objects", *map(str, arguments)])


def test_lines_are_answered_one_by_one(
    cases: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / "cases.jsonl"
    dump.write_text("".join(json.dumps({"objects": case["objects"]}) + "\n" for case in cases))
    assert explain(dump, "--lines") == OK
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for answer, case in zip(answers, cases, strict=True):
        assert answer["ordered"] == case["expected"]["ordered"]
        assert answer["decisions"] == case["expected"]["decisions"]
        assert set(case["expected"]) <= {*answer, "message", "requeueAfter"}


def test_a_list_and_many_documents_are_read_alike(
    cases: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    objects = cases[0]["objects"]
    as_json, as_yaml = tmp_path / "dump.json", tmp_path / "dump.yaml"
    as_json.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    as_yaml.write_text(yaml.safe_dump_all(objects))
    told = []
    for dump in (as_json, as_yaml):
        assert explain(dump, "-o", "json") == OK
        told.append(json.loads(capsys.readouterr().out))
    assert told[0] == told[1]
    assert [(each["namespace"], each["name"]) for each in told[0]] == [("ai", "p")]
    assert told[0][0]["scores"] == cases[0]["expected"]["scores"]


def test_a_table_says_for_every_cluster_what_decided(
    cases: list[dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump = tmp_path / "dump.json"
    dump.write_text(json.dumps(cases[0]["objects"]))
    assert explain(dump) == OK
    out = capsys.readouterr().out
    assert "taint dedicated=vision:NoSelectIfNew is not tolerated" in out
    assert all(each["metadata"]["name"] in out for each in cases[0]["objects"] if each["kind"] == "ManagedCluster")
    assert explain(dump, "-o", "html") == OK
    assert capsys.readouterr().out.startswith("<div>")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1\n", "line 2"),
        ('{"kind":\n oops}', "line 2, column 2"),
        ("kind: Placement\n", "has no name"),
        ("just text\n", "has no kind"),
        ("[]", "there is no Placement"),
    ],
)
def test_what_is_no_dump_is_refused(text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dump = tmp_path / "dump"
    dump.write_text(text)
    assert explain(dump) != OK
    assert said in capsys.readouterr().err
