"""The ModelPack manifest of the index, judged by the published specification."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i4q_ai.deadline import Deadline
from i4q_ai.model import File, Model
from i4q_ai.oci import media
from i4q_ai.oci.artifact import build
from i4q_ai.oci.media import Descriptor
from tests.testbed.modelspec import model_spec
from tests.unit import things


@pytest.fixture(scope="module")
def spec() -> Path:
    return model_spec()


@pytest.fixture(scope="module")
def judge(spec: Path) -> jsonschema.Draft7Validator:
    schema = json.loads((spec / "schema" / "config-schema.json").read_text())
    # It calls itself draft 4, and is written as later drafts are: "$defs".
    return jsonschema.Draft7Validator({**schema, "$schema": "http://json-schema.org/draft-07/schema#"})


def _modelpack(model: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """Manifest and config, as they are pushed."""
    artifact = build(model, Deadline.after(60, "building"))
    (raw,) = (raw for one, raw in artifact.manifests if one.artifact_type == media.MODELPACK_MANIFEST)
    manifest = json.loads(raw)
    blobs = {blob.digest: blob for blob in artifact.blobs}
    return manifest, json.loads(b"".join(blobs[manifest["config"]["digest"]].chunks()))


def _packed(folder: Path, model: Model, count: int) -> Model:
    """The model with some files that are there."""
    files = []
    for number in range(count):
        (folder / f"{number}.bin").write_bytes(b"%d" % number)
        content = b"%d" % number
        files.append(File(path=f"{number}.bin", size=len(content), sha256=media.digest_of(content)[7:]))
    return model.replace(files=tuple(sorted(files, key=lambda file: file.path)), source=str(folder))


@settings(max_examples=30, deadline=None)
@given(things.models, st.sampled_from(["files", "onnx", "safetensors", "gguf", "x-1"]), st.sampled_from([1, 3, 130]))
def test_the_published_schema_takes_the_config_of_any_model(
    judge: jsonschema.Draft7Validator, tmp_path_factory: pytest.TempPathFactory, model: Model, kind: str, count: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / f"modelpack-{count}"
    folder.mkdir(exist_ok=True)
    manifest, config = _modelpack(_packed(folder, model.replace(format=kind), count))
    assert [each.message for each in judge.iter_errors(config)] == []
    assert config["descriptor"]["name"] == model.name
    assert config["config"] == ({} if kind == "files" else {"format": kind})
    assert config["modelfs"]["diffIds"] == [layer["digest"] for layer in manifest["layers"]], "none is compressed"


@pytest.mark.parametrize(
    "change",
    [
        {"descriptor": {"name": ""}},
        {"config": {"format": 1}},
        {"config": {"form": "onnx"}},
        {"modelfs": {"type": "layers", "diffIds": []}},
        {"more": {}},
    ],
)
def test_it_would_object(judge: jsonschema.Draft7Validator, tmp_path: Path, change: dict[str, Any]) -> None:
    _, config = _modelpack(_packed(tmp_path, things.model(), 1))
    assert judge.is_valid(config)
    assert not judge.is_valid({**config, **change})


def test_media_types_and_annotations_are_those_of_the_specification(spec: Path, tmp_path: Path) -> None:
    manifest, _ = _modelpack(_packed(tmp_path, things.model(), 130))
    published = "\n".join(path.read_text() for path in (spec / "specs-go").rglob("*.go"))
    known = set(re.findall(r'"([a-z]+[./][a-zA-Z0-9.+/-]+)"', published))
    layers = [Descriptor.parse(layer, where="the manifest") for layer in manifest["layers"]]
    kinds = {layer.media_type for layer in layers}
    assert kinds == {media.MODELPACK_WEIGHT, media.MODELPACK_WEIGHT_CONFIG}
    assert kinds | {manifest["artifactType"], manifest["config"]["mediaType"]} <= known
    told = {key for layer in layers for key in layer.annotations}
    assert {key for key in told if key.startswith("org.cncf.")} <= known
    assert all(media.MODELPACK_FILEPATH in layer.annotations for layer in layers)
    metadata = json.loads(layers[0].annotations[media.MODELPACK_FILE_METADATA])
    fields = re.findall(r'json:"([a-zA-Z]+)(?:,omitempty)?"', published.partition("type FileMetadata struct")[2])[:7]
    assert set(metadata) == set(fields)
