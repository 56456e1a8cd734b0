"""Statements: what is signed, in which order, and what a statement must agree with."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.errors import IntegrityError, UnsupportedError
from i4q_ai.oci.signing import statement
from i4q_ai.oci.signing.statement import differences, encoded, in_order, of_files, of_manifest, parse, root, shards

PARTS = st.text("abcdez.-_019", min_size=1, max_size=6).filter(lambda part: part not in (".", ".."))
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
FILES = st.dictionaries(PATHS, HASHES, min_size=1, max_size=12)


def test_the_encoding_tells_lengths_in_bytes() -> None:
    payload = "{ü}".encode()
    assert encoded(payload) == b"DSSEv1 28 application/vnd.in-toto+json 4 " + payload


@given(st.binary(), st.binary())
def test_no_two_payloads_are_encoded_alike(one: bytes, other: bytes) -> None:
    assert (encoded(one) == encoded(other)) == (one == other)


def test_paths_are_sorted_by_their_parts() -> None:
    assert in_order(["a.txt", "a/b", "a", "a-b", "a/b/c", "B"]) == ["B", "a", "a/b", "a/b/c", "a-b", "a.txt"]


def test_the_root_is_over_the_raw_digests() -> None:
    one, other = hashlib.sha256(b"1"), hashlib.sha256(b"2")
    assert root([one.hexdigest(), other.hexdigest()]) == hashlib.sha256(one.digest() + other.digest()).hexdigest()


@given(FILES)
def test_files_survive_the_round_trip(files: dict[str, str]) -> None:
    read = parse(of_files("wear", files, ignored=["model.sig"]))
    assert dict(read.resources) == files
    assert list(read.resources) == in_order(files)
    assert read.ignored == ("model.sig",)
    assert read.subject == (f"sha256:{root(files[path] for path in in_order(files))}",)
    assert differences(read, files) == []


@given(FILES, st.data())
def test_every_difference_is_noticed(files: dict[str, str], data: st.DataObject) -> None:
    read = parse(of_files("wear", files))
    there = dict(files)
    path = data.draw(st.sampled_from(sorted(files)))
    what = data.draw(st.sampled_from(["change", "remove", "add"]))
    if what == "remove":
        del there[path]
    else:
        there[path if what == "change" else f"{path}/new"] = "0" * 64
    if there != files:
        assert differences(read, there)


def test_a_manifest_is_named_as_cosign_names_it() -> None:
    digest = "sha256:" + "a" * 64
    written = json.loads(of_manifest(digest))
    assert written == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {"sha256": "a" * 64}}],
        "predicateType": "https://sigstore.dev/cosign/sign/v1",
        "predicate": {},
    }
    assert parse(of_manifest(digest)).subject == (digest,)


def changed(**fields: object) -> bytes:
    data = json.loads(of_files("wear", {"a": "1" * 64, "b": "2" * 64}))
    for path, value in fields.items():
        *parents, last = path.split("__")
        inside = data
        for parent in parents:
            inside = inside[int(parent) if parent.isdigit() else parent]
        inside[int(last) if last.isdigit() else last] = value
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"[" * 100_000,
        changed(subject=[]),
        changed(subject__0__digest={"sha256": "1" * 64}),
        changed(subject__0__digest={}),
        changed(predicate__resources=[]),
        changed(predicate__resources={}),
        changed(predicate__resources__0__digest="2" * 64),
        changed(predicate__resources__0__name="b"),
        changed(predicate__resources__0__name=""),
        changed(predicate__resources__0={}),
        changed(predicate__serialization={"method": "shards", "hash_type": "sha256", "shard_size": 0}),
        changed(predicate__serialization={}),
    ],
)
def test_a_broken_statement_is_refused(payload: bytes) -> None:
    with pytest.raises(IntegrityError):
        parse(payload)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (changed(predicateType="https://model_signing/Digests/v0.1"), "0.2 or older"),
        (changed(predicateType="https://slsa.dev/provenance/v1"), "says nothing about a model"),
        (changed(_type="https://in-toto.io/Statement/v0.1"), "statement of type"),
        (changed(predicate__serialization__hash_type="blake3"), "blake3"),
        (changed(predicate__serialization__method="trees"), "trees"),
        (changed(predicate__resources__0__algorithm="md5"), "no sha256 of 'a'"),
        (changed(predicate__resources__0__digest="../../etc"), "no sha256 of 'a'"),
    ],
)
def test_what_cannot_be_checked_is_refused_with_its_name(payload: bytes, why: str) -> None:
    with pytest.raises(UnsupportedError, match=why):
        parse(payload)


@given(st.integers(1, 10_000), st.integers(1, 3000))
def test_shards_cover_a_file_once(size: int, length: int) -> None:
    found = shards("a", size, length)
    assert [start for _, start, _ in found] == [0, *(end for _, _, end in found[:-1])]
    assert found[-1][2] == size
    assert all(0 < end - start <= length for _, start, end in found)


def test_git_belongs_to_nobody() -> None:
    assert statement.is_unseen(".github/workflows/x.yml")
    assert not statement.is_unseen("docs/.git/x")
