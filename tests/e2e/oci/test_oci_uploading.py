"""Pushes that are cut, killed, stopped, mounted, slowed down, and of files that change, on two real registries."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, I4qError, InvalidError, NotFoundError, ReferenceInvalid, VersionExistsError
from i4q_ai.model import Model
from i4q_ai.oci.artifact import Blob, build
from i4q_ai.oci.rates import Rate
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.remote import Remote
from i4q_ai.oci.uploads.bodies import Stretch
from i4q_ai.oci.uploads.rawblobs import FileBlob
from i4q_ai.oci.uploads.uploading import Terms
from i4q_ai.packing import digests
from tests.e2e.edge.cutting import Cable
from tests.e2e.oci.zygote import zygote
from tests.testbed.certificates import Authority
from tests.testbed.registry import Registry

CHUNK = 1024 * 1024
SIZE = 5 * CHUNK + 12345
CHUNKS = 6
KILLS = 30
RATE = 12_000_000
TIMEOUT = 300.0


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("i4q_ai.oci.wire.quirks.CHUNK", CHUNK)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    place = folder / "weights.bin"
    place.write_bytes(random.Random(7).randbytes(SIZE))
    os.utime(place, (1_700_000_000, 1_700_000_000.5))
    return place


@pytest.fixture
def model(weights: Path) -> Model:
    return Model.from_dir(weights.parent, name="tool-wear", version="1")


@pytest.fixture(params=["distribution 3", "docker-registry 2.8"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Registry]:
    (tmp_path / "registry").mkdir()
    with Registry(tmp_path / "registry", old=request.param.endswith("2.8")) as running:
        yield running


@pytest.fixture
def cable(request: pytest.FixtureRequest) -> Iterator[Cable]:
    running = request.getfixturevalue("either" if "either" in request.fixturenames else "registry")
    made = Cable(running.url)
    yield made
    made.close()


def _push(model: Model, to: str, **how: object) -> Model:
    return oci.push(model, to, timeout=TIMEOUT, chunk_maps=False, **how)  # type: ignore[arg-type]


def _whole(registry: Registry, repository: str, digest: str, tmp_path: Path) -> None:
    """What is there is what was packed."""
    fetched = oci.fetch([f"{registry.host}/{repository}"], digest, tmp_path / "fetched", timeout=TIMEOUT)
    held = (tmp_path / "fetched" / "weights.bin").read_bytes()
    assert [hashlib.sha256(held).hexdigest()] == [file.sha256 for file in fetched.files]


def _patches(registry: Registry) -> int:
    return len(registry.requests("PATCH", "/blobs/uploads/"))


def test_large_blob_in_chunks(either: Registry, model: Model, tmp_path: Path) -> None:
    pushed = _push(model, f"{either.host}/models/x")
    assert _patches(either) == CHUNKS
    _whole(either, "models/x", pushed.digest, tmp_path)
    assert not list((tmp_path / "cache" / "uploads").glob("*.json"))


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_cut_is_carried_on_where_the_registry_stands(
    registry: Registry, cable: Cable, model: Model, tmp_path: Path, share: float
) -> None:
    cable.cut_at = int(SIZE * share)
    threading.Thread(target=_join_when_cut, args=(cable,), daemon=True).start()
    pushed = _push(model, "{}:{}/models/x".format(*cable.address))
    assert cable.sent < SIZE * 1.11
    _whole(registry, "models/x", pushed.digest, tmp_path)


def _join_when_cut(cable: Cable) -> None:
    while not cable.is_cut:
        threading.Event().wait(0.01)  # a cable has no event for it
    cable.cut_at = None
    cable.join()


def test_cut_inside_a_chunk_begins_anew_on_the_old_registry(tmp_path: Path, model: Model) -> None:
    (tmp_path / "registry").mkdir()
    with Registry(tmp_path / "registry", old=True) as old:
        cable = Cable(old.url)
        cable.cut_at = int(SIZE * 0.9)
        threading.Thread(target=_join_when_cut, args=(cable,), daemon=True).start()
        pushed = _push(model, "{}:{}/models/x".format(*cable.address))
        cable.close()
        _whole(old, "models/x", pushed.digest, tmp_path)


def test_stopped_push_ends_on_a_chunk_and_the_next_goes_on(
    either: Registry, cable: Cable, model: Model, tmp_path: Path
) -> None:
    """Between chunks, also docker-registry 2.8 keeps what it has."""
    host, cancel = "{}:{}".format(*cable.address), threading.Event()
    remote = Remote(Reference.parse(f"{host}/models/x"))
    (blob,) = (blob for blob in _blobs(model) if blob.size > CHUNK)

    class _Stops:
        at = 0

        def start(self, what: str, total: int) -> None: ...
        def done(self, what: str) -> None: ...
        def advance(self, what: str, count: int) -> None:
            self.at += count
            if self.at > SIZE * 0.85:
                cancel.set()

    with pytest.raises(I4qError, match="was cancelled"):
        remote.uploads.send(blob, Terms(Deadline.after(TIMEOUT, "pushing", cancel=cancel), _Stops()))
    before = cable.sent
    pushed = _push(model, f"{host}/models/x")
    assert cable.sent - before < SIZE * 0.17
    assert cable.sent < SIZE * 1.05
    _whole(either, "models/x", pushed.digest, tmp_path)


def _blobs(model: Model) -> tuple[Blob, ...]:
    return build(model, Deadline.after(TIMEOUT, "building")).blobs


_PROGRAM = """
import sys
from i4q_ai import oci
from i4q_ai.model import Model
from i4q_ai.oci.wire import quirks
quirks.CHUNK = 1024 * 1024
model = Model.from_dir(sys.argv[1], name="tool-wear", version="1")
print("packed", flush=True)
oci.push(model, sys.argv[2], timeout=300, chunk_maps=False)
"""


@pytest.mark.parametrize("seed", range(3))
def test_killed_push_is_carried_on_by_the_next(
    registry: Registry, cable: Cable, weights: Path, tmp_path: Path, seed: int
) -> None:
    at = random.Random(seed).uniform(0.02, 0.98) * SIZE
    to = "{}:{}/models/x".format(*cable.address)
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(weights.parent), to], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    while process.poll() is None and cable.sent < at:
        threading.Event().wait(0.001)  # a cable has no event for it
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    reference = Reference.parse(f"{registry.host}/models/x")
    first = cable.sent
    assert process.returncode == 0 or Remote(reference).resolve("1", Deadline.after(TIMEOUT)) is None
    model = Model.from_dir(weights.parent, name="tool-wear", version="1")
    pushed = _push(model, to)
    _whole(registry, "models/x", pushed.digest, tmp_path)
    assert cable.sent - first < SIZE - at + 2 * CHUNK


def test_push_killed_anywhere(registry: Registry, weights: Path, tmp_path: Path) -> None:
    """At any point: the tag stands for all of it or is not there, and the next push completes."""
    dice, early = random.Random(7), 0
    about = {"folder": str(weights.parent), "rate": RATE}
    digest = Model.from_dir(weights.parent, name="tool-wear", version="1").push(f"{registry.host}/models/whole").digest
    with zygote() as child:
        took = child.run("push", **about, to=f"{registry.host}/models/first", cache=str(tmp_path / "first"))
        assert took["code"] == 0
        for number in range(KILLS):
            told = {**about, "to": f"{registry.host}/models/n{number}", "cache": str(tmp_path / f"cache-{number}")}
            ended = child.run("push", kill_after=dice.random() * took["took"], **told)
            early += ended["code"] != 0
            remote = Remote(Reference.parse(told["to"]))
            assert remote.resolve("1", Deadline.after(TIMEOUT)) in (None, digest)
            assert child.run("push", **{**told, "rate": None})["code"] == 0
            assert remote.resolve("1", Deadline.after(TIMEOUT)) == digest
    _whole(registry, f"models/n{KILLS - 1}", digest, tmp_path)
    assert early > KILLS // 2  # or nothing was shown


def test_unknown_file_is_hashed_while_it_is_sent(either: Registry, weights: Path) -> None:
    reference = oci.push_files([weights], f"{either.host}/files/x:1", timeout=TIMEOUT)
    digest = f"sha256:{hashlib.sha256(weights.read_bytes()).hexdigest()}"
    assert Remote(Reference.parse(reference)).has(digest, Deadline.after(TIMEOUT))
    assert _patches(either) == CHUNKS
    assert oci.push_files([weights], f"{either.host}/files/x:2", timeout=TIMEOUT) == reference
    assert _patches(either) == CHUNKS


def test_over_tls_it_is_the_same(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "registry").mkdir()
    authority = Authority("factory")
    with Registry(tmp_path / "registry", authority=authority) as secure:
        folder = tmp_path / "certificates" / secure.host
        folder.mkdir(parents=True)
        (folder / "ca.crt").write_bytes(authority.pair.certificate)
        monkeypatch.setenv("I4Q_CERTIFICATES", str(tmp_path / "certificates"))
        monkeypatch.setenv("SSL_CERT_FILE", str(folder / "ca.crt"))  # whatever this machine says
        oci.push_files([weights], f"{secure.host}/files/x:1", timeout=TIMEOUT)
        assert _patches(secure) == CHUNKS


def test_pushed_again_nothing_is_read(registry: Registry, weights: Path, model: Model) -> None:
    pushed = _push(model, f"{registry.host}/models/x")
    about = weights.stat()
    weights.write_bytes(bytes(SIZE))
    os.utime(weights, ns=(about.st_atime_ns, about.st_mtime_ns))  # who does not read it does not see it
    again = Model.from_dir(weights.parent, name="tool-wear", version="1")
    assert _push(again, f"{registry.host}/models/x:again").digest == pushed.digest


def test_rotten_digest_is_found_out(registry: Registry, weights: Path) -> None:
    """A digest that is remembered and wrong: the registry refuses, and nothing believes it afterwards."""
    stamp = digests.stamp_of(weights)
    digests.known().remember({stamp.key: "0" * 64})
    with pytest.raises(ConflictError):
        oci.push_files([weights], f"{registry.host}/files/x:1", timeout=TIMEOUT)
    oci.push_files([weights], f"{registry.host}/files/x:1", timeout=TIMEOUT)


def test_blob_of_a_neighbour_is_mounted(either: Registry, cable: Cable, model: Model, tmp_path: Path) -> None:
    host = "{}:{}".format(*cable.address)
    _push(model, f"{host}/models/x")
    before = cable.sent
    pushed = _push(model, f"{host}/models/y")
    assert cable.sent - before < CHUNK
    assert any("201" in line for line in either.requests("POST", "mount="))
    _whole(either, "models/y", pushed.digest, tmp_path)


def test_neighbour_can_be_named_and_may_not_have_it(registry: Registry, model: Model, tmp_path: Path) -> None:
    pushed = _push(model, f"{registry.host}/models/x", mount_from=["models/none"])
    _whole(registry, "models/x", pushed.digest, tmp_path)
    assert any("202" in line for line in registry.requests("POST", "mount="))


@pytest.mark.parametrize("kind", ["model", "files"])
def test_file_that_changes_while_it_is_sent(
    registry: Registry, model: Model, weights: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    send = Stretch.send_to

    def _change(stretch: Stretch, connection: object) -> None:
        send(stretch, connection)  # type: ignore[arg-type]
        with weights.open("r+b") as file:
            file.seek(SIZE // 2)
            file.write(b"changed")

    monkeypatch.setattr(Stretch, "send_to", _change)
    to = f"{registry.host}/models/x:1"
    with pytest.raises(ConflictError, match="has changed"):
        _push(model, to) if kind == "model" else oci.push_files([weights], to, timeout=TIMEOUT)
    assert Remote(Reference.parse(f"{registry.host}/models/x")).resolve("1", Deadline.after(TIMEOUT)) is None
    assert not registry.requests("PUT", "/manifests/")


def test_file_that_becomes_shorter(registry: Registry, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    send = Stretch.send_to

    def _cut(stretch: Stretch, connection: object) -> None:
        os.truncate(weights, CHUNK // 2)
        send(stretch, connection)  # type: ignore[arg-type]

    monkeypatch.setattr(Stretch, "send_to", _cut)
    with pytest.raises(ConflictError):
        oci.push_files([weights], f"{registry.host}/files/x:1", timeout=TIMEOUT)


def test_tag_must_stand_for_what_was_seen(registry: Registry, model: Model) -> None:
    to = f"{registry.host}/models/x:stable"
    first = _push(model, to, if_match=None)
    other = model.replace(description="another")
    with pytest.raises(VersionExistsError):
        _push(other, to)
    with pytest.raises(ConflictError, match="somebody was there first"):
        _push(other, to, if_match=None)
    with pytest.raises(ConflictError):
        _push(other, to, if_match=f"sha256:{'0' * 64}")
    assert oci.resolve(to) == first.reference
    second = _push(other, to, if_match=first.digest)
    assert oci.resolve(to) == second.reference
    assert _push(other, to, if_match=first.digest) == second  # it is done already
    with pytest.raises(ReferenceInvalid):
        _push(model, to, if_match="latest")


def test_bad_input(registry: Registry, weights: Path) -> None:
    to = f"{registry.host}/files/x:1"
    with pytest.raises(InvalidError, match="no files"):
        oci.push_files([], to)
    with pytest.raises(InvalidError, match="stands twice"):
        oci.push_files([weights, weights], to)
    with pytest.raises(NotFoundError, match="is gone"):
        oci.push_files([weights.with_name("none")], to)
    with pytest.raises(ReferenceInvalid):
        oci.push_files([weights], f"{registry.host}/files/x")
    with pytest.raises(InvalidError, match="a rate is"):
        oci.push_files([weights], to, rate=-1)
    assert not registry.requests("POST")


def test_slow_push_is_told_as_it_goes(registry: Registry, weights: Path) -> None:
    """A rate that lets nothing through in time ends by the deadline; a generous one is not in the way."""
    seen: list[int] = []

    class _Seen:
        def start(self, what: str, total: int) -> None: ...
        def done(self, what: str) -> None: ...
        def advance(self, what: str, count: int) -> None:
            seen.append(count)

    remote = Remote(Reference.parse(f"{registry.host}/files/x"))
    remote.uploads.send(FileBlob(weights), Terms(Deadline.after(TIMEOUT), _Seen(), Rate(2e8)))
    assert sum(seen) == SIZE
    with pytest.raises(I4qError):
        oci.push_files([weights], f"{registry.host}/files/y:1", timeout=5, rate=1000)
