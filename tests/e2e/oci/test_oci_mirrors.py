"""Several references: each part comes from the first that can give it, and none sees another's password."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.errors import I4qError, IntegrityError, NotFoundError, UnreachableError
from tests.e2e.oci.liar import Request, lying
from tests.e2e.oci.mirror import Stored, digest_of_largest, made, serve

SIZES = {"weights.dat": 5_000_000, "other.dat": 300_000, "small.json": 20}
Reply = Callable[[Request, Stored], None]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("i4q_ai.retrying.FIRST_WAIT", 0.001)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))


def _closed() -> str:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def _lies(request: Request, stored: Stored) -> None:
    largest = digest_of_largest(stored)
    kind, raw = stored[largest]
    serve(request, {**stored, largest: (kind, raw[:3_000_000] + b"x" + raw[3_000_001:])})


def _dies(request: Request, stored: Stored) -> None:
    """In the middle of the largest blob, and for ever."""
    largest = digest_of_largest(stored)
    if request.server.asked("GET", largest):
        if len(request.server.asked("GET", largest)) > 1 or not request.path.endswith(largest):
            request.close_connection = True
            return
        request.answer(200, stored[largest][1][:2_000_000], length=len(stored[largest][1]))
    else:
        serve(request, stored)


def _refuses(request: Request, stored: Stored) -> None:
    serve(request, stored) if "/manifests/" in request.path else request.answer(503)


def _has_lost(request: Request, stored: Stored) -> None:
    serve(request, {digest: told for digest, told in stored.items() if digest != digest_of_largest(stored)})


@pytest.mark.parametrize("misbehave", [_lies, _dies, _refuses, _has_lost])
def test_the_second_gives_what_the_first_does_not(tmp_path: Path, misbehave: Reply) -> None:
    model, artifact, stored = made(tmp_path / "model", SIZES)
    largest = digest_of_largest(stored)
    with (
        lying(lambda request: misbehave(request, stored)) as first,
        lying(lambda request: serve(request, stored)) as second,
    ):
        fetched = oci.fetch(
            [f"{first.host}/x", f"{second.host}/y"], artifact.digest, tmp_path / "tree", timeout=60,
            blobs=tmp_path / "blobs",
        )  # fmt: skip
        asked = [request.headers.get("Range") for request in second.asked("GET", largest)]
    assert fetched.files == model.files
    for file in model.files:
        assert (tmp_path / "tree" / file.path).read_bytes() == (tmp_path / "model" / file.path).read_bytes()
    assert len(asked) == 1
    if misbehave is _dies:
        assert asked[0] == "bytes=2000000-"
        assert fetched.reference == f"{first.host}/x@{artifact.digest}"
    assert list((tmp_path / "blobs" / "ingest").iterdir()) == []


def test_a_mirror_that_is_away_is_not_asked_for_every_part(tmp_path: Path) -> None:
    _, artifact, stored = made(tmp_path / "model", {f"{number}.dat": 1000 for number in range(20)})
    with lying(lambda request: request.answer(404)) as first, lying(lambda request: serve(request, stored)) as second:
        oci.fetch([f"{first.host}/x", f"{second.host}/y"], artifact.digest, tmp_path / "tree", timeout=60)
        assert len(first.requests) == 1


def test_none_can(tmp_path: Path) -> None:
    _, artifact, stored = made(tmp_path / "model", SIZES)
    with lying(lambda request: _has_lost(request, stored)) as first:
        with pytest.raises(I4qError, match="none of 2 references could deliver") as failed:
            oci.fetch([f"{first.host}/x", f"{_closed()}/y"], artifact.digest, tmp_path / "tree", timeout=60)
        assert "answers 404" in failed.value.what
        assert "refuses connections" in failed.value.what
    with pytest.raises(UnreachableError):
        oci.fetch([f"{_closed()}/y"], artifact.digest, tmp_path / "tree", timeout=60)
    with lying(lambda request: _lies(request, stored)) as first, pytest.raises(IntegrityError, match="twice"):
        oci.fetch([f"{first.host}/x"], artifact.digest, tmp_path / "tree", timeout=60)
    assert not (tmp_path / "tree").exists()


def test_what_a_mirror_has_begun_wrongly_is_not_kept(tmp_path: Path) -> None:
    """The beginning is one's, the end another's: together they are wrong, and the second gives all of it."""
    model, artifact, stored = made(tmp_path / "model", SIZES)
    largest = digest_of_largest(stored)

    def _spoils_and_dies(request: Request) -> None:
        if request.path.endswith(largest):
            request.answer(200, b"x" * 5000 + bytes(1_000_000), length=len(stored[largest][1]))
        else:
            serve(request, stored)

    blobs = tmp_path / "blobs"
    with lying(_spoils_and_dies) as first, lying(lambda request: serve(request, stored)) as second:
        oci.fetch([f"{first.host}/x", f"{second.host}/y"], artifact.digest, tmp_path / "tree", timeout=60, blobs=blobs)
    assert (tmp_path / "tree" / "weights.dat").read_bytes() == (tmp_path / "model" / "weights.dat").read_bytes()
    assert len(model.files) == 3


def test_each_gets_only_its_own_password(tmp_path: Path) -> None:
    _, artifact, stored = made(tmp_path / "model", SIZES)

    def _wants_password(request: Request, reply: Reply) -> None:
        if request.headers.get("Authorization"):
            reply(request, stored)
        else:
            request.answer(401, WWW_Authenticate='Basic realm="x"')

    with (
        lying(lambda request: _wants_password(request, _dies)) as first,
        lying(lambda request: _wants_password(request, serve)) as second,
    ):
        (tmp_path / "docker").mkdir()
        logins = {host: {"username": "press", "password": secret} for host, secret in
                  ((first.host, "oil"), (second.host, "water"))}  # fmt: skip
        (tmp_path / "docker" / "config.json").write_text(json.dumps({"auths": logins}))
        oci.fetch([f"{first.host}/x", f"{second.host}/y"], artifact.digest, tmp_path / "tree", timeout=60)
        for server, secret in ((first, "oil"), (second, "water")):
            told = {request.headers.get("Authorization") for request in server.requests} - {None}
            assert told == {f"Basic {base64.b64encode(f'press:{secret}'.encode()).decode()}"}


def test_nothing_is_anywhere(tmp_path: Path) -> None:
    with lying(lambda request: request.answer(404)) as first, lying(lambda request: request.answer(404)) as second:
        references = [f"{first.host}/x", f"{second.host}/y"]
        with pytest.raises(NotFoundError, match="none of 2"):
            oci.fetch(references, f"sha256:{'0' * 64}", tmp_path / "tree", timeout=60)
