"""The digest of a model is its identity: it may never change for the same input."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, InvalidError, NotFoundError
from i4q_ai.model import File, Model
from i4q_ai.oci.artifact import LAYERS, Artifact, about, build
from i4q_ai.oci.tarring import Entry, Tar
from i4q_ai.workload import Workload

GOLDEN = Path(__file__).parent / "golden" / "tool-wear"
GOLDEN_MODEL = "sha256:b5600eef8875ded85370ec9d993cd7ac0d9d8b70833a89882734fefebfb9094f"
GOLDEN_WORKLOAD = "sha256:037959323340201897cde5c85296127e3c9069ff45e78d8e127df0e02813407a"


def _build(thing: Model | Workload) -> Artifact:
    return build(thing, Deadline.after(60, "building"))


def _model(folder: Path = GOLDEN) -> Model:
    return Model.from_dir(
        folder, name="tool-wear", version="1.0", labels={"line": "cnc"}, metrics={"f1": 0.1}, description="Werkzeug – é"
    )


def _workload(folder: Path = GOLDEN) -> Workload:
    return Workload.from_dir(folder, name="watcher", version="2", command=["python", "x.py"], uses={"tool-wear": "url"})


def test_golden_digests() -> None:
    assert _build(_model()).digest == GOLDEN_MODEL
    assert _build(_workload()).digest == GOLDEN_WORKLOAD


def test_golden_digest_whatever_the_surroundings(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        copy = tmp_path / "copy"
        for path in sorted((p for p in GOLDEN.rglob("*") if p.is_file()), reverse=True):  # another order of creation
            to = copy / path.relative_to(GOLDEN)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)
            to.chmod(0o700)
            os.utime(to, (1, 1))
        (copy / ".hidden").write_text("is left out")
    finally:
        os.umask(old)
    assert _build(_model(copy)).digest == GOLDEN_MODEL
    assert _build(_workload(copy)).digest == GOLDEN_WORKLOAD


def test_golden_digest_in_another_process_with_another_locale_and_hash_seed() -> None:
    code = "from tests.unit.oci.test_oci_artifact import _build, _model; print(_build(_model()).digest)"
    root = Path(__file__).parents[3]
    env = {**os.environ, "LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "7", "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == GOLDEN_MODEL


def test_where_it_lies_is_not_part_of_it(tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(GOLDEN, moved)
    assert _build(_model(moved)).digest == GOLDEN_MODEL
    assert b"source" not in about(_model(moved))
    assert str(tmp_path).encode() not in b"".join(raw for _, raw in _build(_model(moved)).manifests)


def test_every_manifest_describes_the_same_layers() -> None:
    artifact = _build(_model())
    index = json.loads(artifact.index[1])
    assert [entry["platform"]["architecture"] for entry in index["manifests"]] == ["amd64", "arm64", "unknown"]
    assert index["annotations"] == {
        "org.opencontainers.image.title": "tool-wear",
        "org.opencontainers.image.version": "1.0",
    }
    manifests = [json.loads(raw) for _, raw in artifact.manifests]
    layers = [[layer["digest"] for layer in manifest["layers"]] for manifest in manifests]
    assert layers[0] == layers[1] == layers[2]
    blobs = {blob.digest: blob for blob in artifact.blobs}
    for manifest in manifests:
        assert blobs[manifest["config"]["digest"]].size == manifest["config"]["size"]
        config = json.loads(b"".join(blobs[manifest["config"]["digest"]].chunks()))
        listed = config.get("rootfs", {}).get("diff_ids") or config["modelfs"]["diffIds"]
        assert listed == layers[0]


def test_modelpack_annotations() -> None:
    manifest = json.loads(_build(_model()).manifests[2][1])
    assert manifest["artifactType"] == "application/vnd.cncf.model.manifest.v1+json"
    first = manifest["layers"][0]
    assert first["mediaType"] == "application/vnd.cncf.model.weight.v1.tar"
    assert first["annotations"]["org.cncf.model.filepath"] == "models/sub/läbels.txt"
    metadata = json.loads(first["annotations"]["org.cncf.model.file.metadata+json"])
    assert metadata == {
        "name": "läbels.txt",
        "mode": 420,
        "uid": 0,
        "gid": 0,
        "size": 4,
        "mtime": "1970-01-01T00:00:00Z",
        "typeflag": 48,
    }
    assert first["annotations"]["ai.i4q.file.sha256"] == hashlib.sha256("öl\n".encode()).hexdigest()
    assert manifest["layers"][-1]["annotations"]["org.cncf.model.filepath"] == "models/i4q.json"


def test_workload_has_no_modelpack_and_its_files_may_be_run() -> None:
    artifact = _build(_workload())
    assert len(artifact.manifests) == 2
    raw = b"".join(artifact.blobs[0].chunks())
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        assert [(m.name, oct(m.mode)) for m in tar] == [
            ("app", "0o755"),
            ("app/sub", "0o755"),
            ("app/sub/läbels.txt", "0o755"),
        ]


def test_many_files_share_a_layer(tmp_path: Path) -> None:
    for i in range(LAYERS + 20):
        (tmp_path / f"{i:03}.txt").write_text("x" * (1000 - i))
    manifest = json.loads(_build(_model(tmp_path)).manifests[0][1])
    assert len(manifest["layers"]) == LAYERS + 1
    shared = manifest["layers"][-2]
    assert "annotations" not in shared
    assert manifest["layers"][0]["annotations"]["ai.i4q.file.path"] == "000.txt"


def test_nothing_to_push() -> None:
    with pytest.raises(InvalidError, match="no files here"):
        _build(Model(name="x", version="1"))


def test_changed_grown_and_gone_files(tmp_path: Path) -> None:
    place = tmp_path / "a.dat"
    place.write_bytes(b"12345")
    model = _model(tmp_path)
    for content in (b"12346", b"123456", b"1234"):
        place.write_bytes(content)
        with pytest.raises(ConflictError, match="has changed"):
            _build(model)
    place.unlink()
    with pytest.raises(NotFoundError, match="is gone"):
        _build(model)


_PART = st.text(st.characters(exclude_characters="/\\\0", exclude_categories=("Cs",)), min_size=1, max_size=60)
_PATHS = st.lists(_PART.filter(lambda part: part not in (".", "..")), min_size=1, max_size=5).map("/".join)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(_PATHS, st.binary(max_size=1500)), min_size=1, max_size=4, unique_by=lambda pair: pair[0]))
def test_pythons_tar_reads_our_tar(files: list[tuple[str, bytes]]) -> None:
    entries = tuple(Entry(path, len(data), hashlib.sha256(data).hexdigest(), data) for path, data in files)
    tar = Tar(entries)
    raw = b"".join(tar.chunks())
    assert len(raw) == tar.size
    with tarfile.open(fileobj=io.BytesIO(raw)) as opened:
        found = [(m.name, opened.extractfile(m).read()) for m in opened if m.isfile()]  # type: ignore[union-attr]
    assert found == files


def test_long_names_and_huge_files_have_gnu_headers() -> None:
    from i4q_ai.oci.tarring import header

    for path in (f"{'d' * 120}/{'f' * 90}", f"{'d' * 200}/{'f' * 120}", "ü" * 120):
        for size in (5, 9 * 2**30):
            with tarfile.open(fileobj=io.BytesIO(header(path, size, 0o644) + bytes(1024))) as tar:
                member = tar.next()
            assert member is not None
            assert (member.name, member.size, member.mode) == (path, size, 0o644)


def test_file_of_a_tar_is_read_in_pieces(tmp_path: Path) -> None:
    place = tmp_path / "big"
    place.write_bytes(b"x" * 5_000_000)
    file = File(path="big", size=5_000_000, sha256=hashlib.sha256(place.read_bytes()).hexdigest())
    pieces = list(Tar((Entry("models/big", file.size, file.sha256, place),)).chunks())
    assert max(map(len, pieces)) == 1024 * 1024
