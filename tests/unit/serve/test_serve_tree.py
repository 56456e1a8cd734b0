"""Models on disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from i4q_ai.errors import FormatError, InvalidError, NotFoundError, UnsupportedError
from i4q_ai.model import Model, Tensor
from i4q_ai.serve.loaders import loader, the_file
from i4q_ai.serve.tree import Shelf, read, shelves, version_order
from i4q_ai.thing import API_VERSION


def tree(folder: Path, version: str = "1", **about: object) -> Path:
    folder.mkdir(parents=True)
    model = Model(name="wear", version=version, format="onnx")
    (folder / "i4q.json").write_text(json.dumps({"apiVersion": API_VERSION, "kind": "Model", **model.dump(), **about}))
    return folder


def test_a_tree_is_one_model_by_its_own_name(tmp_path: Path) -> None:
    folder = tree(tmp_path / "sha256-abc")
    assert shelves(folder) == {"wear": Shelf("wear", folder, single=True)}
    assert shelves(folder, "other")["other"].pick() == folder


def test_a_folder_with_an_onnx_file_is_one_model_by_the_folders_name(tmp_path: Path) -> None:
    folder = tmp_path / "wear"
    folder.mkdir()
    (folder / "a.onnx").touch()
    shelf = shelves(folder)["wear"]
    found = read(shelf, shelf.pick())
    assert (found.version, found.format, found.claimed) == ("1", "onnx", None)


def test_a_repository_has_a_folder_for_each_model(tmp_path: Path) -> None:
    tree(tmp_path / "wear" / "a", "9")
    tree(tmp_path / "wear" / "b", "10")
    tree(tmp_path / "chatter" / "a")
    tree(tmp_path / ".hidden" / "a")
    (tmp_path / "notes").mkdir()
    found = shelves(tmp_path)
    assert sorted(found) == ["chatter", "wear"]
    assert found["wear"].pick().name == "b"
    (tmp_path / "wear" / "current").symlink_to("a")
    assert found["wear"].pick().name == "a"
    assert found["wear"].pick("b").name == "b"
    assert [path.name for path in found["wear"].trees()] == ["a", "b"]
    assert list(shelves(tmp_path / "wear")) == ["wear"]
    with pytest.raises(InvalidError, match="holds 2 models"):
        shelves(tmp_path, "one")


@pytest.mark.parametrize("name", ["", ".", "..", "../a", "a/b", ".hidden", "a\0", "a\\b"])
def test_a_tree_is_named_by_a_plain_name(tmp_path: Path, name: str) -> None:
    tree(tmp_path / "wear" / "a")
    with pytest.raises(InvalidError, match="is no name"):
        shelves(tmp_path)["wear"].pick(name)


def test_a_missing_tree_suggests_the_nearest(tmp_path: Path) -> None:
    tree(tmp_path / "wear" / "version-1")
    with pytest.raises(NotFoundError, match="did you mean 'version-1'"):
        shelves(tmp_path)["wear"].pick("version-2")


def test_a_current_that_leads_nowhere_is_said(tmp_path: Path) -> None:
    tree(tmp_path / "wear" / "a")
    (tmp_path / "wear" / "current").symlink_to("gone")
    with pytest.raises(NotFoundError, match="'current' of model wear names gone"):
        shelves(tmp_path)["wear"].pick()


def test_what_is_not_there_or_empty(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no folder"):
        shelves(tmp_path / "nowhere")
    with pytest.raises(InvalidError, match="there is no model in"):
        shelves(tmp_path)


def test_a_description_written_by_model_is_understood(tmp_path: Path) -> None:
    tensors = (Tensor(name="X", datatype="FP32", shape=(-1, 8)),)
    model = Model(name="wear", version="1.2", format="onnx", inputs=tensors, outputs=tensors)
    description = {"apiVersion": API_VERSION, "kind": "Model", **model.dump()}
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "i4q.json").write_text(json.dumps(description))
    found = read(Shelf("wear", folder, single=True), folder)
    assert found.version == "1.2"
    assert found.claimed is not None
    assert found.claimed.inputs["X"].shape == (-1, 8)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"kind": "Model"}', '{"kind": "Model", "version": "1", "inputs": [{"name": "X"}]}']
)
def test_a_broken_description_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "i4q.json").write_text(text)
    with pytest.raises(FormatError, match=r"i4q\.json"):
        read(Shelf("wear", tmp_path, single=True), tmp_path)


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    folder = tree(tmp_path / "t")
    shelf = Shelf("wear", folder, single=True)
    before = read(shelf, folder).fingerprint
    assert read(shelf, folder).fingerprint == before
    (folder / "model.onnx").write_bytes(b"other")
    assert read(shelf, folder).fingerprint != before


def test_versions_are_ordered_as_people_count() -> None:
    shuffled = ["10", "1.10", "2026.1", "9", "1", "2", "1.2"]
    assert sorted(shuffled, key=version_order) == ["1", "1.2", "1.10", "2", "9", "10", "2026.1"]


@pytest.mark.parametrize("format", ["pickle", "joblib", "cloudpickle"])
def test_what_runs_code_while_it_is_read_is_not_loaded(format: str) -> None:
    with pytest.raises(UnsupportedError, match="runs code"):
        loader(format)


def test_an_unknown_format_suggests_the_nearest() -> None:
    with pytest.raises(UnsupportedError, match="did you mean 'onnx'"):
        loader("onyx")


def test_the_one_file_of_a_model(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"no file \*\.onnx"):
        the_file(tmp_path, ".onnx")
    (tmp_path / "a.onnx").touch()
    assert the_file(tmp_path, ".onnx").name == "a.onnx"
    (tmp_path / "b.onnx").touch()
    with pytest.raises(FormatError, match="2 files"):
        the_file(tmp_path, ".onnx")
    (tmp_path / "model.onnx").touch()
    assert the_file(tmp_path, ".onnx").name == "model.onnx"
