"""Artifacts of others as files: what they may be, and what they must not do."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from i4q_ai.errors import I4qError, IntegrityError, InvalidError, UnsupportedError
from i4q_ai.model import Model
from i4q_ai.oci import contents, media
from i4q_ai.oci.downloads import untarring
from i4q_ai.oci.downloads.unpacking import UNPACK, pull
from tests.unit.oci.made_artifacts import Maker

RAW, TAR = "application/vnd.cncf.model.weight.v1.raw", "application/vnd.cncf.model.weight.v1.tar"


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "from")


def _tar(*members: tarfile.TarInfo | tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                about = tarfile.TarInfo(member[0])
                about.size, about.mode = len(member[1]), 0o4755
                tar.addfile(about, io.BytesIO(member[1]))
    return stream.getvalue()


def _special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.linkname = kind, target
    return about


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_titles(maker: Maker, tmp_path: Path) -> None:
    digest = maker.manifest(
        [maker.file("a.txt", b"a"), maker.file("sub/b.txt", b"b"), maker.file("empty", b""), maker.blob(b"no name")],
        "1",
    ).digest
    pulled = pull(f"oci:{tmp_path}/from:1", tmp_path / "out")
    assert _tree(tmp_path / "out") == {"a.txt": b"a", "sub/b.txt": b"b", "empty": b""}
    assert pulled.files == ("a.txt", "empty", "sub/b.txt")
    assert pulled.skipped == (media.digest_of(b"no name"),)
    assert pulled.reference == f"oci:{tmp_path}/from@{digest}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["from", "out"]


@pytest.mark.parametrize("spec", ["cncf", "cnai"])
def test_modelpack_of_any_age(spec: str, maker: Maker, tmp_path: Path) -> None:
    key = f"org.{spec}.model.filepath"
    raw = maker.blob(b"weights", f"application/vnd.{spec}.model.weight.v1.raw")
    tar = maker.blob(_tar(("conf/a.json", b"{}")), f"application/vnd.{spec}.model.weight.config.v1.tar")
    packed = maker.blob(gzip.compress(_tar(("doc/r.md", b"#"))), f"application/vnd.{spec}.model.doc.v1.tar+gzip")
    layers = [
        {**raw, "annotations": {key: "w/model.onnx"}},
        {**tar, "annotations": {key: "conf/a.json"}},
        {**packed, "annotations": {key: "doc"}},
    ]
    maker.manifest(layers, "1", artifactType=f"application/vnd.{spec}.model.manifest.v1+json")
    pull(f"oci:{tmp_path}/from:1", tmp_path / "out")
    assert _tree(tmp_path / "out") == {"w/model.onnx": b"weights", "conf/a.json": b"{}", "doc/r.md": b"#"}


def test_our_own_by_its_modelpack(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.dat").write_bytes(b"w" * 1000)
    Model.from_dir(tmp_path / "model", name="tool-wear", version="1").push(f"oci:{tmp_path / 'from'}")
    pulled = pull(f"oci:{tmp_path}/from:1", tmp_path / "out")
    assert pulled.files == ("models/i4q.json", "models/weights.dat")
    assert (tmp_path / "out" / "models" / "weights.dat").read_bytes() == b"w" * 1000


def test_folder_as_oras_packs_it(maker: Maker, tmp_path: Path) -> None:
    packed = gzip.compress(_tar(_special("d", tarfile.DIRTYPE), ("d/x", b"x"), ("d/y/z", b"z")))
    layer = {**maker.blob(packed, "anything"), "annotations": {media.TITLE: "d", UNPACK: "true"}}
    maker.manifest([layer], "1")
    pull(f"oci:{tmp_path}/from:1", tmp_path / "out")
    assert _tree(tmp_path / "out") == {"d/x": b"x", "d/y/z": b"z"}
    assert (tmp_path / "out" / "d" / "x").stat().st_mode & 0o7777 == 0o755  # and no setuid


def test_platform(maker: Maker, tmp_path: Path) -> None:
    entries = []
    for arch in ("amd64", "arm64"):
        one = maker.manifest([maker.file("a", arch.encode())])
        entries.append({**one.dump(), "platform": {"os": "linux", "architecture": arch}})
    maker.index(entries, "both")
    maker.index([{**entries[0], "platform": {"os": "plan9", "architecture": "mips"}}], "odd")
    pull(f"oci:{tmp_path}/from:both", tmp_path / "here")
    assert (tmp_path / "here" / "a").read_text() == contents.architecture()
    pull(f"oci:{tmp_path}/from:both", tmp_path / "there", platform="linux/arm64")
    assert (tmp_path / "there" / "a").read_text() == "arm64"
    with pytest.raises(UnsupportedError, match="lists plan9/mips"):
        pull(f"oci:{tmp_path}/from:odd", tmp_path / "odd")


@pytest.mark.parametrize(
    "names",
    [
        ["../x"],
        ["/x"],
        ["a//b"],
        ["."],
        ["a\\b"],
        ["C:x"],
        ["a\0"],
        ["x" * 256],
        ["a", "a"],
        ["a", "A"],
        ["a", "a/b"],
        [""],
    ],
)
def test_names_that_lead_elsewhere_or_clash(names: list[str], maker: Maker, tmp_path: Path) -> None:
    maker.manifest([maker.file(name, str(number).encode()) for number, name in enumerate(names)], "1")
    with pytest.raises(IntegrityError):
        pull(f"oci:{tmp_path}/from:1", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["from"]


@pytest.mark.parametrize(
    "members",
    [
        [("../x", b"")],
        [("m/../../x", b"")],
        [("/m/x", b"")],
        [("other/x", b"")],
        [_special("m/l", tarfile.SYMTYPE, "/etc"), ("m/l/passwd", b"")],
        [("m/f", b""), _special("m/h", tarfile.LNKTYPE, "m/f")],
        [_special("m/dev", tarfile.CHRTYPE)],
        [_special("m/fifo", tarfile.FIFOTYPE)],
        [("m/x", b"1"), ("m/x", b"2")],
        [("m/x", b"1"), ("m/X", b"2")],
        [("m/x", b"1"), ("m/x/y", b"2")],
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_tars_that_misbehave(
    members: list[tarfile.TarInfo | tuple[str, bytes]], packed: bool, maker: Maker, tmp_path: Path
) -> None:
    tar = gzip.compress(_tar(*members)) if packed else _tar(*members)
    blob = maker.blob(tar, f"{TAR}+gzip" if packed else TAR)
    maker.manifest([{**blob, "annotations": {media.MODELPACK_FILEPATH: "m"}}], "1")
    with pytest.raises(I4qError):
        pull(f"oci:{tmp_path}/from:1", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["from"]


def test_bomb(maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(untarring, "SMALL", 1_000_000)
    packed = gzip.compress(_tar(("m/zeros", bytes(20_000_000))))
    layer = {**maker.blob(packed, f"{TAR}+gzip"), "annotations": {media.MODELPACK_FILEPATH: "m"}}
    maker.manifest([layer], "1")
    with pytest.raises(IntegrityError, match="unpacks to more than"):
        pull(f"oci:{tmp_path}/from:1", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_broken_and_unknown_packing(maker: Maker, tmp_path: Path) -> None:
    whole = gzip.compress(_tar(("m/x", b"x" * 5000)))
    for tag, data, kind in (
        ("short", whole[:60], f"{TAR}+gzip"), ("no-gzip", b"nothing", f"{TAR}+gzip"), ("no-tar", b"x" * 2000, TAR),
    ):  # fmt: skip
        maker.manifest([{**maker.blob(data, kind), "annotations": {media.MODELPACK_FILEPATH: "m"}}], tag)
        with pytest.raises(IntegrityError, match=r"broken tar|ends in the middle"):
            pull(f"oci:{tmp_path}/from:{tag}", tmp_path / "out")
    maker.manifest([{**maker.blob(b"", f"{TAR}+zstd"), "annotations": {media.MODELPACK_FILEPATH: "m"}}], "zstd")
    with pytest.raises(UnsupportedError, match="zstd"):
        pull(f"oci:{tmp_path}/from:zstd", tmp_path / "out")
    maker.manifest([maker.blob(b"")], "nameless")
    with pytest.raises(UnsupportedError, match="no names"):
        pull(f"oci:{tmp_path}/from:nameless", tmp_path / "out")


def test_folder_that_is_not_empty_or_a_link(maker: Maker, tmp_path: Path) -> None:
    maker.manifest([maker.file("a", b"a")], "1")
    (tmp_path / "empty").mkdir()
    pull(f"oci:{tmp_path}/from:1", tmp_path / "empty")
    with pytest.raises(InvalidError, match="not empty"):
        pull(f"oci:{tmp_path}/from:1", tmp_path / "empty")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidError, match="is no folder"):
        pull(f"oci:{tmp_path}/from:1", tmp_path / "link")
    assert not list((tmp_path / "elsewhere").iterdir())
