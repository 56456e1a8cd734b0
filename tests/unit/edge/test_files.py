"""The small parts that touch files: trees and links, documents, logs, blobs, memory."""

from __future__ import annotations

import errno
import hashlib
import json
from pathlib import Path

import pytest

from i4q_ai.desired import Desired, ModelItem, WorkloadItem
from i4q_ai.edge import cleaning, documents, environment, memory, tails, trees
from i4q_ai.edge.jobs import end_trouble, fetch_trouble
from i4q_ai.edge.paths import Paths, socket_path, tree_name
from i4q_ai.edge.state import ItemState
from i4q_ai.errors import (
    AuthError,
    I4qError,
    IntegrityError,
    NoSpaceError,
    NotFoundError,
    RegistryError,
    StorageError,
    UnreachableError,
)

ONE, TWO, THREE = "1" * 16, "2" * 16, "3" * 16
MODEL = ModelItem(
    namespace="i4q", name="wear", model="wear", version="1", digest="sha256:" + "1" * 64, references=("oci:/x",)
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for name in (ONE, TWO, THREE, ".half-done", "notes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path


def test_only_whole_trees_are_present(home: Path) -> None:
    assert trees.present(home) == {ONE, TWO, THREE}
    assert trees.present(home / "nowhere") == frozenset()


def test_links_are_switched(home: Path) -> None:
    assert trees.linked(home) is None
    trees.switch(home, ONE)
    trees.switch(home, TWO, previous=ONE)
    assert trees.linked(home) == TWO
    assert (home / "previous" / "file").read_text() == ONE


def test_a_link_to_what_is_gone_names_nothing(home: Path) -> None:
    trees.switch(home, ONE)
    trees.prune(home, [ONE])
    assert trees.linked(home) is None


def test_pruning_takes_a_dangling_previous_along(home: Path) -> None:
    trees.switch(home, TWO, previous=ONE)
    trees.prune(home, [ONE, THREE])
    assert trees.present(home) == {TWO}
    assert not (home / "previous").is_symlink()


def test_what_was_left_half_done_is_swept(home: Path) -> None:
    trees.tidy(home)
    assert not (home / ".half-done").exists()
    assert (home / "notes").exists()


def test_a_document_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    documents.write(path, "old")
    before = documents.stamp(path)
    documents.write(path, "new", durable=True)
    assert path.read_text() == "new"
    assert documents.stamp(path) != before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(StorageError, match="cannot write"):
        documents.write(tmp_path / "nowhere" / "x", "")
    assert documents.stamp(tmp_path / "nowhere") is None


def test_a_log_is_bounded_and_goes_on_in_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tails, "LARGEST", 100)
    path = tmp_path / "i4q.wear.log"
    with path.open("ab", buffering=0) as child:
        child.write(b"x" * 150 + b"\nlast words\n\n")
        assert tails.last_line(path) == "last words"
        tails.bound_all(tmp_path)
        child.write(b"go on\n")
    assert path.read_text() == "go on\n"
    assert (tmp_path / "i4q.wear.log.1").read_text().endswith("last words\n\n")
    tails.remove(path)
    assert list(tmp_path.iterdir()) == []
    assert tails.last_line(path) == ""


def blob(folder: Path, content: bytes) -> str:
    name = hashlib.sha256(content).hexdigest()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return f"sha256:{name}"


def test_only_bytes_that_a_kept_version_consists_of_stay(tmp_path: Path) -> None:
    folder = tmp_path / "sha256"
    kind = "application/vnd.oci.image"
    shared, old, new = blob(folder, b"shared"), blob(folder, b"old"), blob(folder, b"new")
    indexes = []
    for layer in (old, new):
        layers = [{"digest": shared}, {"digest": layer}]
        manifest = {"mediaType": f"{kind}.manifest.v1+json", "config": {"digest": shared}, "layers": layers}
        inner = blob(folder, json.dumps(manifest).encode())
        index = {"mediaType": f"{kind}.index.v1+json", "manifests": [{"digest": inner}]}
        indexes.append(blob(folder, json.dumps(index).encode()))
    assert cleaning.clean(tmp_path, indexes) == 0
    assert cleaning.clean(tmp_path, indexes[1:]) == 3
    left = {f"sha256:{path.name}" for path in folder.iterdir()}
    assert {shared, new, indexes[1]} < left
    assert not {old, indexes[0]} & left
    assert cleaning.clean(tmp_path, []) == 4


def test_memory_survives_and_rubbish_is_forgotten(tmp_path: Path) -> None:
    desired = Desired(cluster="edge-1", revision=3, models=(MODEL,))
    local = {("i4q", "wear"): ItemState(kind="model", port=20001).accept(MODEL, 3)}
    path = tmp_path / "state.json"
    assert memory.read(path) == (None, {})
    path.write_text(memory.dump(desired, local))
    assert memory.read(path) == (desired, local)
    for rubbish in ("{", "[]", '{"desired": null, "items": {"a": {}}}', '{"desired": {"no": 1}, "items": {}}'):
        path.write_text(rubbish)
        assert memory.read(path) == (None, {})


def test_what_is_on_disk_is_found(tmp_path: Path) -> None:
    paths = Paths(tmp_path)
    home = paths.home("model", "i4q", "wear")
    (home / tree_name(MODEL.digest)).mkdir(parents=True)
    trees.switch(home, tree_name(MODEL.digest))
    assert memory.found(paths) == {("i4q", "wear"): "model"}
    state = memory.on_disk(ItemState(kind="model"), home, [MODEL])
    assert state.current == MODEL
    assert state.has(MODEL)
    assert memory.on_disk(ItemState(kind="model"), home, []).current is None


def test_the_socket_has_a_short_path_however_deep_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    deep = tmp_path.joinpath(*["deep"] * 40)
    assert len(str(socket_path(deep))) < 100
    assert socket_path(deep) != socket_path(tmp_path)


def test_a_workload_is_told_where_its_models_are_and_little_else(tmp_path: Path) -> None:
    item = WorkloadItem(
        namespace="i4q", name="line", workload="line", version="1", digest=MODEL.digest, command=("python", "x.py"),
        uses={"tool-wear": "url", "shapes": "path"}, env={"LINE": "7"},
    )  # fmt: skip
    agent = {"PATH": "/bin", "SECRET_TOKEN": "x", "I4Q_EDGE_CRASH_AT": "after-link"}
    told = environment.workload_variables(
        item, agent, Paths(tmp_path), {"tool-wear": 20001, "other": 1}, port=20002, token="t"
    )
    assert told["MODEL_TOOL_WEAR_URL"] == "http://127.0.0.1:20001/v2/models/tool-wear"
    assert told["MODEL_SHAPES_PATH"] == str(tmp_path / "models" / "i4q" / "shapes")
    assert (told["PORT"], told["LINE"], told["PATH"]) == ("20002", "7", "/bin")
    assert not {"SECRET_TOKEN", "I4Q_EDGE_CRASH_AT"} & set(told)


def full(error: type[Exception] = StorageError) -> Exception:
    cause = OSError(errno.ENOSPC, "No space left on device")
    if error is OSError:
        return cause
    told = StorageError("cannot write")
    told.__cause__ = cause
    return told


@pytest.mark.parametrize(
    ("error", "reason", "definite"),
    [
        (full(), "NoSpace", True),
        (full(OSError), "NoSpace", True),
        (NoSpaceError("needs 5 bytes, 4 are free"), "NoSpace", True),
        (StorageError("no right"), "StorageError", True),
        (IntegrityError("lies"), "IntegrityError", True),
        (NotFoundError("404"), "NotFound", True),
        (AuthError("403"), "NotAllowed", True),
        (UnreachableError("away"), "RegistryUnreachable", False),
        (RegistryError("500"), "RegistryUnreachable", False),
    ],
)
def test_troubles_of_fetching_have_names(error: I4qError, reason: str, definite: bool) -> None:
    trouble = fetch_trouble(error)
    assert (trouble.reason, trouble.definite) == (reason, definite)


def test_the_end_of_a_process_is_explained() -> None:
    assert end_trouble(MODEL, 98, "taken").reason == "PortInUse"
    assert "signal 9" in end_trouble(MODEL, -9, "").message
    assert end_trouble(MODEL, 1, "no such file").message.endswith("code 1; it said: no such file")
    assert "nobody saw" in end_trouble(MODEL, None, "").message
