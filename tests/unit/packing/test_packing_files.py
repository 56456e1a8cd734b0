"""Folders and files to models: what is taken, what is refused."""

import hashlib
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from i4q_ai.errors import FormatError, InvalidError, SchemaError
from i4q_ai.model import File, Model
from i4q_ai.packing.paths import clashes
from i4q_ai.workload import Workload


def _pack(folder: Path, **about: object) -> Model:
    return Model.from_dir(folder, name="m", version="1", **about)  # type: ignore[arg-type]


def test_all_but_hidden_files_sorted(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.txt").write_text("x")
    (tmp_path / "a.txt").write_text("")
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("secret")
    (tmp_path / ".env").write_text("secret")
    model = _pack(tmp_path, labels={"line": "cnc"})
    assert model.files == (
        File(path="a.txt", size=0, sha256=hashlib.sha256(b"").hexdigest()),
        File(path="b/x.txt", size=1, sha256=hashlib.sha256(b"x").hexdigest()),
    )
    assert (model.source, model.format) == (str(tmp_path), "files")


def test_nothing_to_pack(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="there is no folder"):
        _pack(tmp_path / "none")
    (tmp_path / ".hidden").touch()
    with pytest.raises(InvalidError, match="holds no files"):
        _pack(tmp_path)
    with pytest.raises(InvalidError, match="has no files"):
        Model.from_files([], name="m", version="1")
    with pytest.raises(InvalidError, match="there is no file"):
        Model.from_files([tmp_path / "none"], name="m", version="1")


def test_links(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("a")
    (folder / "inside").symlink_to("a")
    assert [file.path for file in _pack(folder).files] == ["a", "inside"]
    (tmp_path / "secret").write_text("s")
    (folder / "out").symlink_to("../secret")
    with pytest.raises(InvalidError, match="links out of"):
        _pack(folder)
    (folder / "out").unlink()
    (folder / "folder").symlink_to("sub")
    with pytest.raises(InvalidError, match="links to a folder"):
        _pack(folder)
    (folder / "folder").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(InvalidError, match="no regular file"):
        _pack(folder)


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (["A.txt", "a.txt"], "differ only in case"),
        (["d/x", "D/y"], "differ only in case"),
        (["i4q.json"], "may not be called"),
        (["I4Q.JSON"], "may not be called"),
    ],
)
def test_names_that_clash(tmp_path: Path, paths: list[str], told: str) -> None:
    for path in paths:
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text("x")
    with pytest.raises(InvalidError, match=told):
        _pack(tmp_path)


def test_clashes_of_files_and_folders() -> None:
    assert clashes(["a", "a/b"]) == ["'a' is a file and a folder"]
    assert clashes(["a", "a"]) == ["'a' stands twice"]
    assert clashes(["a/i4q.json", "b"]) == []


def test_bad_name_and_unknown_field(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(SchemaError, match="no name"):
        Model.from_dir(tmp_path, name="Tool Wear", version="1")
    with pytest.raises(SchemaError, match="did you mean 'labels'"):
        _pack(tmp_path, lables={})


def test_single_files_keep_their_folder_or_are_staged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    one, two = tmp_path / "one" / "a.txt", tmp_path / "two" / "b.txt"
    for place in (one, two):
        place.parent.mkdir()
        place.write_text(place.name)
    assert Model.from_files([one], name="m", version="1").source == str(one.parent)
    model = Model.from_files({"x/first": one, "second": str(two)}, name="m", version="1")
    assert [file.path for file in model.files] == ["second", "x/first"]
    source = Path(str(model.source))
    assert source.parent == tmp_path / "cache" / "packed"
    assert (source / "x" / "first").read_text() == "a.txt"
    assert Model.from_files({"second": two, "x/first": one}, name="m", version="1") == model
    with pytest.raises(InvalidError, match="stands twice"):
        Model.from_files([one, one], name="m", version="1")
    with pytest.raises(InvalidError, match="not one path"):
        Model.from_files(str(one), name="m", version="1")


def _torch_like(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", b"x")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("model.pkl", lambda path: path.write_bytes(pickle.dumps([1]))),
        ("model.joblib", lambda path: path.write_bytes(b"x")),
        ("model.pt", lambda path: path.write_bytes(b"x")),
        ("weights.bin", _torch_like),
        ("innocent.dat", lambda path: path.write_bytes(pickle.dumps([1]))),
        ("old.dat", lambda path: path.write_bytes(pickle.dumps([1], protocol=2))),
    ],
)
def test_pickle_is_refused(tmp_path: Path, name: str, write: Callable[[Path], object]) -> None:
    write(tmp_path / name)
    with pytest.raises(FormatError, match="is a pickle") as refused:
        _pack(tmp_path)
    assert refused.value.hint == "pickle runs code on load; export to ONNX"
    with pytest.raises(FormatError, match="not packed"):
        _pack(tmp_path, format="pickle")


def _safetensors(data: int = 4) -> bytes:
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(data)


@pytest.mark.parametrize(
    ("name", "good", "format"),
    [
        ("m.safetensors", _safetensors(), "safetensors"),
        ("m.gguf", b"GGUF" + struct.pack("<I", 3), "gguf"),
        ("m.bin", bytes(10), "files"),
    ],
)
def test_format_is_guessed(tmp_path: Path, name: str, good: bytes, format: str) -> None:
    (tmp_path / name).write_bytes(good)
    (tmp_path / "README.md").write_text("about")
    assert _pack(tmp_path).format == format


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("m.safetensors", b""),
        ("m.safetensors", struct.pack("<Q", 2**60) + b"{}"),
        ("m.safetensors", _safetensors(3)),
        ("m.safetensors", struct.pack("<Q", 2) + b"[]"),
        ("m.gguf", b"GGML0000"),
        ("m.gguf", b"GGUF"),
        ("m.onnx", b""),
        ("m.onnx", b"not ONNX at all, just text"),
        ("m.onnx", bytes(100)),
        ("m.onnx", b"\x08\x09"),
    ],
)
def test_file_that_is_not_what_it_says(tmp_path: Path, name: str, bad: bytes) -> None:
    (tmp_path / name).write_bytes(bad)
    with pytest.raises(FormatError, match="is not"):
        _pack(tmp_path)


def test_format_without_such_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(FormatError, match=r"has no \.onnx file"):
        _pack(tmp_path, format="onnx")


def test_workload(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print()")
    workload = Workload.from_dir(tmp_path, name="w", version="1", command=["python", "main.py"], uses={"m": "url"})
    assert workload.command == ("python", "main.py")
    assert [file.path for file in workload.files] == ["main.py"]
    with pytest.raises(InvalidError, match="list of words"):
        Workload.from_dir(tmp_path, name="w", version="1", command="python main.py")  # type: ignore[arg-type]


def test_a_format_that_does_not_exist_is_refused_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "weights.dat").write_bytes(b"1")
    with pytest.raises(FormatError, match="there is no format 'onx'") as caught:
        _pack(tmp_path, format="onx")
    assert caught.value.hint == "did you mean 'onnx'?"
