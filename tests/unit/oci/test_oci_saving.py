"""Archives: written, read in place, and whatever somebody else has put into one."""

from __future__ import annotations

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from i4q_ai.deadline import Deadline
from i4q_ai.errors import FormatError, I4qError, IntegrityError, InvalidError, NotFoundError, UnsupportedError
from i4q_ai.oci import media, referrers
from i4q_ai.oci.layout import Layout
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.transfers.archives import Archive
from i4q_ai.oci.transfers.saving import load, save
from tests.unit.oci.made_artifacts import Maker


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "from")


def _image(maker: Maker, tag: str) -> Descriptor:
    layer = maker.blob(b"\0" * 1024, media.IMAGE_LAYER)
    config = {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}
    about = maker.blob(media.canonical(config), media.IMAGE_CONFIG)
    return maker.put({"schemaVersion": 2, "mediaType": media.MANIFEST, "config": about, "layers": [layer]}, tag)


def _blobs(folder: Path) -> dict[str, bytes]:
    return {f"{path.parent.name}:{path.name}": path.read_bytes() for path in (folder / "blobs").glob("*/*")}


def _tar(path: Path, members: dict[str, bytes], links: dict[str, str] | None = None) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, data in members.items():
            about = tarfile.TarInfo(name)
            about.size = len(data)
            tar.addfile(about, io.BytesIO(data))
        for name, target in (links or {}).items():
            about = tarfile.TarInfo(name)
            about.type, about.linkname = tarfile.SYMTYPE, target
            tar.addfile(about)
    return path


def test_every_shape_goes_there_and_back(maker: Maker, tmp_path: Path) -> None:
    shapes = maker.shapes()
    note = referrers.attach(
        maker.layout, shapes["plain"], artifact_type="a/note", data=b"fine", deadline=maker.deadline
    )
    saved = save([f"oci:{tmp_path}/from:{tag}" for tag in shapes], tmp_path / "all.tar")
    assert saved == [f"oci:{tmp_path}/from@{one.digest}" for one in shapes.values()]
    loaded = load(tmp_path / "all.tar", f"oci:{tmp_path}/to")
    assert {one.digest: one.tags for one in loaded} == {one.digest: (tag,) for tag, one in shapes.items()}
    assert _blobs(tmp_path / "to") == _blobs(tmp_path / "from")
    to = Layout(tmp_path / "to")
    assert to.tags() == maker.layout.tags()
    assert referrers.referrers(to, shapes["plain"].digest, deadline=maker.deadline) == [note]


def test_same_input_gives_the_same_file(maker: Maker, tmp_path: Path) -> None:
    maker.shapes()
    for name in ("a.tar", "b.tar"):
        save(f"oci:{tmp_path}/from:nested", tmp_path / name)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_names_for_containerd(maker: Maker, tmp_path: Path) -> None:
    digest = maker.shapes()["index"].digest
    save(f"oci:{tmp_path}/from:index", tmp_path / "x.tar", name="registry.plant:5000/models/x")
    with tarfile.open(tmp_path / "x.tar") as tar:
        listed = json.load(tar.extractfile("index.json"))["manifests"]  # type: ignore[arg-type]
    assert [one["annotations"] for one in listed] == [
        {media.REF_NAME: "index", media.CONTAINERD_NAME: "registry.plant:5000/models/x:index"},
        {media.CONTAINERD_NAME: f"registry.plant:5000/models/x@{digest}"},
    ]
    assert [one.tags for one in load(tmp_path / "x.tar", f"oci:{tmp_path}/to")] == [("index",)]


def test_one_thing_may_get_another_tag(maker: Maker, tmp_path: Path) -> None:
    maker.shapes()
    save(f"oci:{tmp_path}/from:plain", tmp_path / "one.tar")
    assert load(tmp_path / "one.tar", f"oci:{tmp_path}/to:other")[0].tags == ("other",)
    save([f"oci:{tmp_path}/from:plain", f"oci:{tmp_path}/from:index"], tmp_path / "two.tar")
    with pytest.raises(InvalidError, match="holds 2 things"):
        load(tmp_path / "two.tar", f"oci:{tmp_path}/to:other")
    with pytest.raises(InvalidError, match="two of them have the tag 'plain'"):
        save([f"oci:{tmp_path}/from:plain", f"oci:{tmp_path}/from:plain"], tmp_path / "x.tar")


def test_folder(maker: Maker, tmp_path: Path) -> None:
    plain = maker.shapes()["plain"]
    assert save(f"oci:{tmp_path}/from:plain", tmp_path / "usb") == [f"oci:{tmp_path}/usb@{plain.digest}"]
    assert load(tmp_path / "usb", f"oci:{tmp_path}/to")[0].digest == plain.digest
    with pytest.raises(NotFoundError, match="no OCI layout"):
        load(tmp_path, f"oci:{tmp_path}/to")


