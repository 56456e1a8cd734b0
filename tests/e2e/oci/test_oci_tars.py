"""Artifacts whose digests are right and whose contents mean harm: nothing lands outside, nothing lands unannounced."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.errors import I4qError, IntegrityError, InvalidError
from i4q_ai.model import Model
from i4q_ai.oci import media
from i4q_ai.oci.artifact import Artifact
from i4q_ai.oci.downloads.extracting import read_about
from i4q_ai.oci.registry import Registry
from i4q_ai.testing.fake_registry import FakeRegistry
from i4q_ai.testing.fake_repository import digest_of
from tests.e2e.oci.holding import a_model, built, fetch, forge, hold

DATA = bytes(range(256)) * 10


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("i4q_ai.retrying.FIRST_WAIT", 0.001)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return a_model(tmp_path_factory.mktemp("tars") / "model", size=len(DATA))


@pytest.fixture(scope="module")
def artifact(model: Model) -> Artifact:
    return built(model)


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    with FakeRegistry() as running:
        yield running


def _bytes(artifact: Artifact, *, about: bool) -> tuple[str, bytes]:
    """Digest and bytes of the layer with the weights, or of the one with `i4q.json`."""
    for blob in artifact.blobs:
        raw = b"".join(blob.chunks())
        if (b"models/i4q.json" if about else b"models/weights.dat") in raw[:2048] and raw[257:262] == b"ustar":
            return blob.digest, raw
    raise AssertionError("the artifact holds no such layer")


def _tar(*members: tuple[str, bytes, bytes], link: str = "", mode: int = 0o644) -> bytes:
    """Name, type and content of each."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, kind, data in members:
            member = tarfile.TarInfo(name)
            member.type, member.size, member.mode, member.linkname = kind, len(data), mode, link
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


GOOD = "models/weights.dat", tarfile.REGTYPE, DATA


