"""Cleaning a cache: what is kept, used or just begun stays; what nobody needs goes."""

from __future__ import annotations

import fcntl
import json
import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from i4q_ai.cli.program import program, run
from i4q_ai.errors import ConflictError
from i4q_ai.oci import media
from i4q_ai.oci.downloads import pruning


def _put(folder: Path, raw: bytes) -> str:
    digest = media.digest_of(raw)
    path = folder / "sha256" / digest[7:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return digest


def _artifact(folder: Path, name: str, *, large: bool = False) -> tuple[str, list[str]]:
    """The digest of an index, and names of the files that it consists of."""
    layer = _put(folder, f"layer of {name}".encode())
    if large:
        (folder / "files").mkdir(exist_ok=True)
        (folder / "sha256" / layer[7:]).rename(folder / "files" / layer[7:])
    manifest = _put(folder, json.dumps({"mediaType": media.MANIFEST, "layers": [{"digest": layer}]}).encode())
    listed = [{"digest": manifest}, "odd", {"digest": 5}]
    index = _put(folder, json.dumps({"mediaType": media.INDEX, "manifests": listed}).encode())
    return index, sorted(digest[7:] for digest in (layer, manifest, index))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


def test_what_is_kept_stays(tmp_path: Path) -> None:
    old, _ = _artifact(tmp_path, "old")
    new, parts = _artifact(tmp_path, "new", large=True)
    (tmp_path / "signatures" / old[7:]).mkdir(parents=True)
    (tmp_path / "signatures" / new[7:]).mkdir()
    dry = pruning.prune(tmp_path, [new], dry=True)
    assert (dry.files, dry.kept) == (3, 3)
    assert len(_names(tmp_path)) == 6
    assert pruning.prune(tmp_path, [new]) == dry
    assert _names(tmp_path) == parts
    assert [path.name for path in (tmp_path / "signatures").iterdir()] == [new[7:]]
    assert pruning.prune(tmp_path / "nothing", [new]) == pruning.Pruned()


def test_what_was_used_lately_stays(tmp_path: Path) -> None:
    old, _ = _artifact(tmp_path, "old")
    _, parts = _artifact(tmp_path, "new")
    for path in (tmp_path / "sha256").iterdir():
        if path.name not in parts:
            os.utime(path, (0, 0))
    assert pruning.prune(tmp_path, used_within=3600).files == 3
    assert _names(tmp_path) == parts
    assert old[7:] not in parts


def test_begun_and_stray(tmp_path: Path) -> None:
    index, parts = _artifact(tmp_path, "one")
    week = time.time() - 8 * 86_400
    ingest = tmp_path / "ingest"
    ingest.mkdir()
    for name, age in (("a" * 64, week), ("b" * 64, None), (f"{parts[0]}.file", week), (f"{'c' * 64}.file", week)):
        (ingest / name).touch()
        if age:
            os.utime(ingest / name, (age, age))
    (tmp_path / "sha256" / f".{parts[0]}.{'0' * 32}").touch()
    (tmp_path / "sha256" / f".{parts[0]}").touch()
    assert pruning.prune(tmp_path, [index]).files == 4
    assert _names(tmp_path) == sorted([*parts, "b" * 64, f"{parts[0]}.file"])


def test_not_while_somebody_fetches(tmp_path: Path) -> None:
    _artifact(tmp_path, "one")
    with (tmp_path / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        with pytest.raises(ConflictError, match="being fetched"):
            pruning.prune(tmp_path, timeout=0.05)
    assert len(_names(tmp_path)) == 3


def test_command(tmp_path: Path) -> None:
    index, parts = _artifact(tmp_path, "one")
    _artifact(tmp_path, "two")
    arguments = ["-o", "json", "cache", "gc", str(tmp_path), "--keep", index, "--unused-for", "0"]
    told = json.loads(CliRunner().invoke(program, [*arguments, "--dry-run"]).output)
    assert (told["files"], told["kept"]) == (3, 3)
    assert len(_names(tmp_path)) == 6
    assert json.loads(CliRunner().invoke(program, arguments).output)["files"] == 3
    assert _names(tmp_path) == parts


@pytest.mark.parametrize("arguments", [["--keep", "latest"], ["{tmp}"]])
def test_bad_input_touches_nothing(tmp_path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").touch()
    given = [one.replace("{tmp}", str(tmp_path)) for one in arguments]
    assert run(["cache", "gc", *given]) != 0
    assert "is no" in capsys.readouterr().err
    assert (tmp_path / "mine").exists()
