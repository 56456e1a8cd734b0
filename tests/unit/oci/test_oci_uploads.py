"""What uploads are made of: parts, ranges, records, tags, quirks, and the file that is handed to a socket."""

from __future__ import annotations

import functools
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, I4qError, NotFoundError, ReferenceInvalid, VersionExistsError
from i4q_ai.oci import tagging
from i4q_ai.oci.rates import Rate
from i4q_ai.oci.uploads import neighbours, resuming
from i4q_ai.oci.uploads.bodies import Body, Flow, Part, Span, Stretch, chunks_of, cut, length
from i4q_ai.oci.uploads.resuming import Record, Standing, received
from i4q_ai.oci.uploads.uploading import closing
from i4q_ai.oci.wire import quirks

A, B = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("data") / "file"
    place.write_bytes(os.urandom(300_000))
    return place


def _read(parts: Sequence[Part]) -> bytes:
    return b"".join(chunk for part in parts for chunk in chunks_of(part, 1000))


_SIZES = st.lists(st.tuples(st.booleans(), st.integers(0, 5000), st.integers(0, 3000)), max_size=6)


@given(made=_SIZES, start=st.integers(0, 20_000), size=st.integers(0, 20_000))
def test_any_cut_is_the_same_bytes(data: Path, made: list[tuple[bool, int, int]], start: int, size: int) -> None:
    parts: list[Part] = [Span(data, at, count) if is_span else bytes(count) for is_span, at, count in made]
    whole = _read(parts)
    found = cut(parts, start, start + size)
    assert _read(found) == whole[start : start + size]
    assert all(length(part) for part in found)


@given(first=st.binary(max_size=100_000), size=st.integers(0, 200_000))
def test_body_is_its_parts_and_tells_how_far_it_is(data: Path, first: bytes, size: int) -> None:
    told: list[int] = []
    checked: list[int] = []
    flow = Flow(Deadline.after(60), told=told.append)
    body = Body([first, Span(data, 0, size)], flow, start=7, last=lambda: checked.append(flow.at))
    sent = bytearray()
    for piece in body:
        sent += piece if isinstance(piece, bytes) else b"".join(piece)
    assert bytes(sent) == first + data.read_bytes()[:size]
    assert len(body) == len(sent)
    assert told[0] == 7
    assert told[-1] == 7 + len(sent)
    assert told == sorted(told)
    assert checked == [7 + max(len(sent) - 64 * 1024, 0)]  # before the last bytes, never after


def test_file_goes_to_the_socket_by_itself(data: Path) -> None:
    ours, theirs = socket.socketpair()
    got = bytearray()

    def _receive() -> None:
        while piece := theirs.recv(65536):
            got.extend(piece)

    receiver = threading.Thread(target=_receive)
    receiver.start()
    ours.settimeout(30)
    with data.open("rb") as file:
        Stretch(file.fileno(), Span(data, 1000, 200_000), Flow(Deadline.after(60), rate=Rate(1e9))).send_to(ours)
    ours.close()
    receiver.join(30)
    theirs.close()
    assert bytes(got) == data.read_bytes()[1000:201_000]


def test_other_side_that_takes_nothing(data: Path) -> None:
    ours, theirs = socket.socketpair()
    ours.settimeout(0.05)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with ours, theirs, data.open("rb") as file:
        stretch = Stretch(file.fileno(), Span(data, 0, 300_000), Flow(Deadline.after(60)))
        with pytest.raises(TimeoutError):
            stretch.send_to(ours)


@pytest.mark.parametrize("way", ["iterated", "sent", "read"])
def test_file_that_is_shorter_than_it_was(data: Path, way: str) -> None:
    span = Span(data, 299_000, 5000)
    ours, theirs = socket.socketpair()
    ours.settimeout(30)
    with ours, theirs, data.open("rb") as file:
        stretch = Stretch(file.fileno(), span, Flow(Deadline.after(60)))
        ways: dict[str, Callable[[], object]] = {
            "sent": functools.partial(stretch.send_to, ours),
            "iterated": functools.partial(list, stretch),
            "read": functools.partial(list, chunks_of(span)),
        }
        with pytest.raises(ConflictError, match="became shorter"):
            ways[way]()


def test_file_that_is_gone(tmp_path: Path) -> None:
    body = Body([Span(tmp_path / "none", 0, 100_000)], Flow(Deadline.after(60)))
    with pytest.raises(NotFoundError, match="is gone"):
        list(body)


def test_cancelled_between_pieces(data: Path) -> None:
    cancel = threading.Event()
    body = Body([Span(data, 0, 300_000)], Flow(Deadline.after(60, "the push", cancel=cancel)))
    pieces = iter(body)
    next(pieces)
    cancel.set()
    with pytest.raises(I4qError, match="was cancelled"):
        list(pieces)


@given(st.integers(1, 2**50))
def test_range_of_what_is_there(last: int) -> None:
    assert received(f"0-{last}") == last + 1
    assert received(f"bytes=0-{last}") == last + 1


@pytest.mark.parametrize("header", [None, "", "0-0", "0-", "1-5", "-5", "0-5-6", "bytes 0-x", "0-²", "0-" + "9" * 19])
def test_range_that_says_nothing(header: str | None) -> None:
    assert received(header) == 0


