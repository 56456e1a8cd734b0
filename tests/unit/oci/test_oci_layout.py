"""Layout folders and fetching from them: whole or not there, whoever else writes, whenever we are killed."""

import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.errors import (
    ConflictError,
    DeadlineError,
    IntegrityError,
    InvalidError,
    NotFoundError,
    ReferenceInvalid,
    StorageError,
    UnsupportedError,
    VersionExistsError,
)
from i4q_ai.model import Model
from i4q_ai.oci import media
from i4q_ai.oci.artifact import ABOUT, build
from i4q_ai.oci.layout import Layout


@pytest.fixture
def model(tmp_path: Path) -> Model:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "weights.dat").write_bytes(os.urandom(3_000_000))
    (folder / "sub" / "a.json").write_text("[]")
    return Model.from_dir(folder, name="tool-wear", version="1")


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_push_is_a_valid_layout(model: Model, tmp_path: Path) -> None:
    pushed = model.push(f"oci:{tmp_path / 'layout'}")
    assert json.loads((tmp_path / "layout" / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    (entry,) = json.loads((tmp_path / "layout" / "index.json").read_text())["manifests"]
    assert entry["digest"] == pushed.digest
    assert entry["annotations"] == {"org.opencontainers.image.ref.name": "1"}
    for path in (tmp_path / "layout" / "blobs" / "sha256").iterdir():
        assert media.digest_of(path.read_bytes()) == f"sha256:{path.name}"


def test_default_is_below_home(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("I4Q_HOME", str(tmp_path / "home"))
    pushed = model.push()
    assert pushed.reference == f"oci:{tmp_path}/home/registry/tool-wear@{pushed.digest}"
    assert oci.resolve(f"oci:{tmp_path}/home/registry/tool-wear:1") == pushed.reference


def test_versions_are_immutable(model: Model, tmp_path: Path) -> None:
    to = f"oci:{tmp_path / 'layout'}"
    first = model.push(to)
    assert model.push(to) == first
    with pytest.raises(VersionExistsError, match="exists with other content"):
        model.replace(description="x").push(to)
    model.replace(version="2").push(to)
    assert set(Layout(tmp_path / "layout").tags()) == {"1", "2"}
    assert oci.resolve(f"{to}:1") == first.reference


def test_two_writers_at_once(model: Model, tmp_path: Path) -> None:
    versions = [str(i) for i in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda version: model.replace(version=version).push(f"oci:{tmp_path / 'layout'}"), versions))
    assert sorted(Layout(tmp_path / "layout").tags()) == versions


def test_one_of_two_with_one_version_wins(model: Model, tmp_path: Path) -> None:
    def _push(description: str) -> Model | None:
        try:
            return model.replace(description=description).push(f"oci:{tmp_path / 'layout'}")
        except VersionExistsError:
            return None

    with ThreadPoolExecutor(4) as pool:
        winners = [pushed for pushed in pool.map(_push, "abcd") if pushed]
    assert [winner.digest for winner in winners] == list(Layout(tmp_path / "layout").tags().values())


def test_push_to_a_digest_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(ReferenceInvalid, match="not to a digest"):
        model.push(f"oci:{tmp_path}@sha256:{'a' * 64}")


def test_failed_push_leaves_no_tag(model: Model, tmp_path: Path) -> None:
    (Path(str(model.source)) / "weights.dat").write_bytes(b"changed")
    with pytest.raises(ConflictError):
        model.push(f"oci:{tmp_path / 'layout'}")
    assert not (tmp_path / "layout" / "index.json").exists()


def test_fetch_describe_and_fetch_again(model: Model, tmp_path: Path) -> None:
    pushed = model.push(f"oci:{tmp_path / 'layout'}")
    assert Model.from_oci(f"oci:{tmp_path / 'layout'}:1") == pushed
    references = [str(pushed.reference)]
    assert oci.fetch(references, pushed.digest, tmp_path / "tree", timeout=60) == pushed
    before = (tmp_path / "tree" / "weights.dat").stat().st_ino
    oci.fetch(references, pushed.digest, tmp_path / "tree", timeout=60)
    assert (tmp_path / "tree" / "weights.dat").stat().st_ino == before
    for spoil in (lambda p: p.write_bytes(b"x" * 3_000_000), Path.unlink, lambda p: p.with_name("more").touch()):
        spoil(tmp_path / "tree" / "weights.dat")
        oci.fetch(references, pushed.digest, tmp_path / "tree", timeout=60)
        found = _tree(tmp_path / "tree")
        found.pop(ABOUT)
        assert found == _tree(Path(str(model.source)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["layout", "model", "tree"]


def test_cache_shares_the_layouts_files(model: Model, tmp_path: Path) -> None:
    pushed = model.push(f"oci:{tmp_path / 'layout'}")
    oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "tree", timeout=60, blobs=tmp_path / "blobs")
    largest = max((tmp_path / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    assert largest.samefile(tmp_path / "layout" / "blobs" / "sha256" / largest.name)


def test_rotten_blob_in_layout_and_in_cache(model: Model, tmp_path: Path) -> None:
    pushed = model.push(f"oci:{tmp_path / 'layout'}")
    largest = max((tmp_path / "layout" / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    good = largest.read_bytes()
    largest.write_bytes(good[:-2000] + b"x" * 2000)
    with pytest.raises(IntegrityError):
        oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "tree", timeout=60, blobs=tmp_path / "blobs")
    assert not (tmp_path / "tree").exists()
    largest.write_bytes(good)
    cached = tmp_path / "blobs" / "sha256" / largest.name
    cached.write_bytes(b"\0" * len(good))  # of the right size, so only reading it tells
    with pytest.raises(NotFoundError, match="not in the cache"):
        oci.fetch([], pushed.digest, tmp_path / "tree", timeout=60, blobs=tmp_path / "blobs")
    assert not (tmp_path / "tree").exists()
    cached.write_bytes(b"\0" * len(good))
    oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "tree", timeout=60, blobs=tmp_path / "blobs")


def test_full_disk(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own limit on the size of files stands in for a disk without room."""
    pushed = model.push(f"oci:{tmp_path / 'layout'}")
    code = (
        "import resource, signal, sys; from pathlib import Path; from i4q_ai import oci\n"
        "from i4q_ai.model import Model\n"
        "from i4q_ai.errors import StorageError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))\n"
        "what, *rest = sys.argv[1:]\n"
        "try:\n"
        "    if what == 'fetch': oci.fetch([rest[0]], rest[1], Path(rest[2]), timeout=60)\n"
        "    else: Model.from_dir(rest[0], name='tool-wear', version='1').push(rest[1])\n"
        "except StorageError as error: print(error.hint)\n"
    )
    arguments = {
        "fetch": [str(pushed.reference), pushed.digest, str(tmp_path / "tree")],
        "push": [str(model.source), f"oci:{tmp_path / 'other'}"],
    }
    for what, rest in arguments.items():
        done = subprocess.run([sys.executable, "-c", code, what, *rest], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == "make room on that disk", done.stderr
    assert not (tmp_path / "tree").exists()
    assert not (tmp_path / "other" / "index.json").exists()
    assert not list((tmp_path / "other" / "blobs" / "sha256").glob(".*"))


def test_no_room_is_told_before_anything_is_written(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed = model.push(f"oci:{tmp_path / 'layout'}")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))
    with pytest.raises(StorageError, match="10 are free"):
        oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "tree", timeout=60)


@pytest.mark.parametrize("after", [1, 3, 5, 8, 12, 16, 20, 25, 30, 40])
def test_killed_at_any_system_call(model: Model, tmp_path: Path, after: int) -> None:
    """A process that dies at its n-th change to the disk leaves nothing unverified; the next call completes."""
    pushed = model.push(f"oci:{tmp_path / 'layout'}")
    code = (
        "import os, sys; from pathlib import Path; from i4q_ai import oci\n"
        "left = int(sys.argv[4]); root = sys.argv[5]\n"
        "events = {'open', 'os.rename', 'os.mkdir', 'os.truncate', 'os.remove', 'os.link', 'os.rmdir'}\n"
        "def hook(event, arguments):\n"
        "    global left\n"
        "    if event in events and (event != 'open' or arguments[2] & (os.O_WRONLY | os.O_RDWR)):\n"
        "        left -= 1\n"
        "        if left == 0: os.kill(os.getpid(), 9)\n"
        "from i4q_ai.oci import fetching\n"
        "sys.addaudithook(hook)\n"
        "oci.fetch([sys.argv[1]], sys.argv[2], Path(sys.argv[3]), timeout=60, blobs=Path(root))\n"
    )
    arguments = [str(pushed.reference), pushed.digest, str(tmp_path / "tree"), str(after), str(tmp_path / "blobs")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    for blob in (tmp_path / "blobs").glob("sha256/[0-9a-f]*"):
        assert media.digest_of(blob.read_bytes()) == f"sha256:{blob.name}"
    whole = {ABOUT, "weights.dat", "sub/a.json"}
    assert not (tmp_path / "tree").exists() or set(_tree(tmp_path / "tree")) == whole
    oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "tree", timeout=60, blobs=tmp_path / "blobs")
    assert set(_tree(tmp_path / "tree")) == whole
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blobs", "layout", "model", "tree"]


def test_not_there_and_not_ours(model: Model, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no tag '1'"):
        oci.resolve(f"oci:{tmp_path / 'nothing'}:1")
    with pytest.raises(ReferenceInvalid):
        oci.fetch([], "sha256:../../x", tmp_path / "tree", timeout=1)
    with pytest.raises(InvalidError, match="timeout"):
        oci.fetch([], f"sha256:{'a' * 64}", tmp_path / "tree", timeout=0)
    foreign = media.canonical({"schemaVersion": 2, "manifests": []})
    blobs = tmp_path / "layout" / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    (blobs / media.digest_of(foreign)[7:]).write_bytes(foreign)
    with pytest.raises(UnsupportedError, match="it lists nothing"):
        oci.fetch([f"oci:{tmp_path / 'layout'}"], media.digest_of(foreign), tmp_path / "tree", timeout=60)
    (tmp_path / "layout" / "index.json").write_text("{")
    with pytest.raises(IntegrityError, match="no index"):
        oci.resolve(f"oci:{tmp_path / 'layout'}:1")


def test_deadline(model: Model, tmp_path: Path) -> None:
    with pytest.raises(DeadlineError, match="took longer"):
        model.push(f"oci:{tmp_path / 'layout'}", timeout=1e-9)


def test_layer_holds_what_was_packed(model: Model) -> None:
    artifact = build(model, Deadline.after(60, "building"))
    with tarfile.open(fileobj=io.BytesIO(b"".join(artifact.blobs[1].chunks()))) as tar:
        assert tar.getnames() == ["models", "models/weights.dat"]
