"""A chart: the objects of flavour `server`, with values; what cannot be meant so is refused before anything is made."""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai import yamls
from i4q_ai.errors import InvalidError, ReferenceInvalid, StorageError
from i4q_ai.manifests import chart
from i4q_ai.manifests.charts import version_of
from i4q_ai.model import Model
from i4q_ai.oci import media
from i4q_ai.oci.consumers import charting
from tests.unit import things
from tests.unit.manifests.cases import EDGE_IMAGE

GOLDEN = Path(__file__).parents[2] / "golden" / "charts" / "tool-wear"
ARCHIVE = "sha256:588e352b1c5720d22ff3a7fa6aa40fe8941d8656854f2f0a47bc62023da8224e"
MODEL = things.model(description="Tells from forces whether a tool is worn")


def write() -> None:
    """Write the golden chart anew: `python -m tests.unit.manifests.test_charts`."""
    for path, text in chart(MODEL, image=EDGE_IMAGE).files.items():
        (GOLDEN / path).parent.mkdir(parents=True, exist_ok=True)
        (GOLDEN / path).write_text(text, encoding="utf-8")


def test_the_chart_is_as_in_the_golden_folder() -> None:
    made = chart(MODEL, image=EDGE_IMAGE)
    kept = {str(path.relative_to(GOLDEN)): path.read_text("utf-8") for path in GOLDEN.rglob("*") if path.is_file()}
    assert dict(made.files) == kept, "if that is what you want: python -m tests.unit.manifests.test_charts"


def test_the_archive_has_the_same_bytes_everywhere_and_its_parts_in_order() -> None:
    raw = charting.archive(chart(MODEL, image=EDGE_IMAGE))
    assert media.digest_of(raw) == ARCHIVE
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(raw))) as tar:
        members = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
        assert {(member.mtime, member.uid, member.mode, member.uname) for member in tar} == {(0, 0, 0o644, "")}
    made = chart(MODEL, image=EDGE_IMAGE)
    assert members == {f"tool-wear/{path}": text.encode() for path, text in made.files.items()}
    assert next(iter(members)) == "tool-wear/Chart.yaml"


@given(st.binary(max_size=200_000))
def test_what_is_stored_is_read_again(data: bytes) -> None:
    assert gzip.decompress(charting._stored(data or b"\0")) == (data or b"\0")


def test_its_artifact_says_what_helm_wants() -> None:
    made = chart(MODEL, image=EDGE_IMAGE, version="1.0.0+edge.2")
    artifact = charting.artifact(made)
    manifest = json.loads(artifact.index[1])
    assert made.tag == "1.0.0_edge.2"
    assert manifest["config"]["mediaType"] == "application/vnd.cncf.helm.config.v1+json"
    assert [layer["mediaType"] for layer in manifest["layers"]] == [charting.CONTENT]
    assert manifest["annotations"]["org.opencontainers.image.version"] == "1.0.0+edge.2"
    assert manifest["annotations"]["ai.i4q.model.digest"] == MODEL.digest
    (config, _) = artifact.blobs
    assert json.loads(b"".join(config.chunks())) == yamls.load(made.files["Chart.yaml"])


def _values(**changed: Any) -> dict[str, Any]:
    values: dict[str, Any] = yamls.load(chart(MODEL, image=EDGE_IMAGE).files["values.yaml"])
    return {**values, **changed}


@pytest.mark.parametrize(
    "values",
    [
        _values(),
        _values(replicas=0, requests={"cpu": 0.5, "memory": "1Gi"}),
        _values(model={"repository": "mirror.plant:5000/models/x"}, plainHTTP=["mirror.plant:5000"]),
        _values(imageVolumes="never", pullSecrets=["a", "b"]),
        {**_values(), "global": {"anything": 1}},
    ],
)
def test_its_schema_takes_what_can_be_meant(values: dict[str, Any]) -> None:
    jsonschema.validate(values, json.loads(chart(MODEL, image=EDGE_IMAGE).files["values.schema.json"]))


@pytest.mark.parametrize(
    "values",
    [
        _values(image="registry.example/edge:1"),
        _values(image='x" evil@' + MODEL.digest),
        _values(model={"repository": "mirror/x@sha256:1"}),
        _values(model={"repository": "mirror/x", "digest": MODEL.digest}),
        _values(imageVolumes=True),
        _values(replicas="2"),
        _values(replicas=-1),
        _values(requests={"cpu": "a lot", "memory": "1Gi"}),
        _values(plainHTTP=["http://mirror"]),
        _values(replica=1),
    ],
)
def test_its_schema_refuses_the_rest(values: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(values, json.loads(chart(MODEL, image=EDGE_IMAGE).files["values.schema.json"]))


SEMVER = re.compile(r"\d+\.\d+\.\d+([-+].*)?")


@given(things.versions)
def test_a_version_is_one_of_helm_or_refused(version: str) -> None:
    if re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){0,2}", version, re.ASCII):
        made = version_of(version)
        assert SEMVER.fullmatch(made)
        assert made.startswith(version)
    elif not SEMVER.fullmatch(version):
        with pytest.raises(InvalidError, match=r"MAJOR\.MINOR\.PATCH"):
            version_of(version)


@pytest.mark.parametrize("version", ["", "v1", "01", "1.2.3.4", "1.02", "1.0.0-", "1.0.0-01", "latest", "1.0.0+a b"])
def test_what_is_no_version_is_refused(version: str) -> None:
    with pytest.raises(InvalidError, match=r"no version of a chart.*version='1\.0\.0'"):
        chart(MODEL, image=EDGE_IMAGE, version=version)


def test_what_no_cluster_could_fetch_is_refused() -> None:
    with pytest.raises(InvalidError, match="push it first"):
        chart(Model(name="x", version="1"), image=EDGE_IMAGE)
    with pytest.raises(InvalidError, match="from which no cluster can fetch it"):
        chart(things.model(reference=f"oci:/srv/models@{MODEL.digest}"), image=EDGE_IMAGE)


@pytest.mark.parametrize("image", ["", "edge:1", "registry.example/edge@", "@sha256:1", "a b@sha256:1"])
def test_an_image_without_a_digest_is_refused(image: str) -> None:
    with pytest.raises(InvalidError, match="names no digest"):
        chart(MODEL, image=image)


def test_where_a_chart_is_written(tmp_path: Path) -> None:
    made = chart(MODEL, image=EDGE_IMAGE)
    path = tmp_path / "new" / "wear.tgz"
    assert charting.write(made, path) == str(path)
    assert path.read_bytes() == charting.archive(made)
    for wrong in ("wear.zip", "oci:folder.tgz", "registry.example/charts"):
        with pytest.raises(InvalidError, match="oci://host/path"):
            charting.write(made, wrong)
    with pytest.raises(ReferenceInvalid):
        charting.write(made, "oci://UPPER CASE/charts")
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        charting.write(made, tmp_path / "file" / "wear.tgz")


if __name__ == "__main__":
    write()
