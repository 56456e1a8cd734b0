"""Registries that refuse, lie, stall, cut and send us elsewhere.

What we promise of hostile and odd registries, and the tests (without their `test_`) that hold us to it; where no file
is named, in this one:

| promise | test |
|---|---|
| 1 other bytes, or another size, never appear | `other_bytes_never_appear`, `huge_sizes_are_believed_by_nobody` |
| 2 a manifest by digest is that one | `other_manifest_under_a_digest` |
| 2 a tag is resolved once | `a_tag_is_resolved_once` |
| 3 a cut download resumes | `cut_download_is_carried_on` |
| 3 a failed one leaves nothing | `download_that_never_ends_well` |
| 4 a file that changes while it is pushed is an error | test_oci_registry: `file_changed_since_it_was_packed` |
| 5 manifests are kept byte for byte | `type_and_bytes_of_manifests` |
| 5 digests that a registry echoes are checked | `registry_that_echoes_another_digest` |
| 6 an index without our platform fails, and lists what is there | `index_without_our_platform` |
| 7 paths are kept, two of one name are refused | test_oci_tars: `names_in_what_a_registry_holds` |
| 8 layers are opaque | `a_layer_that_is_json_is_no_manifest` |
| 9 digests are checked before they are a path | `indexes_that_are_none`, test_oci_oras: `bad_input` |
| 10 tars | test_oci_tars |
| 11 memory | test_oci_elsewhere: `memory_does_not_grow_with_what_a_registry_sends` |
| 12 one origin | test_oci_elsewhere: `authorization_stays_with_its_origin`, `upload_to_a_store_elsewhere` |
| 13 passwords go to trusted realms | test_oci_doors: `password_is_not_sent_to_a_realm_inside` |
| 14 a token for pulling is widened | test_oci_doors: `token_only_for_pulling_is_widened` |
| 15 a token that expires half-way | test_oci_doors: `token_that_expires_between_requests_of_an_upload` |
| 16 no body is sent twice | test_oci_doors: `no_body_is_sent_twice_for_a_password` |
| 17 Basic works | test_oci_doors: `no_body_before_the_registry_has_said_what_it_wants` |
| 18 retries | test_oci_delays: `asked_to_try_again`, `never_tried_again`, `our_own_mistakes_are_not_tried_again` |
| 19 stalls | test_oci_delays: `stalls_are_noticed`, `head_that_never_ends`, `deadline_holds_whatever_a_registry_does` |
| 20 lists are bounded and of one origin | test_oci_elsewhere: `lists_without_end`, `lists_that_go_on_elsewhere` |
| 21 references | tests/unit/oci/test_oci_reference.py |
| 22 blobs of no bytes are real | `blob_without_bytes` |
| 23 nothing is written elsewhere | test_oci_tars: `output_that_is_a_link` |
| 23 threads | test_oci_doors: `many_threads_ask_for_one_token` |
| 23 no secrets, no plain text | test_oci_doors: `wrong_password_is_told_once_and_not_shown`, test_oci_scheme |
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.errors import (
    I4qError,
    IntegrityError,
    NotFoundError,
    RegistryError,
    StorageError,
    UnreachableError,
    UnsupportedError,
)
from i4q_ai.model import Model
from i4q_ai.oci import media
from i4q_ai.oci.artifact import Artifact
from i4q_ai.oci.reference import Reference
from i4q_ai.oci.remote import Remote
from i4q_ai.testing.fake_registry import Exchange, FakeRegistry
from i4q_ai.testing.fake_repository import digest_of
from tests.e2e.oci.holding import a_model, fetch, forge, hold, need_nothing
from tests.e2e.oci.hostile.habits import after_reading, weights_of


def test_an_honest_one_is_believed(registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    fetch(registry.host, artifact.digest, tmp_path)
    assert (tmp_path / "tree" / "weights.dat").stat().st_size == 2_048_000


def test_cut_download_is_carried_on(registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    weights = weights_of(artifact)
    raw = registry.repositories["x"].blobs[weights]
    registry.when("GET", weights, lambda exchange: exchange.answer(200, raw[:1_500_000], length=len(raw)), times=1)
    fetch(registry.host, artifact.digest, tmp_path)
    first, second = (seen.header("Range") for seen in registry.asked("GET", weights))
    assert first is None
    assert str(second).startswith("bytes=1")


def test_download_that_never_ends_well(registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    registry.when("GET", weights_of(artifact), lambda exchange: exchange.cut())
    with pytest.raises(UnreachableError, match="cut the connection"):
        fetch(registry.host, artifact.digest, tmp_path)
    need_nothing(tmp_path)


@pytest.mark.parametrize("told", ["bytes 0-9/10", "bytes 1000-2047/99", "nonsense", ""])
def test_range_that_was_not_asked_for(told: str, registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    raw = registry.repositories["x"].blobs[weights_of(artifact)]

    def _other(exchange: Exchange) -> None:
        if exchange.headers.get("Range"):
            exchange.answer(206, b"x" * 10, {"Content-Range": told} if told else {})
        else:
            exchange.answer(200, raw[:1000], length=len(raw))

    registry.when("GET", weights_of(artifact), _other)
    with pytest.raises(IntegrityError, match="another range"):
        fetch(registry.host, artifact.digest, tmp_path)
    need_nothing(tmp_path)


@pytest.mark.parametrize(
    "spoil",
    [lambda raw: raw[::-1], lambda raw: raw + b"x", lambda raw: raw[:-1], lambda _: b"", gzip.compress],
    ids=["others", "more", "fewer", "none", "packed"],
)
def test_other_bytes_never_appear(
    spoil: Callable[[bytes], bytes], registry: FakeRegistry, artifact: Artifact, tmp_path: Path
) -> None:
    blobs, weights = registry.repositories["x"].blobs, weights_of(artifact)
    blobs[weights] = spoil(blobs[weights])
    with pytest.raises((IntegrityError, RegistryError)):
        fetch(registry.host, artifact.digest, tmp_path)
    need_nothing(tmp_path)


@pytest.mark.parametrize("what", ["blobs", "manifests"])
def test_packed_answer_that_nobody_asked_for(
    what: str, registry: FakeRegistry, artifact: Artifact, tmp_path: Path
) -> None:
    """A bomb: 64 MiB of zeros in 64 kB. It is not unpacked."""
    bomb = gzip.compress(bytes(64 * 1024 * 1024))
    registry.when("GET", what, lambda exchange: exchange.answer(200, bomb, {"Content-Encoding": "gzip"}))
    with pytest.raises(I4qError):
        fetch(registry.host, artifact.digest, tmp_path)
    need_nothing(tmp_path)


def test_body_without_end(registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    registry.when("GET", weights_of(artifact), _endless)
    with pytest.raises(RegistryError, match="more than"):
        fetch(registry.host, artifact.digest, tmp_path)
    need_nothing(tmp_path)


def _endless(exchange: Exchange) -> None:
    """Bytes in chunks, until nobody listens any more."""
    exchange.send_response(400 if "/manifests/" in exchange.path else 200)
    exchange.send_header("Transfer-Encoding", "chunked")
    exchange.end_headers()
    while not exchange.registry.closing.is_set():
        exchange.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def test_error_without_end(registry: FakeRegistry) -> None:
    registry.when("GET", "manifests", _endless)
    with pytest.raises(RegistryError, match=r"answers 400 to GET /v2/x/manifests/1$"):
        oci.resolve(f"{registry.host}/x:1")


@pytest.mark.parametrize("size", [2**40, 2**62])
def test_huge_sizes_are_believed_by_nobody(size: int, artifact: Artifact, tmp_path: Path) -> None:
    """Nothing is set aside for what a manifest says; it is refused before it is fetched."""
    with FakeRegistry() as registry:
        weights = weights_of(artifact)
        repository = hold(registry, artifact).repositories["x"]
        digest = forge(registry, artifact, {})
        places: dict[str, str] = {}
        for old in [*repository.manifests]:
            kind, raw = repository.manifests[old]
            text = raw.decode()
            for one, other in places.items():
                text = text.replace(one, other)
            data = json.loads(text)
            for layer in data.get("layers", []):
                layer["size"] = size if layer["digest"] == weights else layer["size"]
            new = json.dumps(data).encode()
            if new != raw:
                repository.manifests[digest_of(new)] = (kind, new)
                places[old] = digest_of(new)
                _resize(repository.manifests, old, len(new))
        with pytest.raises((StorageError, IntegrityError)):
            fetch(registry.host, places.get(digest, digest), tmp_path)
        assert not registry.asked("GET", weights)


def _resize(manifests: dict[str, tuple[str, bytes]], digest: str, size: int) -> None:
    """Say another size of a manifest wherever it is listed."""
    for own, (kind, raw) in manifests.items():
        data = json.loads(raw)
        for one in data.get("manifests", []):
            one["size"] = size if one["digest"] == digest else one["size"]
        manifests[own] = (kind, json.dumps(data).encode())


def test_blob_without_bytes(tmp_path: Path) -> None:
    """A file of no bytes travels as what it is; one that a registry has lost is missed."""
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "nothing").touch()
    model = Model.from_dir(folder, name="empty", version="1")
    with FakeRegistry() as registry:
        pushed = model.push(f"{registry.host}/x")
        fetch(registry.host, str(pushed.digest), tmp_path)
        assert (tmp_path / "tree" / "nothing").read_bytes() == b""
        nothing = digest_of(b"")
        registry.repositories["x"].blobs[nothing] = b""
        remote = Remote(Reference.parse(f"{registry.host}/x"))
        deadline = Deadline.after(60)
        assert remote.has(nothing, deadline)
        with remote.read(media.Descriptor("", nothing, 0), 0, deadline) as (start, chunks):
            assert (start, b"".join(chunks)) == (0, b"")
        del registry.repositories["x"].blobs[nothing]
        assert not remote.has(nothing, deadline)


# Manifests.


def test_other_manifest_under_a_digest(registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    manifests = registry.repositories["x"].manifests
    manifests[artifact.digest] = (manifests[artifact.digest][0], manifests[artifact.digest][1] + b" ")
    with pytest.raises(IntegrityError, match=r"are others|the registry says"):
        fetch(registry.host, artifact.digest, tmp_path)
    need_nothing(tmp_path)


def test_a_tag_is_resolved_once(registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    """What was resolved stays what it was, wherever the tag goes."""
    reference = oci.resolve(f"{registry.host}/x:1")
    registry.repositories["x"].tags["1"] = artifact.manifests[0][0].digest
    fetched = oci.fetch([reference], artifact.digest, tmp_path / "tree", timeout=60)
    assert fetched.reference == reference == f"{registry.host}/x@{artifact.digest}"
    assert len(registry.asked("GET", "/manifests/1$")) == 1


def test_manifest_that_says_it_is_something_else(registry: FakeRegistry, artifact: Artifact) -> None:
    manifests = registry.repositories["x"].manifests
    manifests[artifact.digest] = (media.MANIFEST, manifests[artifact.digest][1])
    with pytest.raises(IntegrityError, match="the registry says"):
        oci.resolve(f"{registry.host}/x:1")


def test_parameters_of_a_type_are_ignored(registry: FakeRegistry, artifact: Artifact) -> None:
    manifests = registry.repositories["x"].manifests
    manifests[artifact.digest] = (f"{media.INDEX}; charset=utf-8", manifests[artifact.digest][1])
    assert oci.resolve(f"{registry.host}/x:1").endswith(artifact.digest)


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"{" * (5 * 1024 * 1024), "more than"),
        (b"[" * 100_000, "no JSON object"),
        (b"[]", "no JSON object"),
        (b"", "no JSON object"),
        (b"<html>", "no JSON object"),
    ],
)
def test_manifests_that_are_none(raw: bytes, error: str) -> None:
    with FakeRegistry() as registry:
        repository = registry.repositories["x"]
        repository.tags["1"], repository.manifests[digest_of(raw)] = digest_of(raw), ("application/json", raw)
        with pytest.raises(RegistryError, match=error):
            oci.resolve(f"{registry.host}/x:1")


def _pushed(registry: FakeRegistry, data: object, kind: str = media.INDEX) -> str:
    raw = json.dumps(data).encode()
    registry.repositories["x"].manifests[digest_of(raw)] = (kind, raw)
    registry.repositories["x"].tags["1"] = digest_of(raw)
    return digest_of(raw)


_SHA = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    "listed",
    [
        "text",
        [],
        ["text"],
        [{}],
        [{"mediaType": media.MANIFEST, "digest": _SHA, "size": -1}],
        [{"mediaType": media.MANIFEST, "digest": _SHA, "size": True}],
        [{"mediaType": media.MANIFEST, "digest": _SHA, "size": "9"}],
        [{"mediaType": media.MANIFEST, "digest": f"md5:{'0' * 32}", "size": 9}],
        [{"mediaType": media.MANIFEST, "digest": "sha256:../../../etc/passwd", "size": 9}],
        [{"mediaType": media.MANIFEST, "digest": _SHA, "size": 9, "platform": "linux"}],
        [{"mediaType": media.MANIFEST, "digest": _SHA, "size": 9, "annotations": {"a": 5}, "platform": {"os": []}}],
    ],
)
def test_indexes_that_are_none(listed: object, tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        digest = _pushed(registry, {"schemaVersion": 2, "mediaType": media.INDEX, "manifests": listed})
        with pytest.raises((RegistryError, UnsupportedError, NotFoundError)):
            fetch(registry.host, digest, tmp_path)
    need_nothing(tmp_path)


def test_index_without_our_platform(tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        windows = {
            "mediaType": media.MANIFEST,
            "digest": _SHA,
            "size": 9,
            "platform": {"os": "windows", "architecture": "amd64"},
        }
        digest = _pushed(registry, {"schemaVersion": 2, "mediaType": media.INDEX, "manifests": [windows]})
        with pytest.raises(UnsupportedError, match="windows/amd64"):
            fetch(registry.host, digest, tmp_path)


def test_index_that_lists_itself(tmp_path: Path) -> None:
    """By tag, for nobody can know its own digest: the registry answers every digest with the same index."""
    with FakeRegistry() as registry:
        inner = {
            "mediaType": media.INDEX,
            "digest": _SHA,
            "size": 9,
            "platform": {"os": "linux", "architecture": "amd64"},
        }
        digest = _pushed(registry, {"schemaVersion": 2, "mediaType": media.INDEX, "manifests": [inner]})
        registry.repositories["x"].tags[_SHA] = digest
        with pytest.raises((RegistryError, UnsupportedError)):
            fetch(registry.host, digest, tmp_path)
        assert len(registry.requests) < 20


def test_manifest_with_too_many_layers(artifact: Artifact, tmp_path: Path) -> None:
    with FakeRegistry() as registry:
        layer = {"mediaType": media.IMAGE_LAYER, "digest": _SHA, "size": 1}
        image = _pushed(registry, {"mediaType": media.MANIFEST, "layers": [layer] * 5000}, media.MANIFEST)
        entry = {
            "mediaType": media.MANIFEST,
            "digest": image,
            "size": 9,
            "platform": {"os": "linux", "architecture": "amd64"},
        }
        digest = _pushed(registry, {"mediaType": media.INDEX, "manifests": [entry]})
        with pytest.raises((RegistryError, UnsupportedError)):
            fetch(registry.host, digest, tmp_path)
        assert not registry.asked("GET", "/blobs/")


def test_registry_that_echoes_another_digest(registry: FakeRegistry, artifact: Artifact, tmp_path: Path) -> None:
    echo = {"Docker-Content-Digest": _SHA}
    kind, raw = registry.repositories["x"].manifests[artifact.digest]
    registry.when("GET", "manifests", lambda exchange: exchange.answer(200, raw, {"Content-Type": kind, **echo}))
    with pytest.raises(IntegrityError, match="the registry says"):
        oci.resolve(f"{registry.host}/x:1")
    registry.when("PUT", "manifests", after_reading(201, echo))
    with pytest.raises(IntegrityError, match="the registry says"):
        a_model(tmp_path / "other", version="2").push(f"{registry.host}/y")


def test_type_and_bytes_of_manifests(model: Model, artifact: Artifact) -> None:
    with FakeRegistry() as registry:
        model.push(f"{registry.host}/x")
        for descriptor, raw in (*artifact.manifests, artifact.index):
            assert registry.repositories["x"].manifests[descriptor.digest] == (descriptor.media_type, raw)
        order = [seen.path.rpartition("/")[2] for seen in registry.requests if seen.method == "PUT"]
        last_blob = max(at for at, path in enumerate(order) if "digest=" in path)
        assert order.index("1") > order.index(artifact.digest) > 0
        assert order.index(artifact.digest) > last_blob - len(order), "blobs first"


def test_a_layer_that_is_json_is_no_manifest(tmp_path: Path) -> None:
    folder = tmp_path / "words"
    folder.mkdir()
    (folder / "vocab.json").write_text('["a", "b"]')
    (folder / "manifest.json").write_text(json.dumps({"mediaType": media.INDEX, "manifests": []}))
    model = Model.from_dir(folder, name="words", version="1")
    with FakeRegistry() as registry:
        pushed = model.push(f"{registry.host}/x")
        fetch(registry.host, str(pushed.digest), tmp_path)
    assert json.loads((tmp_path / "tree" / "vocab.json").read_text()) == ["a", "b"]