@given(st.text(max_size=40))
def test_range_of_any_text(text: str) -> None:
    assert received(text) >= 0


def test_record_lasts_and_belongs_to_its_source() -> None:
    record = Record("r/x sha256:1")
    assert record.load("sha256:1") is None
    with record.held():
        record.save(Standing("sha256:1", "http://r/u?state=secret", 5))
    again = Record("r/x sha256:1")
    with again.held():
        assert again.load("sha256:1") == Standing("sha256:1", "http://r/u?state=secret", 5)
        assert again.load("sha256:2") is None
        again.drop()
        assert again.load("sha256:1") is None


def test_record_is_for_one_process_at_a_time() -> None:
    with Record("r/x 1").held():
        other = Record("r/x 1")
        with other.held():
            assert not other.kept
            other.save(Standing("1", "http://r/u", 5))
            assert other.load("1") is None


def test_record_holds_a_secret(tmp_path: Path) -> None:
    record = Record("r/x 1")
    with record.held():
        record.save(Standing("1", "http://r/u", 5))
    (place,) = (tmp_path / "cache" / "uploads").glob("*.json")
    assert place.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'{"source": "1"}', b'{"source": "1", "location": "u", "sent": "x"}', b"\xff"]
)
def test_rotten_record_is_none(tmp_path: Path, raw: bytes) -> None:
    record = Record("r/x 1")
    with record.held():
        record.save(Standing("1", "http://r/u", 5))
        next((tmp_path / "cache" / "uploads").glob("*.json")).write_bytes(raw)
        assert record.load("1") is None


def test_old_record_is_none_and_is_swept(tmp_path: Path) -> None:
    old = time.time() - resuming.KEPT - 10
    with (record := Record("r/x 1")).held():
        record.save(Standing("1", "http://r/u", 5))
        place = next((tmp_path / "cache" / "uploads").glob("*.json"))
        os.utime(place, (old, old))
        assert record.load("1") is None
    with (other := Record("r/x 2")).held():
        other.drop()
    assert not place.exists()


def test_place_where_nothing_can_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wall").write_text("no folder")
    monkeypatch.setenv("I4Q_CACHE", str(tmp_path / "wall"))
    record = Record("r/x 1")
    with record.held():
        assert not record.kept
        record.save(Standing("1", "http://r/u", 5))
        assert record.load("1") is None


def test_standing_is_json(tmp_path: Path) -> None:
    with (record := Record("r/x 1")).held():
        record.save(Standing("1", "u", 5))
    (place,) = (tmp_path / "cache" / "uploads").glob("*.json")
    assert json.loads(place.read_text()) == {"source": "1", "location": "u", "sent": 5}


@pytest.mark.parametrize(
    "host", ["ghcr.io", "GHCR.io:443", "eu.gcr.io", "europe-docker.pkg.dev", "1.dkr.ecr.eu.amazonaws.com"]
)
def test_registries_that_take_no_chunks(host: str) -> None:
    assert not quirks.takes_chunks(host)


@pytest.mark.parametrize("host", ["localhost:5000", "[::1]:5000", "myghcr.io", "ghcr.io.factory", "quay.io"])
def test_registries_that_take_chunks(host: str) -> None:
    assert quirks.takes_chunks(host)


@pytest.mark.parametrize(
    ("told", "size"), [("", quirks.CHUNK), ("-5", quirks.CHUNK), ("²", quirks.CHUNK), ("1e9", quirks.CHUNK)]
)
def test_smallest_chunk_that_is_none(told: str, size: int) -> None:
    assert quirks.chunk_size(told) == size


def test_query_of_a_location_stays() -> None:
    assert closing("http://r/u", A) == f"http://r/u?digest={A}"
    assert closing("http://r/u?_state=a%3D&x", A) == f"http://r/u?_state=a%3D&x&digest={A}"


def test_when_a_tag_may_be_set() -> None:
    assert not tagging.is_set("r", "1", found=None, wanted=A)
    assert tagging.is_set("r", "1", found=A, wanted=A, if_match=None)
    assert not tagging.is_set("r", "1", found=B, wanted=A, if_match=B)
    assert not tagging.is_set("r", "1", found=None, wanted=A, if_match=None)
    with pytest.raises(VersionExistsError):
        tagging.is_set("r", "1", found=B, wanted=A)
    with pytest.raises(ConflictError, match=f"stands for {B}, not for nothing"):
        tagging.is_set("r", "1", found=B, wanted=A, if_match=None)
    with pytest.raises(ConflictError, match="stands for nothing"):
        tagging.is_set("r", "1", found=None, wanted=A, if_match=B)


def test_if_match_is_a_digest() -> None:
    tagging.need_digest(...)
    tagging.need_digest(None)
    tagging.need_digest(A)
    with pytest.raises(ReferenceInvalid, match="no digest"):
        tagging.need_digest("1.0")


def test_neighbours() -> None:
    neighbours.remember("https://r", "a/x", [A])
    assert neighbours.of("https://r", "a/y", [A, B]) == {A: "a/x"}
    assert neighbours.of("https://r", "a/x", [A]) == {}
    assert neighbours.of("https://other", "a/y", [A]) == {}
