"""The init container that brings what an image volume would; crane says what that is."""

from __future__ import annotations

import fcntl
import io
import os
import signal
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from i4q_ai.model import Model
from i4q_ai.workload import Workload
from tests.e2e.edge.plant import DEADLINE, eventually
from tests.testbed.registry import Crane, Registry


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    made = tmp_path / "made"
    (made / "deep" / "er").mkdir(parents=True)
    (made / "main.py").write_text("print('hello')")
    (made / "weights.bin").write_bytes(os.urandom(300_000))
    (made / "deep" / "er" / "labels.txt").write_text("good\nbad\n")
    (made / "empty").touch()
    return made


def fetch(reference: str, into: Path, *options: str) -> subprocess.CompletedProcess[str]:
    program = [sys.executable, "-m", "i4q_ai.edge.fetch", reference, str(into), *options]
    return subprocess.run(program, capture_output=True, text=True, timeout=DEADLINE, check=False)


def shown(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Path → mode and content of every file."""
    files = [path for path in folder.rglob("*") if path.is_file() or path.is_symlink()]
    return {_at(path, folder): (_mode(path.name, path.lstat().st_mode), path.read_bytes()) for path in files}


def volume(reference: str, crane: Crane) -> dict[str, tuple[int, bytes]]:
    """What a node mounts: the layers of the image for its platform, one over the other."""
    found = {}
    with tarfile.open(fileobj=io.BytesIO(crane("export", "--platform", "linux/amd64", reference, "-"))) as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is not None:
                found[member.name] = (_mode(member.name, member.mode), content.read())
    return found


def _at(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder))


def _mode(name: str, mode: int) -> int:
    """Of a file; whether the document i4q.json could be run does not matter."""
    return 0o644 if name.endswith("i4q.json") else stat.S_IMODE(mode)


@pytest.mark.parametrize("kind", ["model", "workload"])
def test_the_folder_shows_what_an_image_volume_does(
    kind: str, folder: Path, registry: Registry, crane: Crane, tmp_path: Path
) -> None:
    made: Model | Workload
    if kind == "model":
        made = Model.from_dir(folder, name="wear", version="1")
    else:
        made = Workload.from_dir(folder, name="line", version="1", command=("python", "main.py"))
    reference = made.push(f"{registry.host}/{kind}s/x").reference
    assert reference
    into = tmp_path / "volume"
    into.mkdir()
    for _ in range(2):  # a container that is started again finds it done
        done = fetch(reference, into)
        assert done.returncode == 0, done.stderr
        assert shown(into) == volume(reference, crane)
        assert [path.name for path in into.iterdir()] == ["models" if kind == "model" else "app"]


def test_what_was_broken_is_fetched_anew(folder: Path, tmp_path: Path) -> None:
    reference = Model.from_dir(folder, name="wear", version="1").push(f"oci:{tmp_path / 'registry'}").reference
    assert reference
    into = tmp_path / "volume"
    assert fetch(reference, into).returncode == 0
    whole = shown(into)
    (into / "models" / "weights.bin").write_bytes(b"rotten")
    assert fetch(reference, into).returncode == 0
    assert shown(into) == whole


def test_others_can_read_it_whatever_the_umask(folder: Path, tmp_path: Path) -> None:
    reference = Model.from_dir(folder, name="wear", version="1").push(f"oci:{tmp_path / 'registry'}").reference
    assert reference
    before = os.umask(0o077)
    try:
        assert fetch(reference, tmp_path / "volume" / "tree").returncode == 0
    finally:
        os.umask(before)
    tree = tmp_path / "volume" / "tree"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tree, *tree.rglob("*")) if path.is_dir()} == {0o755}
    assert {stat.S_IMODE(path.stat().st_mode) for path in tree.rglob("*") if path.is_file()} == {0o644}


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("{host}/models/wear:1", "names no digest"),
        ("{host}/models/wear@sha256:" + "0" * 64, "404"),
        ("127.0.0.1:1/models/wear@sha256:" + "0" * 64, "refuses connections"),
        ("not a reference", "not a reference"),
    ],
)
def test_what_cannot_be_fetched_ends_with_the_reason(
    reference: str, told: str, registry: Registry, tmp_path: Path
) -> None:
    words = tmp_path / "termination-log"
    words.touch()
    done = fetch(reference.format(host=registry.host), tmp_path / "volume", "--termination-log", str(words))
    assert done.returncode == 1
    assert told in words.read_text()
    assert words.read_text() == done.stderr.strip()
    assert not (tmp_path / "volume" / "models").exists()


def test_told_to_end_it_ends_and_leaves_nothing_half_done(folder: Path, tmp_path: Path) -> None:
    reference = Model.from_dir(folder, name="wear", version="1").push(f"oci:{tmp_path / 'registry'}").reference
    assert reference
    into = tmp_path / "volume"
    into.mkdir()
    lock = into / "..arriving.lock"  # of the fetch: while somebody holds it, another one waits
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        program = [sys.executable, "-m", "i4q_ai.edge.fetch", reference, str(into)]
        waiting = subprocess.Popen(program)
        _until_open(waiting, lock)
        waiting.send_signal(signal.SIGTERM)
        assert waiting.wait(DEADLINE) == 128 + signal.SIGTERM
    lock.unlink()
    assert fetch(reference, into).returncode == 0
    assert [path.name for path in into.iterdir()] == ["models"]


def _until_open(process: subprocess.Popen[bytes], path: Path) -> None:
    files = Path(f"/proc/{process.pid}/fd")
    eventually(lambda: any(_same(one, path) for one in files.iterdir()))


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # closed meanwhile
        return False
