"""Push and fetch against a real registry, judged by crane."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import threading
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.errors import (
    AuthError,
    ConflictError,
    I4qError,
    IntegrityError,
    InvalidError,
    NotFoundError,
    UnreachableError,
    VersionExistsError,
)
from i4q_ai.model import Model
from i4q_ai.workload import Workload
from tests.e2e.oci.accounts import HTPASSWD, PASSWORD, USER
from tests.testbed.registry import Crane, Registry


@pytest.fixture
def model(tmp_path: Path) -> Model:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "weights.dat").write_bytes(bytes(range(256)) * 9000)
    (folder / "sub" / "vocab.json").write_text('["a"]')
    (folder / "empty").touch()
    return Model.from_dir(folder, name="tool-wear", version="1.0", labels={"line": "cnc"})


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_push_and_fetch_give_the_same_files(registry: Registry, model: Model, tmp_path: Path) -> None:
    pushed = model.push(f"{registry.host}/models/tool-wear")
    assert pushed.source is None
    assert pushed.reference == f"{registry.host}/models/tool-wear@{pushed.digest}"
    fetched = oci.fetch([pushed.reference], pushed.digest, tmp_path / "tree", timeout=60)
    assert fetched == pushed
    found = _files(tmp_path / "tree")
    assert Model.from_data(json.loads(found.pop("i4q.json"))) == pushed.replace(reference=None)
    assert model.source is not None
    assert found == _files(Path(model.source))
    assert Model.from_oci(f"{registry.host}/models/tool-wear:1.0") == pushed
    assert oci.resolve(f"{registry.host}/models/tool-wear:1.0") == pushed.reference


def test_registry_and_layout_give_the_same_digest(registry: Registry, model: Model, tmp_path: Path) -> None:
    remote = model.push(f"{registry.host}/models/tool-wear")
    assert model.push(f"oci:{tmp_path / 'layout'}").digest == remote.digest


def test_crane_accepts_it(registry: Registry, model: Model, crane: Crane) -> None:
    assert model.source is not None
    long = Path("d" * 150, "ü" * 60, "f" * 120)  # more than a plain tar header holds
    (Path(model.source) / long).parent.mkdir(parents=True)
    (Path(model.source) / long).write_text("deep")
    model = Model.from_dir(model.source, name="tool-wear", version="1.0")
    pushed = model.push(f"{registry.host}/models/tool-wear")
    assert pushed.reference is not None
    index = crane("manifest", f"{registry.host}/models/tool-wear:1.0")
    assert f"sha256:{hashlib.sha256(index).hexdigest()}" == pushed.digest
    for entry in json.loads(index)["manifests"]:
        manifest = crane("manifest", f"{registry.host}/models/tool-wear@{entry['digest']}")
        assert f"sha256:{hashlib.sha256(manifest).hexdigest()}" == entry["digest"]
        if entry["platform"]["os"] == "linux":  # crane takes the ModelPack manifest for an image, which it is not
            crane("validate", "--fast", "--remote", f"{registry.host}/models/tool-wear@{entry['digest']}")
    for platform in ("linux/amd64", "linux/arm64"):
        exported = crane("export", "--platform", platform, pushed.reference, "-")
        with tarfile.open(fileobj=io.BytesIO(exported)) as tar:
            found = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}  # type: ignore[union-attr]
        assert sorted(found) == sorted(["models/i4q.json", *(f"models/{file.path}" for file in model.files)])
        for file in model.files:
            assert hashlib.sha256(found[f"models/{file.path}"]).hexdigest() == file.sha256


def test_second_push_sends_nothing(registry: Registry, model: Model) -> None:
    first = model.push(f"{registry.host}/models/tool-wear")
    uploads = len(registry.requests("PUT", "/blobs/uploads/"))
    assert uploads == 9  # three files, i4q.json, three configs, a chunk map and its empty config
    assert model.push(f"{registry.host}/models/tool-wear") == first
    manifests = 5 + 2  # three of the index, itself and its tag; the chunk map's, and the tag that lists it
    assert len(registry.requests("PUT")) == uploads + manifests, "all of the first push"
    assert model.push(f"{registry.host}/models/tool-wear:again").digest == first.digest
    assert len(registry.requests("PUT", "/blobs/uploads/")) == uploads


def test_version_with_other_content_is_refused(registry: Registry, model: Model) -> None:
    first = model.push(f"{registry.host}/models/tool-wear")
    with pytest.raises(VersionExistsError, match=r"tool-wear:1\.0 exists"):
        model.replace(description="another").push(f"{registry.host}/models/tool-wear")
    assert oci.resolve(f"{registry.host}/models/tool-wear:1.0") == first.reference


def test_file_changed_since_it_was_packed(registry: Registry, model: Model) -> None:
    assert model.source is not None
    Path(model.source, "weights.dat").write_bytes(b"other")
    with pytest.raises(ConflictError, match=r"weights\.dat has changed"):
        model.push(f"{registry.host}/models/tool-wear")
    assert not registry.requests("PUT")


def test_workload_is_not_a_model(registry: Registry, tmp_path: Path) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "main.py").write_text("print(1)")
    workload = Workload.from_dir(folder, name="watcher", version="1", command=["python", "main.py"])
    pushed = workload.push(f"{registry.host}/apps/watcher")
    with pytest.raises(InvalidError, match="is a Workload, not a Model"):
        Model.from_oci(str(pushed.reference))
    assert oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "app", timeout=60) == pushed
    assert (tmp_path / "app" / "main.py").read_text() == "print(1)"


def test_unknown_tag_digest_and_repository(registry: Registry, model: Model, tmp_path: Path) -> None:
    model.push(f"{registry.host}/models/tool-wear")
    with pytest.raises(NotFoundError, match="no tag '2'"):
        oci.resolve(f"{registry.host}/models/tool-wear:2")
    digest = f"sha256:{'0' * 64}"
    with pytest.raises(NotFoundError):
        oci.fetch([f"{registry.host}/models/tool-wear"], digest, tmp_path / "tree", timeout=60)
    with pytest.raises(NotFoundError):
        Model.from_oci(f"{registry.host}/models/none:1")
    assert not (tmp_path / "tree").exists()


def test_registry_that_gives_other_bytes(registry: Registry, model: Model, tmp_path: Path) -> None:
    pushed = model.push(f"{registry.host}/models/tool-wear")
    largest = max(registry.blobs.rglob("data"), key=lambda path: path.stat().st_size)
    raw = bytearray(largest.read_bytes())
    raw[100_000] ^= 1
    largest.write_bytes(raw)
    with pytest.raises(IntegrityError, match="other bytes"):
        oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "tree", timeout=60, blobs=tmp_path / "blobs")
    assert not (tmp_path / "tree").exists()
    assert not (tmp_path / "blobs" / "sha256" / largest.parent.name).exists()


def test_another_reference_helps_out(registry: Registry, model: Model, tmp_path: Path) -> None:
    pushed = model.push(f"{registry.host}/models/tool-wear")
    references = [f"oci:{tmp_path / 'nothing'}", f"{registry.host}/models/none", str(pushed.reference)]
    fetched = oci.fetch(references, pushed.digest, tmp_path / "tree", timeout=60)
    assert fetched.reference == pushed.reference


def test_fetch_from_the_cache_when_the_registry_is_gone(registry: Registry, model: Model, tmp_path: Path) -> None:
    pushed = model.push(f"{registry.host}/models/tool-wear")
    oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "one", timeout=60, blobs=tmp_path / "blobs")
    asked = len(registry.requests("GET"))
    oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "two", timeout=60, blobs=tmp_path / "blobs")
    oci.fetch([], pushed.digest, tmp_path / "three", timeout=60, blobs=tmp_path / "blobs")
    assert len(registry.requests("GET")) == asked
    assert _files(tmp_path / "one") == _files(tmp_path / "two") == _files(tmp_path / "three")


def test_begun_blob_is_carried_on(registry: Registry, model: Model, tmp_path: Path) -> None:
    pushed = model.push(f"{registry.host}/models/tool-wear")
    largest = max(registry.blobs.rglob("data"), key=lambda path: path.stat().st_size)
    ingest = tmp_path / "blobs" / "ingest" / largest.parent.name
    ingest.parent.mkdir(parents=True)
    ingest.write_bytes(largest.read_bytes()[:1_000_000])
    seen: list[int] = []

    class _Seen:
        def start(self, what: str, total: int) -> None:
            """Not of interest."""

        def advance(self, what: str, count: int) -> None:
            if what.endswith(largest.parent.name):
                seen.append(count)

        def done(self, what: str) -> None:
            """Not of interest."""

    oci.fetch(
        [str(pushed.reference)], pushed.digest, tmp_path / "t", timeout=60, blobs=tmp_path / "blobs", progress=_Seen()
    )
    assert seen[0] == 1_000_000
    assert any("206" in line for line in registry.requests("GET", largest.parent.name))
    assert list(ingest.parent.iterdir()) == []


def test_cancel(registry: Registry, model: Model, tmp_path: Path) -> None:
    pushed = model.push(f"{registry.host}/models/tool-wear")
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(I4qError, match="was cancelled"):
        oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "tree", timeout=60, cancel=cancel)
    assert not (tmp_path / "tree").exists()


def test_nobody_listens(registry: Registry, model: Model) -> None:
    registry.__exit__()
    with pytest.raises(UnreachableError, match="refuses connections"):
        model.push(f"{registry.host}/models/tool-wear", timeout=60)


def test_basic_credentials(tmp_path: Path, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "private"
    folder.mkdir()
    config = tmp_path / "docker"
    config.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(config))
    with Registry(folder, htpasswd=HTPASSWD) as private:
        to = f"{private.host}/models/tool-wear"
        with pytest.raises(AuthError, match="401") as refused:
            model.push(to)
        assert "docker login" in refused.value.hint
        (config / "config.json").write_text(
            json.dumps({"auths": {private.host: {"username": USER, "password": PASSWORD}}})
        )
        assert Model.from_oci(str(model.push(to).reference)).name == "tool-wear"
        (config / "config.json").write_text(
            json.dumps({"auths": {private.host: {"username": USER, "password": "not-this-one"}}})
        )
        with pytest.raises(AuthError) as wrong:
            model.replace(version="2").push(to)
        assert "not-this-one" not in str(wrong.value)
