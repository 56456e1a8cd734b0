"""Code written for oras' layouts, folders and tags works with our Registry."""

from __future__ import annotations

import json
import os
from pathlib import Path

import oras.provider
import pytest
from oras.container import Container
from oras.layout import Layout, NewLayout, NewLayoutFromRegistry
from oras.oci import Subject

from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError, IntegrityError, InvalidError, NotFoundError, UnsupportedError
from i4q_ai.oci import contents, media, opening
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.registry import Registry
from i4q_ai.oci.transfers.copying import copy
from tests.testbed.registry import Registry as RegistryProcess
from tests.unit.oci.made_artifacts import Maker


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "from")


def _folder(root: Path) -> Path:
    folder = root / "recipes"
    (folder / "sub" / "deeper").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "sub" / "deeper" / "b.bin").write_bytes(os.urandom(70_000))
    return folder


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_folders_there_and_back_by_either(registry: RegistryProcess, tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    ours, theirs = Registry(insecure=True), oras.provider.Registry(insecure=True)
    for number, (push, pull) in enumerate(((ours, ours), (ours, theirs), (theirs, ours))):
        target, out = f"{registry.host}/raw/folder:{number}", tmp_path / f"out{number}"
        push.push(target, files=[str(folder)], disable_path_validation=True)
        assert pull.pull(target, outdir=str(out)) == [str(out / "recipes")]
        assert _tree(out / "recipes") == _tree(folder)
        assert [path.name for path in out.iterdir()] == ["recipes"]


def test_folder_over_one_that_is_there(registry: RegistryProcess, tmp_path: Path) -> None:
    folder, out = _folder(tmp_path), tmp_path / "out"
    target = f"{registry.host}/raw/folder:1"
    Registry().push(target, files=[str(folder)], disable_path_validation=True)
    (out / "recipes").mkdir(parents=True)
    (out / "recipes" / "a.txt").write_text("old")
    (out / "recipes" / "mine").write_text("mine")
    Registry().pull(target, outdir=str(out), overwrite=False)
    assert (out / "recipes" / "a.txt").read_text() == "old"
    Registry().pull(target, outdir=str(out))
    assert _tree(out / "recipes") == {**_tree(folder), "mine": b"mine"}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    other = tmp_path / "other"
    (other / "recipes").mkdir(parents=True)
    (other / "recipes" / "sub").symlink_to(elsewhere)
    with pytest.raises(InvalidError, match="is a link"):
        Registry().pull(target, outdir=str(other))
    assert not list(elsewhere.iterdir())


def test_folder_that_misbehaves(registry: RegistryProcess, tmp_path: Path) -> None:
    folder = _folder(tmp_path)
    (folder / "link").symlink_to("/etc/hostname")
    target = f"{registry.host}/raw/folder:1"
    oras.provider.Registry(insecure=True).push(target, files=[str(folder)], disable_path_validation=True)
    with pytest.raises(IntegrityError, match="neither a file nor a folder"):
        Registry().pull(target, outdir=str(tmp_path / "out"))
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("shape", ["plain", "index", "nested"])
def test_layout_of_oras_there_and_back(shape: str, registry: RegistryProcess, maker: Maker, tmp_path: Path) -> None:
    maker.shapes()
    provider, target = Registry(insecure=True), f"{registry.host}/raw/{shape}:1"
    layout = NewLayout(str(tmp_path / "from"))
    assert layout.push_to_registry(provider, target, tag=shape).status_code == 201
    fetched = NewLayoutFromRegistry(str(tmp_path / "to"), provider, target, tag="2")
    assert Layout.is_oci_layout(str(tmp_path / "to"))
    assert fetched.get_ordered_blobs("2") == layout.get_ordered_blobs(shape)
    for digest in fetched.get_ordered_blobs("2"):
        raw = fetched.digest_to_blob_path(digest).read_bytes()
        assert raw == layout.digest_to_blob_path(digest).read_bytes()
    manifest = provider.get_manifest(target)
    assert contents.is_index(manifest) is (shape != "plain")


def test_layer_that_is_a_json_array(registry: RegistryProcess, maker: Maker, tmp_path: Path) -> None:
    """oras' own push of a layout takes it for a manifest; a copy takes no layer for anything."""
    digest = maker.manifest([maker.file("vocab.json", b'["a", "b"]')], "1").digest
    assert copy(f"oci:{tmp_path}/from:1", f"{registry.host}/raw/vocab").digest == digest
    (path,) = Registry().pull(f"{registry.host}/raw/vocab:1", outdir=str(tmp_path / "out"))
    assert json.loads(Path(path).read_bytes()) == ["a", "b"]


def test_layouts_that_are_none(registry: RegistryProcess, maker: Maker, tmp_path: Path) -> None:
    maker.shapes()
    provider = Registry(insecure=True)
    with pytest.raises(ValueError, match="not found in index"):
        NewLayout(str(tmp_path / "from")).push_to_registry(provider, f"{registry.host}/raw/x:1", tag="none")
    with pytest.raises((I4qError, ValueError)):
        NewLayoutFromRegistry(str(tmp_path / "to"), provider, f"{registry.host}/raw/none:1")


def test_tags_by_page_and_deleted(registry: RegistryProcess, maker: Maker, tmp_path: Path) -> None:
    tags = [f"v{number:03}" for number in range(130)]
    one = maker.manifest([maker.file("a", b"a")], "1")
    repository = opening.source(Reference.parse(f"{registry.host}/raw/tags"))
    copy(f"oci:{tmp_path}/from:1", f"{registry.host}/raw/tags:{tags[0]}")
    raw = maker.layout.manifest(one.digest, maker.deadline)
    for tag in tags[1:]:
        repository.put_manifest(tag, one, raw, Deadline.after(60))
    provider, name = Registry(insecure=True), f"{registry.host}/raw/tags"
    assert provider.get_tags(name) == tags
    assert provider.get_tags(name, N=7) == tags[:7]
    assert provider.delete_tag(name, tags[0]) is True
    assert provider.delete_tag(name, tags[0]) is False
    with pytest.raises(NotFoundError):
        provider.get_manifest(f"{name}:{tags[0]}")


def test_index_gives_what_is_for_this_machine(registry: RegistryProcess, maker: Maker, tmp_path: Path) -> None:
    here = {"os": "linux", "architecture": contents.architecture()}
    mine, other = (maker.manifest([maker.file("a", data)]).dump() for data in (b"mine", b"other"))
    maker.index([{**other, "platform": {"os": "plan9", "architecture": "mips"}}, {**mine, "platform": here}], "both")
    maker.index([{**other, "platform": {"os": "plan9", "architecture": "mips"}}], "odd")
    for tag in ("both", "odd"):
        copy(f"oci:{tmp_path}/from:{tag}", f"{registry.host}/raw/x")
    (path,) = Registry().pull(f"{registry.host}/raw/x:both", outdir=str(tmp_path / "out"))
    assert Path(path).read_bytes() == b"mine"
    with pytest.raises(UnsupportedError, match="it lists plan9/mips"):
        Registry().pull(f"{registry.host}/raw/x:odd", outdir=str(tmp_path / "out"))


def test_annotations_config_and_subject(registry: RegistryProcess, tmp_path: Path) -> None:
    file, config, about = tmp_path / "a.txt", tmp_path / "config.json", tmp_path / "annotations.json"
    file.write_text("a")
    config.write_text('{"x": 1}')
    about.write_text(json.dumps({"$manifest": {"m": "1"}, "$config": {"c": "2"}, str(file): {"l": "3"}}))
    target = f"{registry.host}/raw/about:1"
    subject = Subject(mediaType=media.MANIFEST, digest=f"sha256:{'7' * 64}", size=7)
    Registry().push(
        target,
        files=[f"{file}:text/x-test"],
        annotation_file=str(about),
        manifest_annotations={"n": "4"},
        manifest_config=f"{config}:application/vnd.test.config",
        subject=subject,  # type: ignore[arg-type]  # as oras wants it, whatever its signature says
        disable_path_validation=True,
    )
    manifest = Registry().get_manifest(target)
    assert manifest["annotations"] == {"m": "1", "n": "4"}
    assert manifest["config"]["mediaType"] == "application/vnd.test.config"
    assert manifest["config"]["annotations"] == {"c": "2"}
    assert manifest["layers"][0]["mediaType"] == "text/x-test"
    assert manifest["layers"][0]["annotations"] == {"l": "3", media.TITLE: "a.txt"}
    assert manifest["subject"]["digest"] == subject.digest


def test_sha512_and_empty_blobs(registry: RegistryProcess, tmp_path: Path) -> None:
    provider, container = Registry(), Container(f"{registry.host}/raw/blobs:1")
    for number, data in enumerate((b"", b"long digest")):
        file = tmp_path / str(number)
        file.write_bytes(data)
        for algorithm in ("sha256", "sha512"):
            layer = {"digest": media.digest_of(data, algorithm), "size": len(data)}
            assert provider.upload_blob(str(file), container, layer).status_code in (200, 201)
            assert provider.blob_exists(layer, container)
            out = tmp_path / f"{number}.{algorithm}"
            provider.download_blob(container, str(layer["digest"]), str(out))
            assert out.read_bytes() == data
