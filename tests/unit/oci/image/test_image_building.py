"""A whole build from wheels and a root file system that are made on the spot."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from i4q_ai.errors import (
    FormatError,
    InvalidError,
    NotFoundError,
    ReferenceInvalid,
    UnsupportedError,
    VersionExistsError,
)
from i4q_ai.oci import image, media
from i4q_ai.oci.image import BuiltImage
from tests.unit.oci.image.made_inputs import lock_with_wheels, root
from tests.unit.oci.image.made_wheels import wheel


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return root(tmp_path / "root.tar")


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Any]:
    return {"lock": lock_with_wheels(tmp_path), "wheels": tmp_path / "wheels", "bytecode": False}


def _content(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: file.read() for member in tar if (file := tar.extractfile(member))}


def _blob(content: dict[str, bytes], digest: str) -> bytes:
    raw = content[f"blobs/{digest.replace(':', '/')}"]
    assert media.digest_of(raw) == digest
    return raw


def _layers(content: dict[str, bytes], built: BuiltImage) -> list[dict[str, bytes]]:
    manifest = json.loads(_blob(content, built.images[0].digest))
    found = []
    for layer in manifest["layers"]:
        with tarfile.open(fileobj=io.BytesIO(_blob(content, layer["digest"]))) as tar:
            found.append({member.name: file.read() for member in tar if (file := tar.extractfile(member))})
    return found


def test_an_archive_holds_the_image_by_tag_and_by_digest(base: Path, inputs: dict[str, Any], tmp_path: Path) -> None:
    built = image.build(base, to=tmp_path / "edge.tar", name="registry.example:5000/i4q/edge:7", **inputs)
    assert built.reference == f"registry.example:5000/i4q/edge@{built.digest}"
    content = _content(tmp_path / "edge.tar")
    assert json.loads(content["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    by_tag, by_digest = json.loads(content["index.json"])["manifests"]
    assert by_tag["annotations"] == {
        "io.containerd.image.name": "registry.example:5000/i4q/edge:7",
        "org.opencontainers.image.ref.name": "7",
    }
    assert by_digest["annotations"] == {"io.containerd.image.name": built.reference}
    assert by_tag["digest"] == by_digest["digest"] == built.digest
    (listed,) = json.loads(_blob(content, built.digest))["manifests"]
    assert (listed["digest"], listed["platform"]) == (
        built.images[0].digest,
        {"architecture": "amd64", "os": "linux"},
    )


def test_the_layers(base: Path, inputs: dict[str, Any], tmp_path: Path) -> None:
    built = image.build(base, to=tmp_path / "edge.tar", **inputs)
    below, dependencies, package = _layers(_content(tmp_path / "edge.tar"), built)
    assert set(below) == {"usr/bin/python3.11"}
    assert dependencies["opt/i4q/site-packages/spam.py"] == b"x = 1\n"
    assert dependencies["opt/i4q/site-packages/eggs/native.so"] == b"amd64"
    assert not [name for name in dependencies if "i4q_ai" in name]
    source = Path(image.__file__).parents[2]
    assert package["opt/i4q/site-packages/i4q_ai/errors.py"] == (source / "errors.py").read_bytes()
    assert not [name for name in package if "__pycache__" in name or "direct_url" in name]
    (about,) = built.images
    assert about.base == base.stat().st_size
    assert [part.name for part in about.parts] == ["i4q-ai", "spam", "eggs"]
    assert about.size == sum(len(raw) for layer in (dependencies, package) for raw in layer.values())


def test_the_same_inputs_give_the_same_digests(
    base: Path, inputs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = image.build(base, to=tmp_path / "1.tar", **inputs)
    assert image.build(base, to=f"oci:{tmp_path}/layout", **inputs).digest == first.digest
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    later = image.build(base, to=tmp_path / "2.tar", **inputs)
    assert later.digest != first.digest
    content = _content(tmp_path / "2.tar")
    manifest = json.loads(_blob(content, later.images[0].digest))
    assert json.loads(_blob(content, manifest["config"]["digest"]))["created"] == "1970-01-02T00:00:00Z"


def test_a_tag_is_never_moved(base: Path, inputs: dict[str, Any], tmp_path: Path) -> None:
    to = f"oci:{tmp_path}/layout:1"
    first = image.build(base, to=to, **inputs)
    assert image.build(base, to=to, **inputs) == first
    with pytest.raises(VersionExistsError):
        image.build(base, to=to, compress=True, **inputs)


def test_an_image_of_ours_is_a_base_too(base: Path, inputs: dict[str, Any], tmp_path: Path) -> None:
    below = image.build(base, to=f"oci:{tmp_path}/layout:1", **inputs)
    above = image.build(below.reference, to=tmp_path / "2.tar", **inputs)
    content = _content(tmp_path / "2.tar")
    manifest = json.loads(_blob(content, above.images[0].digest))
    config = json.loads(_blob(content, manifest["config"]["digest"]))
    assert len(manifest["layers"]) == len(config["rootfs"]["diff_ids"]) == len(config["history"]) == 5
    assert manifest["annotations"]["org.opencontainers.image.base.digest"] == below.images[0].digest


def test_the_platform_is_that_of_the_python_in_the_tar(inputs: dict[str, Any], tmp_path: Path) -> None:
    built = image.build(root(tmp_path / "arm.tar.gz", machine=183), to=tmp_path / "edge.tar", **inputs)
    assert [each.platform for each in built.images] == ["linux/arm64"]
    content = _content(tmp_path / "edge.tar")
    assert _layers(content, built)[1]["opt/i4q/site-packages/eggs/native.so"] == b"arm64"
    kinds = [layer["mediaType"] for layer in json.loads(_blob(content, built.images[0].digest))["layers"]]
    assert kinds == [f"{media.IMAGE_LAYER}+gzip", media.IMAGE_LAYER, media.IMAGE_LAYER]


def test_bases_that_cannot_be_used(base: Path, inputs: dict[str, Any], tmp_path: Path) -> None:
    to = tmp_path / "edge.tar"
    broken = tmp_path / "broken.tar"
    broken.write_bytes(b"no tar" * 1000)
    with pytest.raises(FormatError, match="no whole tar"):
        image.build(broken, to=to, **inputs)
    with pytest.raises(NotFoundError, match="no base"):
        image.build(tmp_path / "none.tar", to=to, **inputs)
    with pytest.raises(InvalidError, match=r"no bin/python3\.11") as caught:
        image.build(root(tmp_path / "new.tar", name="usr/bin/python3.13"), to=to, **inputs)
    assert "debootstrap" in caught.value.hint
    with pytest.raises(UnsupportedError, match="no platform"):
        image.build(root(tmp_path / "riscv.tar", machine=243), to=to, **inputs)
    with pytest.raises(UnsupportedError, match=r"linux/amd64.*only one platform") as unsupported:
        image.build(base, to=to, platforms=["linux/amd64", "linux/arm64"], **inputs)
    assert "ask for linux/amd64 only" in unsupported.value.hint
    with pytest.raises(ReferenceInvalid, match="names no digest"):
        image.build("debian:12", to=to, **inputs)
    assert not to.exists()


def test_a_base_without_the_platform_says_what_it_has(base: Path, inputs: dict[str, Any], tmp_path: Path) -> None:
    below = image.build(base, to=f"oci:{tmp_path}/layout:1", **inputs).reference
    with pytest.raises(UnsupportedError, match=r"no image for linux/arm64; it has linux/amd64"):
        image.build(below, to=tmp_path / "2.tar", platforms=["linux/arm64"], **inputs)


def test_targets_that_cannot_be_meant(base: Path, inputs: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="is a name already"):
        image.build(base, to=f"oci:{tmp_path}/layout", name="edge", **inputs)
    with pytest.raises(InvalidError, match="not compressed"):
        image.build(base, to=tmp_path / "edge.tar.gz", **inputs)
    with pytest.raises(ReferenceInvalid, match="not for a digest"):
        image.build(base, to=f"registry.example/edge@sha256:{'0' * 64}", **inputs)
    with pytest.raises(InvalidError, match="did you mean 'linux/arm64'"):
        image.build(base, to=tmp_path / "edge.tar", platforms=["linux/arm"], **inputs)


def test_a_wheel_with_another_digest_is_not_taken(base: Path, inputs: dict[str, Any], tmp_path: Path) -> None:
    wheel(inputs["wheels"], {"spam.py": b"import evil\n"})
    with pytest.raises(NotFoundError, match=r"digests of the lock: spam 1\.0 ") as caught:
        image.build(base, to=tmp_path / "edge.tar", **inputs)
    assert "pip download" in caught.value.hint


def test_a_time_that_is_none(
    base: Path, inputs: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(InvalidError, match="SOURCE_DATE_EPOCH"):
        image.build(base, to=tmp_path / "edge.tar", **inputs)


def test_nothing_is_left_in_the_cache(base: Path, inputs: dict[str, Any], tmp_path: Path) -> None:
    image.build(base, to=tmp_path / "edge.tar", **inputs)
    with pytest.raises(NotFoundError):
        image.build(base, to=tmp_path / "edge.tar", **inputs | {"lock": tmp_path / "none"})
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
