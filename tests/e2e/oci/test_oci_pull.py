"""Pulls that are cut, killed, cramped, and many at once: nothing unverified is seen, and nothing travels twice."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, I4qError, IntegrityError, InvalidError, NotFoundError, StorageError
from i4q_ai.model import Model
from i4q_ai.oci import media
from i4q_ai.oci.artifact import ABOUT
from i4q_ai.oci.downloads import cache, pruning
from i4q_ai.oci.downloads.ingesting import Means
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.remote import Remote
from i4q_ai.progress import Silent
from tests.e2e.oci.liar import Request, lying
from tests.e2e.oci.mirror import digest_of_largest, made, serve
from tests.e2e.oci.proxy import proxied
from tests.e2e.oci.zygote import zygote
from tests.testbed.registry import Registry

KILLS = 30
RATE = 24_000_000
HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("i4q_ai.retrying.FIRST_WAIT", 0.001)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


def _same(tree: Path, model: Model) -> bool:
    """The folder holds just the model."""
    found = {str(path.relative_to(tree)) for path in tree.rglob("*") if path.is_file()}
    return found == {ABOUT, *(file.path for file in model.files)} and all(
        hashlib.sha256((tree / file.path).read_bytes()).hexdigest() == file.sha256 for file in model.files
    )


@pytest.mark.parametrize("size", [20_000_000, 3_900_000], ids=["written once", "a tar first"])
def test_cut_at_nine_tenths(registry: Registry, tmp_path: Path, size: int) -> None:
    model, _, _ = made(tmp_path / "model", {"weights.dat": size})
    pushed = model.push(f"{registry.host}/models/tool-wear")
    with proxied(registry.host) as proxy:
        proxy.cut_after = size * 9 // 10
        reference = f"{proxy.host}/models/tool-wear"
        with pytest.raises(I4qError):
            oci.fetch([reference], pushed.digest, tmp_path / "tree", timeout=60, blobs=tmp_path / "blobs")
        assert proxy.is_cut
        assert not (tmp_path / "tree").exists()
        assert not any((tmp_path / "blobs" / "files").glob("*"))
        proxy.mend()
        oci.fetch([reference], pushed.digest, tmp_path / "tree", timeout=60, blobs=tmp_path / "blobs")
        assert proxy.passed <= size * 0.11
    assert _same(tmp_path / "tree", model)


def test_damage_in_what_was_begun(registry: Registry, tmp_path: Path) -> None:
    """Power went: the beginning on the disk is not what was received. It is loaded once more, from its first byte."""
    model, _, _ = made(tmp_path / "model", {"weights.dat": 9_000_000})
    pushed = model.push(f"{registry.host}/models/tool-wear")
    with proxied(registry.host) as proxy:
        proxy.cut_after = 6_000_000
        reference = f"{proxy.host}/models/tool-wear"
        with pytest.raises(I4qError):
            oci.fetch([reference], pushed.digest, tmp_path / "tree", timeout=60, blobs=tmp_path / "blobs")
        (begun,) = (path for path in (tmp_path / "blobs" / "ingest").iterdir() if path.stat().st_size)
        raw = begun.read_bytes()
        begun.write_bytes(bytes(4096) + raw[4096:])
        proxy.mend()
        oci.fetch([reference], pushed.digest, tmp_path / "tree", timeout=60, blobs=tmp_path / "blobs")
    assert _same(tmp_path / "tree", model)


def test_killed_anywhere(registry: Registry, tmp_path: Path) -> None:
    model, _, _ = made(tmp_path / "model", {"weights.dat": 4_500_000, "other.dat": 600_000, "small.json": 40})
    pushed = model.push(f"{registry.host}/models/tool-wear")
    about: dict[str, Any] = {"reference": pushed.reference, "digest": pushed.digest, "rate": RATE}
    dice = random.Random(7)
    early = 0
    with zygote() as child:
        whole = tmp_path / "whole"
        took = child.run("fetch", **about, folder=str(whole / "tree"), blobs=str(whole / "blobs"))
        assert took["code"] == 0
        for number in range(KILLS):
            home = tmp_path / str(number)
            told = {**about, "folder": str(home / "tree"), "blobs": str(home / "blobs")}
            ended = child.run("fetch", **told, kill_after=dice.random() * took["took"])
            early += ended["code"] != 0
            _check(home, model)
            after = child.run("fetch", **{**told, "rate": None})
            assert after["code"] == 0
            _check(home, model)
            assert _same(home / "tree", model)
            assert sorted(path.name for path in home.iterdir()) == ["blobs", "tree"]
            assert list((home / "blobs" / "ingest").iterdir()) == []
    assert early > KILLS // 2  # or nothing was shown


def _check(home: Path, model: Model) -> None:
    """Nothing has a final name that is not whole and right."""
    for blob in (home / "blobs").glob("sha256/[0-9a-f]*"):
        assert media.digest_of(blob.read_bytes()) == f"sha256:{blob.name}"
    known = {file.sha256 for file in model.files}
    for file in (home / "blobs").glob("files/*"):
        assert hashlib.sha256(file.read_bytes()).hexdigest() in known
    assert not (home / "tree").exists() or _same(home / "tree", model)


@pytest.mark.parametrize("together", ["files", "blobs"])
def test_two_processes_fetch_the_same(registry: Registry, tmp_path: Path, together: str) -> None:
    size = 6_000_000 if together == "files" else 3_000_000
    model, _, _ = made(tmp_path / "model", {"weights.dat": size})
    pushed = model.push(f"{registry.host}/models/tool-wear")
    told = {"reference": pushed.reference, "digest": pushed.digest, "blobs": str(tmp_path / "blobs"), "rate": RATE}
    with zygote() as one, zygote() as other, ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(each.run, "fetch", **told, folder=str(tmp_path / name))
            for each, name in ((one, "one"), (other, "other"))
        ]
        assert [job.result()["code"] for job in jobs] == [0, 0]
    assert _same(tmp_path / "one", model)
    assert _same(tmp_path / "other", model)
    largest = max(registry.blobs.rglob("data"), key=lambda path: path.stat().st_size)
    assert len(registry.requests("GET", largest.parent.name)) == 1
    assert list((tmp_path / "blobs" / "ingest").iterdir()) == []


def test_large_file_is_on_the_disk_once(registry: Registry, tmp_path: Path) -> None:
    model, _, _ = made(tmp_path / "model", {"weights.dat": 6_000_000, "small.json": 40})
    pushed = model.push(f"{registry.host}/models/tool-wear")
    references, blobs = [str(pushed.reference)], tmp_path / "blobs"
    oci.fetch(references, pushed.digest, tmp_path / "tree", timeout=60, blobs=blobs)
    (kept,) = (blobs / "files").iterdir()
    assert kept.samefile(tmp_path / "tree" / "weights.dat")
    assert kept.stat().st_mode & 0o777 == 0o444
    assert sum(path.stat().st_size for path in blobs.rglob("*") if path.is_file()) < 6_100_000
    asked = len(registry.requests("GET"))
    oci.fetch([], pushed.digest, tmp_path / "again", timeout=60, blobs=blobs)
    assert len(registry.requests("GET")) == asked
    assert _same(tmp_path / "again", model)
    oci.fetch(references, pushed.digest, tmp_path / "alone", timeout=60)
    alone = (tmp_path / "alone" / "weights.dat").stat()
    assert (alone.st_mode & 0o777, alone.st_nlink) == (0o644, 1)


def test_kept_file_that_has_rotten(registry: Registry, tmp_path: Path) -> None:
    model, _, _ = made(tmp_path / "model", {"weights.dat": 6_000_000})
    pushed = model.push(f"{registry.host}/models/tool-wear")
    blobs = tmp_path / "blobs"
    oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "tree", timeout=60, blobs=blobs)
    (kept,) = (blobs / "files").iterdir()
    kept.write_bytes(bytes(6_000_000))
    with pytest.raises(NotFoundError, match="not in the cache"):
        oci.fetch([], pushed.digest, tmp_path / "tree", timeout=60, blobs=blobs)
    oci.fetch([str(pushed.reference)], pushed.digest, tmp_path / "tree", timeout=60, blobs=blobs)
    assert _same(tmp_path / "tree", model)


def test_cancelled_in_the_middle_is_carried_on(tmp_path: Path) -> None:
    model, artifact, stored = made(tmp_path / "model", {"weights.dat": 8_000_000})
    cancel = threading.Event()

    class _Stopping(Silent):
        def advance(self, what: str, count: int) -> None:
            if what == digest_of_largest(stored) and count:
                cancel.set()

    with lying(lambda request: serve(request, stored)) as server:
        reference = f"{server.host}/x"
        with pytest.raises(I4qError, match="was cancelled"):
            oci.fetch(
                [reference], artifact.digest, tmp_path / "tree", timeout=60, blobs=tmp_path / "blobs",
                progress=_Stopping(), cancel=cancel, rate=4_000_000,
            )  # fmt: skip
        (begun,) = (path for path in (tmp_path / "blobs" / "ingest").iterdir() if path.stat().st_size)
        assert 0 < begun.stat().st_size < 8_000_000
        oci.fetch([reference], artifact.digest, tmp_path / "tree", timeout=60, blobs=tmp_path / "blobs")
        assert server.asked("GET", digest_of_largest(stored))[-1].headers["Range"].startswith("bytes=")
    assert _same(tmp_path / "tree", model)


def test_nobody_cleans_what_is_being_fetched(tmp_path: Path) -> None:
    model, artifact, stored = made(tmp_path / "model", {"weights.dat": 5_000_000})
    asked, go_on = threading.Event(), threading.Event()

    def _slow(request: Request) -> None:
        if request.path.endswith(digest_of_largest(stored)):
            asked.set()
            go_on.wait(60)
        serve(request, stored)

    blobs = tmp_path / "blobs"
    with lying(_slow) as server, ThreadPoolExecutor(1) as pool:
        job = pool.submit(oci.fetch, [f"{server.host}/x"], artifact.digest, tmp_path / "tree", timeout=60, blobs=blobs)
        assert asked.wait(60)
        with pytest.raises(ConflictError, match="being fetched"):
            pruning.prune(blobs, timeout=0.1)
        go_on.set()
        job.result()
    assert pruning.prune(blobs, [artifact.digest]).files == 0
    assert pruning.prune(blobs, used_within=3600).files == 0
    gone = pruning.prune(blobs, dry=True)
    assert gone.files == 4  # index, manifest, i4q.json, weights
    assert gone.size < 100_000  # the weights are still in the tree
    assert pruning.prune(blobs).files == 4
    assert _same(tmp_path / "tree", model)


@pytest.mark.parametrize("number", range(2))
def test_folder_that_is_none(tmp_path: Path, number: int) -> None:
    _, artifact, stored = made(tmp_path / "model", {"weights.dat": 1000})
    (tmp_path / "real").mkdir()
    (tmp_path / "tree").symlink_to(tmp_path / "real") if number else (tmp_path / "tree").touch()
    with lying(lambda request: serve(request, stored)) as server:
        with pytest.raises(InvalidError, match="is a link" if number else "is a file"):
            oci.fetch([f"{server.host}/x"], artifact.digest, tmp_path / "tree", timeout=60)
        assert server.requests == []
        with pytest.raises(StorageError):
            oci.fetch([f"{server.host}/x"], artifact.digest, tmp_path / "model" / "weights.dat" / "tree", timeout=60)
    assert list((tmp_path / "real").iterdir()) == []


def test_no_room_for_a_blob_is_told_before_it_is_asked_for(tmp_path: Path) -> None:
    huge = Descriptor("", f"sha256:{'a' * 64}", 10**18)
    with lying(lambda request: request.answer(404)) as server:
        source = Remote(Reference.parse(f"{server.host}/x"))
        with pytest.raises(StorageError, match="are free"):
            cache.download(huge, source, tmp_path / "blob", Means(Deadline.after(60), Silent()))
        assert server.requests == []


_MEMORY = """
import sys
from pathlib import Path
from i4q_ai.deadline import Deadline
from i4q_ai.oci.downloads import cache
from i4q_ai.oci.downloads.ingesting import Means
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.remote import Remote
from i4q_ai.progress import Silent

