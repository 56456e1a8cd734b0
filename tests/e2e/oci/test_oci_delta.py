"""Of a new version only the difference travels, whatever the chunk map says; counted at a real registry."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy
import pytest
from onnx import TensorProto, helper, numpy_helper

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.errors import UnreachableError
from i4q_ai.model import Model
from i4q_ai.oci import media, opening, pushing, referrers
from i4q_ai.oci.artifact import Bytes, build
from i4q_ai.oci.delta import making
from i4q_ai.oci.delta.maps import ARTIFACT, MAP, OF, ChunkMap
from i4q_ai.oci.media import Descriptor
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.tarring import Tar
from tests.e2e.oci.liar import Request, lying
from tests.e2e.oci.proxy import Proxy
from tests.testbed.registry import Registry

MIB = 1024 * 1024
TIMEOUT = 120.0


@pytest.fixture
def proxy(registry: Registry) -> Iterator[Proxy]:
    running = Proxy(registry.host)
    yield running
    running.close()


def noise(size: int, seed: int = 0) -> bytes:
    return random.Random(seed).randbytes(size)


def model(folder: Path, version: str, content: bytes, *, name: str = "weights.bin") -> Model:
    made = folder / f"made-{version}"
    made.mkdir()
    (made / name).write_bytes(content)
    return Model.from_files({name: made / name}, name="wear", version=version, format="files")


def push(made: Model, registry: Registry, *, chunk_maps: bool = True) -> str:
    """Its digest."""
    return str(pushing.push(made, f"{registry.host}/models/wear", timeout=TIMEOUT, chunk_maps=chunk_maps).digest)


def fetch(host: str, digest: str, folder: Path) -> tuple[bytes, int]:
    """The file, and how many bytes of it were here already."""
    saved: list[int] = []
    into = folder / f"tree-{digest[-8:]}"
    oci.fetch([f"{host}/models/wear"], digest, into, timeout=TIMEOUT, blobs=folder / "blobs", saved=saved.append)
    return next(path for path in into.iterdir() if path.name != "i4q.json").read_bytes(), sum(saved)


def changed(content: bytes, *, runs: int = 20, share: float = 0.05) -> bytes:
    """So much of it overwritten, in so many runs."""
    chance, after, length = random.Random(7), bytearray(content), int(len(content) * share / runs)
    for _ in range(runs):
        at = chance.randrange(len(content) - length)
        after[at : at + length] = chance.randbytes(length)
    return bytes(after)


def shifted(content: bytes, *, runs: int = 5) -> bytes:
    """A few odd bytes put in here and there, and taken out."""
    chance, parts, step = random.Random(8), [], len(content) // runs
    for number in range(runs):
        part = content[number * step : (number + 1) * step]
        at = chance.randrange(step // 2)
        parts += [part[:at], chance.randbytes(chance.randrange(1, 99)), part[at + chance.randrange(99) :]]
    return b"".join(parts)


def network(tensors: list[numpy.ndarray]) -> bytes:
    initializers = [numpy_helper.from_array(one, f"w{number}") for number, one in enumerate(tensors)]
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [
        helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])], initializers)  # fmt: skip
    return helper.make_model(graph).SerializeToString()


def tuned() -> tuple[bytes, bytes]:
    """A network, and the same with two of forty tensors trained on."""
    chance = numpy.random.default_rng(1)
    tensors = [chance.normal(size=100_000).astype("f4") for _ in range(40)]
    before = network(tensors)
    tensors[11], tensors[30] = tensors[11] * 1.01, tensors[30] * 0.99
    return before, network(tensors)


@pytest.mark.parametrize(
    ("make", "name", "goal"),
    [
        pytest.param(lambda: (noise(64 * MIB), changed(noise(64 * MIB))), "weights.bin", 0.08, id="20 runs"),
        pytest.param(lambda: (noise(16 * MIB), shifted(noise(16 * MIB))), "weights.bin", 0.03, id="shifted"),
        pytest.param(tuned, "net.onnx", 0.06, id="two tensors of forty"),
    ],
)
def test_only_the_difference_travels(
    make: Callable[[], tuple[bytes, bytes]], name: str, goal: float, registry: Registry, proxy: Proxy, tmp_path: Path
) -> None:
    before, after = make()
    first = push(model(tmp_path, "1", before, name=name), registry)
    second = push(model(tmp_path, "2", after, name=name), registry)
    assert fetch(proxy.host, first, tmp_path) == (before, 0)
    proxy.mend()
    content, saved = fetch(proxy.host, second, tmp_path)
    assert content == after
    assert proxy.passed <= goal * len(after)
    assert len(after) - proxy.passed <= saved + 65536 <= len(after)


def test_maps_are_pushed_once_and_change_no_digest(registry: Registry, tmp_path: Path) -> None:
    made = model(tmp_path, "1", noise(3 * MIB))
    digest = push(made, registry, chunk_maps=False)
    repository = opening.source(Reference.parse(f"{registry.host}/models/wear"))
    assert referrers.referrers(repository, digest, deadline=deadline()) == []
    assert push(made, registry) == digest
    (one,) = referrers.referrers(repository, digest, deadline=deadline())
    sent = len(registry.requests("PUT"))
    assert push(made, registry) == digest
    assert referrers.referrers(repository, digest, deadline=deadline()) == [one]
    assert len(registry.requests("PUT")) == sent
    assert oci.tags(f"{registry.host}/models/wear") == ["1"]
    small = model(tmp_path, "2", noise(MIB // 2))
    assert referrers.referrers(repository, push(small, registry), deadline=deadline()) == []


def test_another_model_altogether_travels_whole(registry: Registry, proxy: Proxy, tmp_path: Path) -> None:
    first = push(model(tmp_path, "1", noise(5 * MIB, 1)), registry)
    second = push(model(tmp_path, "2", noise(5 * MIB, 2)), registry)
    fetch(proxy.host, first, tmp_path)
    proxy.mend()
    assert fetch(proxy.host, second, tmp_path) == (noise(5 * MIB, 2), 0)
    assert proxy.passed >= 5 * MIB


def test_an_older_version_without_a_map_is_compared_where_it_stands(
    registry: Registry, proxy: Proxy, tmp_path: Path
) -> None:
    before = noise(16 * MIB)
    first = push(model(tmp_path, "1", before), registry, chunk_maps=False)
    second = push(model(tmp_path, "2", changed(before, runs=3)), registry)
    fetch(proxy.host, first, tmp_path)
    proxy.mend()
    assert fetch(proxy.host, second, tmp_path)[0] == changed(before, runs=3)
    assert proxy.passed <= 0.07 * len(before)


def test_a_damaged_file_is_repaired(registry: Registry, proxy: Proxy, tmp_path: Path) -> None:
    content = noise(16 * MIB)
    digest = push(model(tmp_path, "1", content), registry)
    fetch(proxy.host, digest, tmp_path)
    (kept,) = (tmp_path / "blobs" / "files").iterdir()
    kept.chmod(0o644)
    with kept.open("r+b") as file:  # the tree has the same file: both are damaged
        file.seek(9 * MIB)
        file.write(b"rotten")
    proxy.mend()
    again, saved = fetch(proxy.host, digest, tmp_path)
    assert again == content
    assert proxy.passed < 200_000
    assert saved > 15 * MIB


def test_an_older_file_that_has_rotted_gives_nothing_wrong(registry: Registry, proxy: Proxy, tmp_path: Path) -> None:
    before = noise(8 * MIB)
    first = push(model(tmp_path, "1", before), registry)
    second = push(model(tmp_path, "2", changed(before, runs=2)), registry)
    fetch(proxy.host, first, tmp_path)
    (kept,) = (tmp_path / "blobs" / "files").iterdir()
    kept.chmod(0o644)
    with kept.open("r+b") as file:
        for at in range(0, 8 * MIB, 2 * MIB):
            file.seek(at)
            file.write(b"rotten")
    proxy.mend()
    assert fetch(proxy.host, second, tmp_path)[0] == changed(before, runs=2)
    assert proxy.passed < 2 * MIB


def test_what_a_killed_process_has_assembled_is_not_fetched_again(
    registry: Registry, proxy: Proxy, tmp_path: Path
) -> None:
    before = noise(16 * MIB)
    after = changed(before, share=0.3)
    first = push(model(tmp_path, "1", before), registry)
    second = push(model(tmp_path, "2", after), registry)
    fetch(proxy.host, first, tmp_path)
    proxy.mend()
    proxy.cut_after = 3 * MIB
    program = (
        "import sys; from pathlib import Path; from i4q_ai import oci\n"
        "oci.fetch([sys.argv[1]], sys.argv[2], Path(sys.argv[3]), timeout=60, blobs=Path(sys.argv[4]))"
    )
    place = [f"{proxy.host}/models/wear", second, str(tmp_path / "tree"), str(tmp_path / "blobs")]
    child = subprocess.Popen([sys.executable, "-c", program, *place], stderr=subprocess.DEVNULL)
    while not proxy.is_cut:
        assert child.poll() is None, "it ended before it was killed"
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert not (tmp_path / "tree").exists()
    proxy.mend()
    assert fetch(proxy.host, second, tmp_path)[0] == after
    assert proxy.passed < 0.36 * len(after) - 2 * MIB


def test_a_cut_is_told_and_the_next_fetch_goes_on(registry: Registry, proxy: Proxy, tmp_path: Path) -> None:
    before = noise(16 * MIB)
    after = changed(before, share=0.3)
    first = push(model(tmp_path, "1", before), registry)
    second = push(model(tmp_path, "2", after), registry)
    fetch(proxy.host, first, tmp_path)
    proxy.mend()
    proxy.cut_after = 3 * MIB
    with pytest.raises(UnreachableError):
        fetch(proxy.host, second, tmp_path)
    proxy.mend()
    assert fetch(proxy.host, second, tmp_path)[0] == after
    assert proxy.passed < 0.36 * len(after) - 2 * MIB


def _swapped(true: ChunkMap, _: bytes) -> bytes:
    """Chunks that are there, in another order."""
    return ChunkMap(true.blob, true.size, true.cut, true.lengths[::-1], true.sums[::-1]).dump()


def _of_the_older(true: ChunkMap, before: bytes) -> bytes:
    """The sums of the older blob: all of it seems to be here."""
    return ChunkMap(true.blob, true.size, true.cut, true.lengths, tuple(_sums(true, before))).dump()


def _sums(true: ChunkMap, before: bytes) -> Iterator[bytes]:
    import hashlib

    for chunk in true:
        yield hashlib.sha256(before[chunk.offset : chunk.end]).digest()


LIES: dict[str, Callable[[ChunkMap, bytes], bytes]] = {
    "swapped": _swapped,
    "of the older": _of_the_older,
    "no map": lambda true, _: b"no map at all",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_map_that_lies_costs_a_full_fetch_and_nothing_else(lie: str, registry: Registry, tmp_path: Path) -> None:
    before = noise(5 * MIB)
    after = changed(before, runs=2)
    first = push(model(tmp_path, "1", before), registry)
    made = model(tmp_path, "2", after)
    artifact = build(made, deadline())
    layer = next(blob for blob in artifact.blobs if isinstance(blob, Tar) and blob.size > MIB)
    older = next(blob for blob in build(model(tmp_path, "1b", before), deadline()).blobs if blob.size > MIB)
    raw = LIES[lie](making.make(layer, lambda: None), b"".join(older.chunks()))
    second = push(made, registry, chunk_maps=False)
    repository = opening.source(Reference.parse(f"{registry.host}/models/wear"))
    one = (Descriptor.of(MAP, raw, annotations={OF: layer.digest}), Bytes(raw))
    referrers.attach_blobs(repository, artifact.index[0], [one], artifact_type=ARTIFACT, deadline=deadline())
    fetch(registry.host, first, tmp_path)
    assert fetch(registry.host, second, tmp_path) == (after, 0)


def deadline() -> Deadline:
    return Deadline.after(TIMEOUT, "the test")


@pytest.mark.parametrize("habit", ["ignores ranges", "416", "another range", "wrong bytes", "less"])
def test_a_registry_that_is_bad_at_ranges_is_asked_for_the_whole(habit: str, tmp_path: Path) -> None:
    before = noise(5 * MIB)
    after = changed(before, runs=2)
    stored: dict[str, tuple[str, bytes]] = {}
    digests = [_store(model(tmp_path, version, content), stored) for version, content in (("1", before), ("2", after))]

    def _reply(request: Request) -> None:
        kind, raw = stored.get(request.path.rpartition("/")[2].partition("?")[0], ("", b""))
        asked = request.headers.get("Range")
        if "/referrers/" in request.path:
            kind, raw = stored["referrers of " + request.path.rpartition("/")[2].partition("?")[0]]
        if not kind:
            request.answer(404)
        elif not asked or habit == "ignores ranges":
            request.answer(200, raw, Content_Type=kind)
        elif habit == "416":
            request.answer(416)
        else:
            begin, end = (int(part) for part in asked.removeprefix("bytes=").split("-"))
            told = f"bytes {begin + (habit == 'another range')}-{end}/{len(raw)}"
            part = raw[begin : end + 1] if habit != "wrong bytes" else bytes(end + 1 - begin)
            if habit == "less":
                part = part[: len(part) // 2]
            request.answer(206, part, Content_Type=kind, Content_Range=told)

    with lying(_reply) as liar:
        fetch(liar.host, digests[0], tmp_path)
        assert fetch(liar.host, digests[1], tmp_path) == (after, 0)
        assert any("Range" in request.headers for request in liar.requests)


def _store(made: Model, stored: dict[str, tuple[str, bytes]]) -> str:
    """What an honest registry would answer, the chunk map included."""
    artifact = build(made, deadline())
    for blob in artifact.blobs:
        stored[blob.digest] = ("application/octet-stream", b"".join(blob.chunks()))
    for descriptor, raw in (*artifact.manifests, artifact.index):
        stored[descriptor.digest] = (descriptor.media_type, raw)
    layer = next(blob for blob in artifact.blobs if isinstance(blob, Tar) and blob.size > MIB)
    chunks = making.make(layer, lambda: None).dump()
    about = Descriptor.of(MAP, chunks, annotations={OF: layer.digest})
    manifest = media.canonical({"mediaType": media.MANIFEST, "schemaVersion": 2, "artifactType": ARTIFACT,
        "config": Descriptor.of(media.EMPTY, media.EMPTY_BYTES).dump(), "layers": [about.dump()],
        "subject": artifact.index[0].dump()})  # fmt: skip
    one = Descriptor.of(media.MANIFEST, manifest, artifact_type=ARTIFACT)
    listed = media.canonical({"mediaType": media.INDEX, "schemaVersion": 2, "manifests": [one.dump()]})
    stored[about.digest], stored[one.digest] = (MAP, chunks), (media.MANIFEST, manifest)
    stored[f"referrers of {artifact.digest}"] = (media.INDEX, listed)
    return artifact.digest
