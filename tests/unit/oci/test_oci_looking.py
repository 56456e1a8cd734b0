"""Resolve, tags, inspect, diff and attach on a layout folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.errors import InvalidError, NotFoundError, UnsupportedError
from i4q_ai.model import Model
from i4q_ai.oci import media
from i4q_ai.oci.comparing import Change
from tests.unit.oci.made_artifacts import ARTIFACT, Maker


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "from")


def test_tags(maker: Maker, tmp_path: Path) -> None:
    shapes = maker.shapes()
    assert oci.tags(f"oci:{tmp_path}/from") == sorted(shapes)
    assert oci.tags(f"oci:{tmp_path}/none") == []


def test_inspect_tells_all_that_is_listed(maker: Maker, tmp_path: Path) -> None:
    plain, index = (maker.shapes()[shape] for shape in ("plain", "index"))
    (tmp_path / "note.txt").write_text("fine")
    note = oci.attach(
        f"oci:{tmp_path}/from:plain", tmp_path / "note.txt", artifact_type="a/note", annotations={"x": "y"}
    )
    found = oci.inspect(f"oci:{tmp_path}/from:plain")
    assert (found.digest, found.media_type, found.artifact_type) == (plain.digest, media.MANIFEST, ARTIFACT)
    assert [(part.what, part.name, part.size) for part in found.parts] == [
        ("config", "", 2), ("layer", "a.txt", 1), ("referrer", "a/note", found.parts[2].size),
    ]  # fmt: skip
    assert note.endswith(found.parts[2].digest)
    about = oci.inspect(note)
    assert (about.subject, about.annotations) == (plain.digest, {"x": "y"})
    assert [part.name for part in about.parts if part.what == "layer"] == ["note.txt"]
    assert [part.what for part in oci.inspect(f"oci:{tmp_path}/from:index").parts] == ["manifest", "manifest"]
    with pytest.raises(UnsupportedError, match="has nothing for linux/arm64"):
        oci.inspect(f"oci:{tmp_path}/from@{index.digest}", platform="linux/arm64")
    assert oci.inspect(f"oci:{tmp_path}/from:plain", platform="linux/arm64").digest == plain.digest


def test_attach_wants_a_file_and_a_type(maker: Maker, tmp_path: Path) -> None:
    maker.shapes()
    with pytest.raises(NotFoundError, match="no file"):
        oci.attach(f"oci:{tmp_path}/from:plain", tmp_path / "none", artifact_type="a/b")
    (tmp_path / "x").touch()
    for kind in ("note", "a/", "/b", "a b/c"):
        with pytest.raises(InvalidError, match="no media type"):
            oci.attach(f"oci:{tmp_path}/from:plain", tmp_path / "x", artifact_type=kind)
    with pytest.raises(NotFoundError, match="no tag"):
        oci.attach(f"oci:{tmp_path}/from:none", tmp_path / "x", artifact_type="a/b")


def test_diff_of_models_is_by_their_files_and_fields(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights.dat").write_bytes(b"w" * 10)
    (folder / "old.txt").write_text("old")
    first = Model.from_dir(folder, name="tool-wear", version="1").push(f"oci:{tmp_path / 'here'}")
    (folder / "weights.dat").write_bytes(b"w" * 12)
    (folder / "old.txt").unlink()
    (folder / "new.txt").write_text("new!")
    second = Model.from_dir(folder, name="tool-wear", version="2", labels={"line": "cnc"}).push(
        f"oci:{tmp_path / 'there'}"
    )
    assert oci.diff(str(first.reference), str(second.reference)) == [
        Change("file", "new.txt", None, "4 bytes"),
        Change("file", "old.txt", "3 bytes", None),
        Change("file", "weights.dat", "10 bytes", "12 bytes"),
        Change("field", "labels.line", None, "cnc"),
        Change("field", "version", "1", "2"),
    ]
    assert oci.diff(str(first.reference), f"oci:{tmp_path / 'here'}:1") == []


def test_diff_of_others_is_by_titles_and_annotations(maker: Maker, tmp_path: Path) -> None:
    maker.manifest([maker.file("a", b"a"), maker.file("b", b"b")], "1", annotations={"x": "1"})
    maker.manifest([maker.file("a", b"a"), maker.file("b", b"c!"), maker.blob(b"?")], "2", annotations={"x": "2"})
    assert oci.diff(f"oci:{tmp_path}/from:1", f"oci:{tmp_path}/from:2") == [
        Change("file", "b", "1 bytes", "2 bytes"),
        Change("file", media.digest_of(b"?"), None, "1 bytes"),
        Change("field", "annotations.x", "1", "2"),
    ]
    shapes = maker.shapes()
    changed = oci.diff(f"oci:{tmp_path}/from:index", f"oci:{tmp_path}/from:nested")
    assert {change.what for change in changed} == {"field", "file"}
    assert oci.diff(f"oci:{tmp_path}/from:index", f"oci:{tmp_path}/from@{shapes['index'].digest}") == []


def test_every_name_of_the_package_is_there() -> None:
    for name in oci.__all__:
        assert getattr(oci, name).__doc__
    with pytest.raises(AttributeError):
        oci.none  # noqa: B018
