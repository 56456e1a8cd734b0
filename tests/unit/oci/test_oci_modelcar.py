"""A modelcar: a base with a shell, and above it the very layers of the model."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from i4q_ai.errors import FormatError, InvalidError, NotFoundError, ReferenceInvalid, UnsupportedError
from i4q_ai.model import Model
from i4q_ai.oci.consumers.modelcar import PROGRAMS, modelcar

GOLDEN = "sha256:2c98a59992da9b802b3bb1a8c94481a6dc232e16c31875c60365be3132532207"
_ELF = b"\x7fELF" + bytes(14)


def base_tar(path: Path, *, machine: int = 62, programs: tuple[str, ...] = PROGRAMS, folder: str = "bin") -> Path:
    """A root file system of one program with many names, which runs nowhere."""
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as tar:
        program = _ELF + machine.to_bytes(2, "little")
        member = tarfile.TarInfo(f"./{folder}/busybox")
        member.mode, member.size = 0o755, len(program)
        tar.addfile(member, io.BytesIO(program))
        for name in programs:
            link = tarfile.TarInfo(f"./{folder}/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return path


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model in a layout folder."""
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    (tmp_path / "limits.txt").write_text("torque 60\n")
    made = Model.from_files([tmp_path / "limits.txt"], name="limits", version="1")
    return made.push(f"oci:{tmp_path / 'registry'}")


def _blob(folder: Path, digest: str) -> bytes:
    return (folder / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()


def _json(folder: Path, digest: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(_blob(folder, digest))
    return read


def _digest(reference: str) -> str:
    return reference.rpartition("@")[2]


@pytest.mark.parametrize(("name", "machine", "architecture"), [("b.tar", 62, "amd64"), ("b.tar.gz", 183, "arm64")])
def test_the_layers_are_the_base_and_those_of_the_model(
    model: Model, tmp_path: Path, name: str, machine: int, architecture: str
) -> None:
    folder = tmp_path / "registry"
    blobs = set((folder / "blobs" / "sha256").iterdir())
    made = modelcar(model, base=base_tar(tmp_path / name, machine=machine))
    index = _json(folder, _digest(made))
    assert index["annotations"]["ai.i4q.model.digest"] == model.digest
    (listed,) = index["manifests"]
    assert listed["platform"] == {"architecture": architecture, "os": "linux"}
    manifest = _json(folder, listed["digest"])
    (image, *_) = _json(folder, model.digest)["manifests"]
    ours = [layer["digest"] for layer in _json(folder, image["digest"])["layers"]]
    first, *rest = (layer["digest"] for layer in manifest["layers"])
    assert rest == ours
    assert _blob(folder, first) == (tmp_path / name).read_bytes()
    config = _json(folder, manifest["config"]["digest"])
    content = _blob(folder, first)
    unpacked = gzip.decompress(content) if name.endswith("gz") else content
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(unpacked).hexdigest()}", *ours]
    assert config["architecture"] == architecture
    # the base, the config, the manifest and the index; not one byte of the model again
    assert len(set((folder / "blobs" / "sha256").iterdir()) - blobs) == 4


def test_it_has_a_tag_of_its_own_and_the_model_keeps_its_digest(model: Model, tmp_path: Path) -> None:
    made = modelcar(model, base=base_tar(tmp_path / "base.tar"))
    listed = json.loads((tmp_path / "registry" / "index.json").read_text())["manifests"]
    tags = {each["annotations"]["org.opencontainers.image.ref.name"]: each["digest"] for each in listed}
    assert tags == {"1": model.digest, "1-modelcar": _digest(made)}


def test_the_same_inputs_give_the_same_digest(model: Model, tmp_path: Path) -> None:
    base = base_tar(tmp_path / "base.tar")
    again = modelcar(model, base=base, to=f"oci:{tmp_path / 'elsewhere'}:7")
    assert _digest(modelcar(model, base=base)) == _digest(again) == GOLDEN
    assert modelcar(model, base=base, to=f"oci:{tmp_path / 'elsewhere'}:7") == again


def test_a_base_that_is_an_image_keeps_what_its_config_says(model: Model, tmp_path: Path) -> None:
    """An earlier modelcar is an image with a shell, too."""
    first = modelcar(model, base=base_tar(tmp_path / "base.tar"))
    second = modelcar(model, base=first, to=f"oci:{tmp_path / 'second'}:1")
    folder = tmp_path / "second"
    (listed,) = _json(folder, _digest(second))["manifests"]
    manifest = _json(folder, listed["digest"])
    config = _json(folder, manifest["config"]["digest"])
    assert len(config["rootfs"]["diff_ids"]) == len(manifest["layers"]) == 5
    assert config["config"] == {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]}
    assert manifest["annotations"]["org.opencontainers.image.base.digest"].startswith("sha256:")


def test_a_base_without_a_program_is_refused(model: Model, tmp_path: Path) -> None:
    base = base_tar(tmp_path / "base.tar", programs=("sh", "ln", "ls"))
    with pytest.raises(InvalidError, match=r"base .*base\.tar has no sleep, mkdir, which KServe runs"):
        modelcar(model, base=base)
    assert "1-modelcar" not in (tmp_path / "registry" / "index.json").read_text()


def test_a_base_in_usr_is_as_good(model: Model, tmp_path: Path) -> None:
    assert modelcar(model, base=base_tar(tmp_path / "base.tar", folder="usr/bin"))


def test_what_is_no_base_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no base"):
        modelcar(model, base=tmp_path / "none.tar")
    with pytest.raises(ReferenceInvalid, match="names no digest"):
        modelcar(model, base="registry.example/busybox:1")
    (tmp_path / "text.tar").write_text("hello" * 200)
    with pytest.raises(FormatError, match="no whole tar"):
        modelcar(model, base=tmp_path / "text.tar")
    whole = base_tar(tmp_path / "whole.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[:700])
    with pytest.raises(FormatError, match="no whole tar"):
        modelcar(model, base=tmp_path / "cut.tar")
    with pytest.raises(InvalidError, match="no program for a platform"):
        modelcar(model, base=base_tar(tmp_path / "other.tar", machine=8))
    with pytest.raises(UnsupportedError, match="only one platform"):
        modelcar(model, base=base_tar(tmp_path / "base.tar"), platforms=["linux/arm64"])


def test_what_cannot_be_meant_is_refused(model: Model, tmp_path: Path) -> None:
    base = base_tar(tmp_path / "base.tar")
    with pytest.raises(InvalidError, match="push it first"):
        modelcar(Model(name="x", version="1"), base=base)
    with pytest.raises(ReferenceInvalid, match="not to a digest"):
        modelcar(model, base=base, to=str(model.reference))
    with pytest.raises(InvalidError, match="linux/riscv"):
        modelcar(model, base=base, platforms=["linux/riscv"])