@pytest.mark.parametrize(
    "layer",
    [
        _tar(("models/../../evil", tarfile.REGTYPE, DATA)),
        _tar(("/evil", tarfile.REGTYPE, DATA)),
        _tar(GOOD, ("models/evil", tarfile.REGTYPE, DATA)),
        _tar(GOOD, GOOD),
        _tar(("models/weights.dat", tarfile.REGTYPE, DATA[::-1])),
        _tar(("models/weights.dat", tarfile.REGTYPE, DATA + b"x")),
        _tar(("models/weights.dat", tarfile.SYMTYPE, b""), link="/etc/passwd"),
        _tar(("models/weights.dat", tarfile.LNKTYPE, b""), link="/etc/passwd"),
        _tar(("models/weights.dat", tarfile.FIFOTYPE, b"")),
        _tar(("models/weights.dat", tarfile.BLKTYPE, b"")),
        _tar(("models", tarfile.SYMTYPE, b""), GOOD, link="/tmp"),
        _tar(GOOD) + b"evil" * 1000,
        gzip.compress(_tar(GOOD)),
        gzip.compress(bytes(32 * 1024 * 1024)),
        b"",
    ],
    ids=[
        "dots", "absolute", "unannounced", "twice", "others", "more", "symlink", "hardlink", "fifo", "device", "linked",
        "behind", "packed", "bomb", "empty",
    ],
)  # fmt: skip
def test_layers_that_mean_harm(layer: bytes, registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    digest = forge(registry, artifact, {_bytes(artifact, about=False)[0]: layer})
    with pytest.raises(IntegrityError):
        fetch(registry.host, digest, tmp_path)
    _need_untouched(tmp_path)


def _need_untouched(folder: Path) -> None:
    """Nothing but the cache of blobs is there, and nothing in it but what its digest says."""
    assert {path.name for path in folder.iterdir()} <= {"blobs", "docker"}
    for path in (folder / "blobs").rglob("*"):
        assert not path.is_symlink()
        if path.parent.name == "sha256" and path.is_file():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def test_setuid_is_not_kept(registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    digest = forge(registry, artifact, {_bytes(artifact, about=False)[0]: _tar(GOOD, mode=0o6777)})
    fetch(registry.host, digest, tmp_path)
    assert (tmp_path / "tree" / "weights.dat").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize(
    "paths",
    [
        ["../evil"],
        ["a/../../evil"],
        ["/evil"],
        ["a//evil"],
        ["./evil"],
        [""],
        ["a\\evil"],
        ["a\0evil"],
        ["C:/evil"],
        ["a" * 300],
        ["weights.dat", "weights.dat"],
        ["weights.dat", "WEIGHTS.dat"],
        ["a", "a/b"],
        ["a/x", "A/y"],
        ["i4q.json"],
    ],
    ids=str,
)
def test_names_in_what_a_registry_holds(
    paths: list[str], registry: FakeRegistry, artifact: Artifact, tmp_path: Path
) -> None:
    old, raw = _bytes(artifact, about=True)
    about = json.loads(read_about(io.BytesIO(raw), where="x"))
    (file,) = about["files"]
    about["files"] = [{**file, "path": path} for path in paths]
    forged = _tar(("models/i4q.json", tarfile.REGTYPE, json.dumps(about).encode()))
    digest = forge(registry, artifact, {old: forged})
    with pytest.raises(I4qError):
        fetch(registry.host, digest, tmp_path)
    _need_untouched(tmp_path)


@pytest.mark.parametrize("about", [b"", b"[]", b"{", b"[" * 100_000, b'{"kind": "Model"}', b'{"kind": "Pod"}'])
def test_descriptions_that_are_none(about: bytes, registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    forged = _tar(("models/i4q.json", tarfile.REGTYPE, about))
    digest = forge(registry, artifact, {_bytes(artifact, about=True)[0]: forged})
    with pytest.raises(I4qError):
        fetch(registry.host, digest, tmp_path)
    _need_untouched(tmp_path)


def test_output_that_is_a_link(registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    """What the link leads to is somebody else's."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "weights.dat").write_text("precious")
    (tmp_path / "tree").symlink_to(victim)
    hold(registry, artifact)
    with pytest.raises(InvalidError, match="is a link"):
        fetch(registry.host, artifact.digest, tmp_path)
    assert (victim / "weights.dat").read_text() == "precious"
    assert [path.name for path in victim.iterdir()] == ["weights.dat"]
    assert not registry.requests


def test_folder_with_a_link_in_it_is_not_right(registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    """The right bytes behind a link may become others at any time."""
    hold(registry, artifact)
    fetch(registry.host, artifact.digest, tmp_path)
    weights = tmp_path / "tree" / "weights.dat"
    weights.rename(tmp_path / "elsewhere")
    weights.symlink_to(tmp_path / "elsewhere")
    fetch(registry.host, artifact.digest, tmp_path)
    assert not weights.is_symlink()
    assert weights.read_bytes() == DATA


# Artifacts of others, pulled as oras pulls them.


def _titled(registry: FakeRegistry, *titles: str, data: bytes = DATA, kind: str = "application/octet-stream") -> str:
    """An artifact with a layer of each title."""
    repository = registry.repositories["x"]
    repository.blobs[digest_of(data)] = data
    layer = {"mediaType": kind, "digest": digest_of(data), "size": len(data)}
    layers = [{**layer, "annotations": {media.TITLE: title}} for title in titles]
    raw = json.dumps({"schemaVersion": 2, "mediaType": media.MANIFEST, "layers": layers}).encode()
    repository.manifests[digest_of(raw)] = (media.MANIFEST, raw)
    repository.tags["raw"] = digest_of(raw)
    return f"{registry.host}/x:raw"


@pytest.mark.parametrize(
    "titles", [("../evil",), ("/evil",), ("a/../evil",), ("a//evil",), ("a\\evil",), ("a\0evil",), ("a", "a"), (".",)]
)
def test_titles_that_lead_elsewhere(titles: tuple[str, ...], registry: FakeRegistry, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError):
        Registry().pull(_titled(registry, *titles), outdir=str(tmp_path / "out"))
    assert not (tmp_path / "evil").exists()
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").rglob("evil"))


@pytest.mark.parametrize(
    "packed",
    [
        _tar(("../evil", tarfile.REGTYPE, DATA)),
        _tar(("/evil", tarfile.REGTYPE, DATA)),
        _tar(("folder/evil", tarfile.SYMTYPE, b""), ("folder/evil/x", tarfile.REGTYPE, DATA), link="/tmp"),
        _tar(("folder/evil", tarfile.LNKTYPE, b""), link="/etc/passwd"),
        _tar(("folder/evil", tarfile.CHRTYPE, b"")),
        _tar(("folder/evil", tarfile.REGTYPE, DATA), ("folder/EVIL", tarfile.REGTYPE, DATA)),
        _tar(("folder/evil", tarfile.REGTYPE, bytes(64 * 1024 * 1024))),
        b"no tar",
    ],
    ids=["dots", "absolute", "linked", "hardlink", "device", "case", "bomb", "none"],
)
def test_packed_folders_that_mean_harm(packed: bytes, registry: FakeRegistry, tmp_path: Path) -> None:
    target = _titled(registry, "folder", data=gzip.compress(packed), kind="application/vnd.oci.image.layer.v1.tar+gzip")
    with pytest.raises(I4qError):
        Registry().pull(target, outdir=str(tmp_path / "out"))
    assert not [path for path in tmp_path.rglob("*") if path.name.lower() == "evil"]


def test_layers_elsewhere_are_not_fetched(registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    """`urls` of a descriptor are nobody's business."""
    with FakeRegistry() as other:
        repository = hold(registry, artifact).repositories["x"]
        digest = forge(registry, artifact, {})
        weights, _ = _bytes(artifact, about=False)
        for own, (kind, raw) in [*repository.manifests.items()]:
            data = json.loads(raw)
            for layer in data.get("layers", []):
                layer["urls"] = [f"{other.url}/evil"]
            repository.manifests[own] = (kind, json.dumps(data).encode())
        del repository.blobs[weights]
        with pytest.raises(I4qError):
            oci.fetch([f"{registry.host}/x"], digest, tmp_path / "tree", timeout=60)
        assert not other.requests
