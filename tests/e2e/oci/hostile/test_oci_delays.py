"""Registries that stall, ask for patience, or never come to an end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.errors import (
    DeadlineError,
    I4qError,
    RegistryError,
    UnreachableError,
)
from i4q_ai.oci import media
from i4q_ai.oci.artifact import Artifact
from i4q_ai.testing.fake_registry import Exchange, FakeRegistry
from tests.e2e.oci.holding import fetch


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_asked_to_try_again(status: int, registry: FakeRegistry, artifact: Artifact) -> None:
    registry.when("GET", "", lambda exchange: exchange.answer(status, b"", {"Retry-After": "0"}), times=2)
    assert oci.resolve(f"{registry.host}/x:1").endswith(artifact.digest)
    assert len(registry.requests) == 3


def test_told_to_wait_until_a_date(registry: FakeRegistry, artifact: Artifact) -> None:
    past = {"Retry-After": "Thu, 01 Jan 1970 00:00:09 GMT"}
    registry.when("GET", "", lambda exchange: exchange.answer(503, b"", past), times=1)
    assert oci.resolve(f"{registry.host}/x:1").endswith(artifact.digest)


def test_told_to_wait_longer_than_there_is_time(registry: FakeRegistry) -> None:
    registry.when("GET", "", lambda exchange: exchange.answer(503, b"", {"Retry-After": "3600"}))
    with pytest.raises(DeadlineError):
        oci.resolve(f"{registry.host}/x:1", timeout=30)
    assert len(registry.requests) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 422, 501])
def test_never_tried_again(status: int, registry: FakeRegistry) -> None:
    registry.when("GET", "", lambda exchange: exchange.refuse(status, "DENIED", "not for you\n"))
    with pytest.raises(
        I4qError, match=rf"answers {status} to GET /v2/x/manifests/1 \(DENIED: not for you\)|no tag '1'"
    ):
        oci.resolve(f"{registry.host}/x:1")
    assert len(registry.requests) == 1


def test_gives_up_after_five_tries(registry: FakeRegistry) -> None:
    registry.when("GET", "", lambda exchange: exchange.answer(500))
    with pytest.raises(RegistryError, match="answers 500"):
        oci.resolve(f"{registry.host}/x:1")
    assert len(registry.requests) == 5


def test_our_own_mistakes_are_not_tried_again(registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    def _mistaken(*_: object) -> None:
        raise TypeError("a mistake of ours")

    monkeypatch.setattr(media, "digest_of", _mistaken)
    with pytest.raises(TypeError, match="a mistake of ours"):
        oci.resolve(f"{registry.host}/x:1")
    assert len(registry.requests) == 1


@pytest.mark.parametrize("where", ["manifests", "blobs"])
def test_stalls_are_noticed(
    where: str, registry: FakeRegistry, artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that says nothing, and one that stops in the middle of a body; another try helps."""
    monkeypatch.setattr("i4q_ai.oci.wire.transport.STALL_TIMEOUT", 0.3)

    def _stop(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Length", "100000")
        exchange.end_headers()
        exchange.wfile.write(b"x")
        exchange.stall()

    registry.when("GET", where, lambda exchange: exchange.stall(), times=1)
    if where == "blobs":
        registry.when("GET", where, lambda exchange: exchange.honest(), times=1)
    else:
        registry.when("GET", where, _stop, times=1)
    fetch(registry.host, artifact.digest, tmp_path)
    assert (tmp_path / "tree").exists()


@pytest.mark.parametrize("line", [b"X", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-A: "])
def test_head_that_never_ends(line: bytes, registry: FakeRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte by byte, each in time: the whole is not."""
    monkeypatch.setattr("i4q_ai.oci.wire.transport.STALL_TIMEOUT", 0.2)

    def _drip(exchange: Exchange) -> None:
        exchange.wfile.write(line)
        while not exchange.registry.closing.wait(0.02):
            exchange.wfile.write(line if b"100" in line else b"x")

    registry.when("GET", "", _drip)
    with pytest.raises(UnreachableError, match="does not answer in time"):
        oci.resolve(f"{registry.host}/x:1", timeout=60)
    assert len(registry.requests) == 5


def test_deadline_holds_whatever_a_registry_does(registry: FakeRegistry) -> None:
    registry.when("GET", "", lambda exchange: exchange.stall())
    begun = time.monotonic()
    with pytest.raises(DeadlineError):
        oci.resolve(f"{registry.host}/x:1", timeout=0.5)
    assert time.monotonic() - begun < 30, "not the time that a stall may take"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 999 OK\r\nContent-Length: 0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
    ],
)
def test_answers_that_are_no_http(raw: bytes, registry: FakeRegistry) -> None:
    def _say(exchange: Exchange) -> None:
        exchange.wfile.write(raw)
        exchange.cut()

    registry.when("GET", "", _say)
    with pytest.raises((RegistryError, UnreachableError)):
        oci.resolve(f"{registry.host}/x:1", timeout=60)
    assert len(registry.requests) <= 5


def test_answer_in_chunks(registry: FakeRegistry, artifact: Artifact) -> None:
    raw = artifact.index[1]

    def _pieces(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Type", artifact.index[0].media_type)
        exchange.send_header("Transfer-Encoding", "chunked")
        exchange.end_headers()
        for piece in (raw[:100], raw[100:], b""):
            exchange.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    registry.when("GET", "manifests", _pieces)
    assert oci.resolve(f"{registry.host}/x:1").endswith(artifact.digest)
