"""JSON Schemas: they describe what is written, and the committed ones are those of the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from i4q_ai import schemas, yamls
from i4q_ai.cluster import Cluster
from i4q_ai.model import Model
from i4q_ai.placement import Placement
from i4q_ai.schemas import KINDS, schema
from i4q_ai.thing import Document, Thing
from tests.unit import things

FOLDER = Path(__file__).parents[2] / "docs" / "schemas"
VALIDATORS = {kind: Draft202012Validator(schema(kind)) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_the_committed_schema_is_up_to_date(kind: type[Thing]) -> None:
    committed = (FOLDER / f"{kind.__name__.lower()}.json").read_text(encoding="utf-8")
    assert committed == schemas.text(kind), "run: python -m i4q_ai.schemas docs/schemas"


def test_no_schema_is_left_over() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == {kind.__name__.lower() for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_schemas(kind: type[Thing]) -> None:
    Draft202012Validator.check_schema(schema(kind))


@given(st.one_of(things.models, things.workloads, things.clusters, things.placements, things.releases))
def test_what_is_written_fits_its_schema(thing: Document) -> None:
    VALIDATORS[type(thing)].validate(yamls.load(thing.to_yaml()))


@given(things.statuses)
def test_a_status_fits_its_schema(status: Thing) -> None:
    VALIDATORS[type(status)].validate(status.model_dump(mode="json", by_alias=True))


def test_groups_by_name_fit_too() -> None:
    data = {
        "apiVersion": "i4q-ai/v1",
        "kind": "Placement",
        "name": "p",
        "groups": {"a": {"label": "x", "values": ["y"]}},
    }
    VALIDATORS[Placement].validate(data)
    assert Placement.from_data(data).group_names == ("a", "*")


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (Cluster, {"name": "edge-1"}),
        (Cluster, {"apiVersion": "i4q-ai/v1", "kind": "Model", "name": "edge-1"}),
        (Cluster, {"apiVersion": "i4q-ai/v1", "kind": "Cluster", "name": "Edge 1"}),
        (Cluster, {"apiVersion": "i4q-ai/v1", "kind": "Cluster", "name": "a", "lables": {}}),
        (Model, {"apiVersion": "i4q-ai/v1", "kind": "Model", "name": "a", "version": "-1"}),
        (Placement, {"apiVersion": "i4q-ai/v1", "kind": "Placement", "name": "a", "rule": {"lable": "x"}}),
    ],
)
def test_what_we_refuse_does_not_fit(kind: type[Thing], data: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        VALIDATORS[kind].validate(data)


def test_the_program_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert schemas.main([str(tmp_path / "out")]) == 0
    assert {file.name for file in (tmp_path / "out").iterdir()} == {file.name for file in FOLDER.iterdir()}
    assert len(capsys.readouterr().out.splitlines()) == len(KINDS)
    assert schemas.main([]) == 2