def peak():
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024

before = peak()
host, digest, size, to = sys.argv[1:]
cache.download(
    Descriptor("", digest, int(size)), Remote(Reference.parse(host + "/x")), Path(to),
    Means(Deadline.after(120), Silent()),
)
print(peak() - before)
"""


def test_memory_does_not_grow_with_the_blob(tmp_path: Path) -> None:
    piece, pieces = bytes(1024 * 1024), 512
    digest = hashlib.sha256()
    for _ in range(pieces):
        digest.update(piece)

    def _zeros(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(piece) * pieces))
        request.end_headers()
        for _ in range(pieces):
            request.wfile.write(piece)

    to = Path("/dev/shm" if Path("/dev/shm").is_dir() else tmp_path) / f"i4q-{os.getpid()}.blob"
    try:
        with lying(_zeros) as server:
            told = [server.host, f"sha256:{digest.hexdigest()}", str(len(piece) * pieces), str(to)]
            done = subprocess.run([sys.executable, "-c", _MEMORY, *told], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) <= 64 * 1024 * 1024
    finally:
        to.unlink(missing_ok=True)


def test_layer_that_does_not_hold_what_was_announced(tmp_path: Path) -> None:
    """Every digest is right, but i4q.json says something else of a file than what is in its layer."""
    model, artifact, stored = made(tmp_path / "model", {"weights.dat": 5_000_000})
    changed = {model.files[0].sha256: "0" * 64}
    for blob in artifact.blobs:
        kind, raw = stored[blob.digest]
        if b"models/i4q.json" in raw:
            stored[blob.digest] = (kind, raw.replace(model.files[0].sha256.encode(), b"0" * 64))
            changed[blob.digest] = media.digest_of(stored[blob.digest][1])
    for descriptor, raw in (*artifact.manifests, artifact.index):
        for old, new in changed.items():
            raw = raw.replace(old.encode(), new.encode())
        stored[media.digest_of(raw)] = (descriptor.media_type, raw)
        changed[descriptor.digest] = media.digest_of(raw)
    for before, now in list(changed.items()):
        stored[now] = stored.get(now) or stored.get(before) or ("", b"")
    with lying(lambda request: serve(request, stored)) as server:
        with pytest.raises(IntegrityError, match=r"weights\.dat is not what its sha256 says"):
            oci.fetch(
                [f"{server.host}/x"], changed[artifact.digest], tmp_path / "tree", timeout=60, blobs=tmp_path / "blobs"
            )
        assert len(server.asked("GET", digest_of_largest(stored))) == 1
    assert not (tmp_path / "tree").exists()
    assert not any((tmp_path / "blobs" / "files").glob("*"))
