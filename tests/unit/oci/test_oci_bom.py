"""The papers of a model, judged by the published schema of CycloneDX; and that they say what the model says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf.json_format import Parse, ParseDict, ParseError
from hypothesis import given, settings
from hypothesis import strategies as st
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.statement import Statement

from i4q_ai.errors import InvalidError
from i4q_ai.model import FeatureSummary, File, Model, Tensor, TrainingSummary
from i4q_ai.oci.consumers.bom import bom
from i4q_ai.oci.consumers.provenance import provenance
from tests.unit import things

COMMIT = "a" * 40
FULL = things.model(
    description="Tells from forces whether a tool is worn",
    files=(File(path="model.onnx", size=7, sha256="0" * 64), File(path="limits.txt", size=0, sha256="1" * 64)),
    inputs=(Tensor(name="X", datatype="FP32", shape=(-1, 2), columns=("rpm", "torque")),),
    outputs=(Tensor(name="label", datatype="INT64", shape=(-1,)),),
    labels={"line": "cnc"},
    metrics={"f1": 0.1, "accuracy": 1.0},
    training=TrainingSummary(rows=3, features={"rpm": FeatureSummary(count=3, mean=1.5, quantiles={"0.5": 2.0})}),
)


@pytest.fixture(scope="module")
def judge() -> JsonStrictValidator:
    return JsonStrictValidator(SchemaVersion.V1_6)


def _read(model: Model) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(bom(model))
    return told


def test_the_judge_would_object(judge: JsonStrictValidator) -> None:
    told = _read(FULL)
    told["metadata"]["component"]["modelCard"]["modelParameters"]["datasets"][0]["type"] = "anything"
    assert judge.validate_str(json.dumps(told)) is not None
    assert judge.validate_str(json.dumps({**_read(FULL), "more": 1})) is not None


@settings(max_examples=15, deadline=None)
@given(things.models, st.booleans())
def test_the_published_schema_takes_the_bill_of_any_model(
    judge: JsonStrictValidator, model: Model, in_a_registry: bool
) -> None:
    where = "registry.example:5000/models/x" if in_a_registry else "oci:/srv/models"
    files = tuple({file.path: file for file in model.files}.values())  # none is packed twice
    pushed = model.replace(files=files, source=None, reference=f"{where}@{things.digest(model.name)}")
    assert judge.validate_str(bom(pushed).decode()) is None
    assert bom(pushed) == bom(pushed)


def test_a_bill_says_what_the_model_says(judge: JsonStrictValidator) -> None:
    told = _read(FULL)
    assert judge.validate_str(json.dumps(told)) is None
    component = told["metadata"]["component"]
    assert component["type"] == "machine-learning-model"
    assert component["hashes"] == [{"alg": "SHA-256", "content": FULL.digest.removeprefix("sha256:")}]
    quoted = FULL.digest.replace(":", "%3A")
    assert component["purl"] == f"pkg:oci/tool-wear@{quoted}?repository_url=registry.example/models/tool-wear"
    card = component["modelCard"]
    assert card["modelParameters"]["inputs"] == [{"format": "X: FP32[-1, 2] of rpm, torque"}]
    assert card["quantitativeAnalysis"]["performanceMetrics"] == [
        {"type": "accuracy", "value": "1.0"},
        {"type": "f1", "value": "0.1"},
    ]
    properties = card["modelParameters"]["datasets"][0]["contents"]["properties"]
    assert properties[0] == {"name": "i4q:rows", "value": "3"}
    assert json.loads(properties[1]["value"])["mean"] == 1.5
    assert {each["name"]: each["hashes"][0]["content"] for each in told["components"]} == {
        "model.onnx": "0" * 64,
        "limits.txt": "1" * 64,
    }


def test_what_a_model_does_not_say_is_not_told() -> None:
    component = _read(things.model())["metadata"]["component"]
    assert component["modelCard"] == {}
    assert "description" not in component
    assert "purl" not in _read(things.model(reference=f"oci:/srv@{FULL.digest}"))["metadata"]["component"]


def test_another_model_is_another_bill() -> None:
    assert _read(FULL)["serialNumber"] != _read(things.model(version="2"))["serialNumber"]


def test_provenance_is_a_statement_about_the_digest() -> None:
    source = f"git+https://git.example/team/wear.git@{COMMIT}"
    told = json.loads(provenance(FULL, builder="https://ci.example/7", sources=[source]))
    assert told["_type"] == "https://in-toto.io/Statement/v1"
    assert told["predicateType"] == "https://slsa.dev/provenance/v1"
    assert told["subject"] == [{"name": "tool-wear 1", "digest": {"sha256": FULL.digest.removeprefix("sha256:")}}]
    definition = told["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {"name": "tool-wear", "version": "1", "format": "onnx"}
    first, *files = definition["resolvedDependencies"]
    assert first == {"uri": "git+https://git.example/team/wear.git", "digest": {"gitCommit": COMMIT}}
    assert files[0] == {"name": "model.onnx", "digest": {"sha256": "0" * 64}}
    assert told["predicate"]["runDetails"]["builder"]["id"] == "https://ci.example/7"


@pytest.mark.parametrize("model", [FULL, things.model()])
def test_published_definitions_take_the_provenance(model: Model) -> None:
    """Every field is one that they know, of the type that they want."""
    raw = provenance(model, sources=[f"git+https://git.example/team/wear.git@{COMMIT}"])
    Statement.copy_from_pb(Parse(raw, statement_pb2.Statement())).validate()  # type: ignore[attr-defined]
    predicate = ParseDict(json.loads(raw)["predicate"], provenance_pb2.Provenance())
    assert predicate.run_details.builder.id.startswith("pkg:pypi/i4q-ai@")
    assert {each.name or each.uri for each in predicate.build_definition.resolved_dependencies} == {
        "git+https://git.example/team/wear.git",
        *(file.path for file in model.files),
    }
    with pytest.raises(ParseError):
        ParseDict({**json.loads(raw)["predicate"], "more": 1}, provenance_pb2.Provenance())


@pytest.mark.parametrize("source", ["", COMMIT, f"@{COMMIT}", "git+https://host/x", f"git+https://host/x@{COMMIT[1:]}"])
def test_a_source_without_a_commit_is_refused(source: str) -> None:
    with pytest.raises(InvalidError, match="names no commit"):
        provenance(FULL, sources=[source])


def test_a_builder_is_a_uri() -> None:
    with pytest.raises(InvalidError, match="is no URI"):
        provenance(FULL, builder="my laptop")


def test_what_is_not_pushed_has_no_papers() -> None:
    for papers in (bom, provenance):
        with pytest.raises(InvalidError, match="push it first"):
            papers(Model(name="x", version="1"))