def test_docker_archive_there_and_back(maker: Maker, tmp_path: Path) -> None:
    image = _image(maker, "1")
    save(f"oci:{tmp_path}/from:1", tmp_path / "d.tar", kind="docker", name="plant/app")
    with tarfile.open(tmp_path / "d.tar") as tar:
        (listed,) = json.load(tar.extractfile("manifest.json"))  # type: ignore[arg-type]
        assert {listed["Config"], *listed["Layers"]} <= set(tar.getnames())
    assert listed["RepoTags"] == ["docker.io/plant/app:1"]
    assert [(one.digest, one.tags) for one in load(tmp_path / "d.tar", f"oci:{tmp_path}/to")] == [
        (image.digest, ("1",))
    ]
    maker.shapes()
    with pytest.raises(UnsupportedError, match="no image that Docker could run"):
        save(f"oci:{tmp_path}/from:plain", tmp_path / "d.tar", kind="docker")


def test_docker_archive_of_old_with_links(tmp_path: Path) -> None:
    listed = [{"Config": "c.json", "RepoTags": ["app:1", "app:2"], "Layers": ["a/layer.tar", "b/layer.tar"]}]
    members = {"manifest.json": json.dumps(listed).encode(), "c.json": b"{}", "a/layer.tar": b"\x1f\x8bzip"}
    path = _tar(tmp_path / "old.tar", members, {"b/layer.tar": "../a/layer.tar"})
    (loaded,) = load(path, f"oci:{tmp_path}/to")
    assert loaded.tags == ("1", "2")
    manifest = json.loads(Layout(tmp_path / "to").manifest(loaded.digest, Deadline.after(60)))
    assert [layer["mediaType"] for layer in manifest["layers"]] == [f"{media.IMAGE_LAYER}+gzip"] * 2


@pytest.mark.parametrize(
    ("members", "links", "error"),
    [
        ({}, {}, FormatError),
        ({"index.json": b"{"}, {}, IntegrityError),
        ({"index.json": b'{"manifests": 1}'}, {}, IntegrityError),
        ({"index.json": b'{"manifests": [{"digest": "sha256:../x", "size": 1}]}'}, {}, IntegrityError),
        ({"manifest.json": b"[{}]"}, {}, FormatError),
        ({"manifest.json": b"{}"}, {}, FormatError),
        ({"manifest.json": b'[{"Config": "c", "Layers": []}]'}, {}, FormatError),
        ({"manifest.json": b'[{"Config": "c", "Layers": []}]'}, {"c": "../../../etc/passwd"}, FormatError),
        ({"manifest.json": b'[{"Config": "c", "Layers": []}]'}, {"c": "d", "d": "c"}, FormatError),
        ({"manifest.json": b'[{"Config": "c", "Layers": ["c"], "RepoTags": ["-"]}]', "c": b""}, {}, InvalidError),
    ],
)
def test_broken_archives(
    members: dict[str, bytes], links: dict[str, str], error: type[I4qError], tmp_path: Path
) -> None:
    with pytest.raises(error):
        load(_tar(tmp_path / "x.tar", members, links), f"oci:{tmp_path}/to")
    assert not (tmp_path / "to").exists()


def test_not_whole_not_there_and_compressed(maker: Maker, tmp_path: Path) -> None:
    maker.manifest([maker.file("a", os.urandom(100_000))], "1")
    save(f"oci:{tmp_path}/from:1", tmp_path / "x.tar")
    raw = (tmp_path / "x.tar").read_bytes()
    (tmp_path / "short.tar").write_bytes(raw[:50_000])
    (tmp_path / "packed.tar").write_bytes(b"\x1f\x8b" + raw)
    flipped = bytearray(raw)
    flipped[len(raw) // 2] ^= 1
    (tmp_path / "rotten.tar").write_bytes(flipped)
    for name, error in (
        ("short", I4qError), ("packed", UnsupportedError), ("rotten", IntegrityError), ("none", NotFoundError),
    ):  # fmt: skip
        with pytest.raises(error):
            load(tmp_path / f"{name}.tar", f"oci:{tmp_path}/to")
    assert not Layout(tmp_path / "to").tags()


def test_failed_save_leaves_the_old_file(maker: Maker, tmp_path: Path) -> None:
    maker.manifest([maker.file("a", b"0123456789")], "1")
    (tmp_path / "x.tar").write_bytes(b"old")
    (tmp_path / "from" / "blobs" / "sha256" / media.digest_of(b"0123456789")[7:]).write_bytes(b"9876543210")
    with pytest.raises(IntegrityError):
        save(f"oci:{tmp_path}/from:1", tmp_path / "x.tar")
    assert (tmp_path / "x.tar").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["from", "x.tar"]


def test_archive_is_read_where_it_lies(maker: Maker, tmp_path: Path) -> None:
    maker.manifest([maker.file("a", b"0123456789")], "1")
    save(f"oci:{tmp_path}/from:1", tmp_path / "x.tar")
    opened = Archive(tmp_path / "x.tar", maker.deadline)
    blob = Descriptor("", media.digest_of(b"0123456789"), 10)
    with opened.read(blob, 4, maker.deadline) as (start, chunks):
        assert (start, b"".join(chunks)) == (4, b"456789")
    with opened.range(blob, 2, 5, maker.deadline) as piece:
        assert b"".join(piece) == b"234"
