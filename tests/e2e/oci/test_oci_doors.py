"""Tokens and passwords over real sockets: how many requests they cost, who sees them, and when they end."""

from __future__ import annotations

import base64
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from i4q_ai import oci
from i4q_ai.deadline import Deadline
from i4q_ai.errors import AuthError, RegistryError
from i4q_ai.model import Model
from i4q_ai.oci.artifact import Artifact
from i4q_ai.oci.remote import Remote
from i4q_ai.oci.wire.credentials import Credentials
from i4q_ai.oci.wire.transport import Transport
from i4q_ai.testing.fake_registry import Exchange, FakeRegistry
from i4q_ai.testing.fake_tokens import BasicDoor, TokenDoor
from tests.e2e.oci.holding import a_model, built, fetch, hold, log_in
from tests.unit.oci.keeper import keeps

PASSWORD = base64.b64encode(b"press:oil").decode()


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("i4q_ai.retrying.FIRST_WAIT", 0.001)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return a_model(tmp_path / "model")


@pytest.fixture
def artifact(model: Model) -> Artifact:
    return built(model)


def test_anonymous_pull_costs_one_token(artifact: Artifact, tmp_path: Path) -> None:
    with hold(FakeRegistry(), artifact) as registry:
        door = TokenDoor(registry)
        assert oci.resolve(f"{registry.host}/x:1").endswith(artifact.digest)
        fetch(registry.host, artifact.digest, tmp_path)
        assert door.given == [["repository:x:pull"]]
        assert len([seen for seen in registry.requests if not seen.header("Authorization")]) == 2, "first try, token"


def test_push_asks_for_all_its_rights_at_once(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeRegistry() as registry:
        door = TokenDoor(registry, {"press": "oil"})
        log_in(monkeypatch, tmp_path, registry.host)
        model.push(f"{registry.host}/x")
        assert door.given == [["repository:x:pull,push"]]


def test_token_only_for_pulling_is_widened(model: Model) -> None:
    """A transport that has only read so far, and then writes."""
    with FakeRegistry() as registry:
        door = TokenDoor(registry)
        http = Transport(registry.host, Credentials())
        deadline = Deadline.after(60)
        http.request("HEAD", f"{registry.url}/v2/x/blobs/sha256:{'0' * 64}", deadline).close()
        http.request("POST", f"{registry.url}/v2/x/blobs/uploads/", deadline, body=b"").close()
        http.request("HEAD", f"{registry.url}/v2/x/blobs/sha256:{'0' * 64}", deadline).close()
        assert door.given == [["repository:x:pull"], ["repository:x:pull,push"]]
        refused = [
            seen.method for seen in registry.requests if "/v2/" in seen.path and not seen.header("Authorization")
        ]
        assert refused == ["HEAD"], "nothing was refused but the first request"


def test_token_that_expires_between_requests_of_an_upload(model: Model, artifact: Artifact) -> None:
    """Only the request that was refused repeats."""
    with FakeRegistry() as registry:
        door = TokenDoor(registry)
        puts: list[str] = []

        def _revoke(exchange: Exchange) -> bool:
            puts.append(exchange.path)
            if len(puts) == 1:
                door.revoke()
            return False

        registry.when("PUT", "", _revoke)
        assert model.push(f"{registry.host}/x").digest == artifact.digest
        assert registry.repositories["x"].tags["1"] == artifact.digest
        assert set(registry.repositories["x"].blobs) >= {blob.digest for blob in artifact.blobs}
        assert len(door.given) == 2
        assert not registry.repositories["x"].uploads, "none was begun anew for a token"


def test_no_body_is_sent_twice_for_a_password(
    model: Model, artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeRegistry() as registry:
        BasicDoor(registry, {"press": "oil"})
        log_in(monkeypatch, tmp_path, registry.host)
        model.push(f"{registry.host}/x")
    sent = Counter(len(seen.body) for seen in registry.requests if "/blobs/uploads/" in seen.path and seen.body)
    assert all(sent[blob.size] == 1 for blob in artifact.blobs if blob.size > 64 * 1024)
    assert sum(size * times for size, times in sent.items()) < 1.05 * sum(blob.size for blob in artifact.blobs)
    assert all(not seen.body for seen in registry.requests if not seen.header("Authorization"))


def test_no_body_before_the_registry_has_said_what_it_wants(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that lets everybody read: the first refusal is of the empty POST."""
    with FakeRegistry() as registry:
        door = BasicDoor(registry, {"press": "oil"})
        registry.when("GET|HEAD", "^/v2/", lambda exchange: exchange.honest())
        log_in(monkeypatch, tmp_path, registry.host)
        model.push(f"{registry.host}/x")
        assert door.accounts
        unauthorised = [seen for seen in registry.requests if seen.method not in ("GET", "HEAD")]
        assert {seen.method for seen in unauthorised if not seen.header("Authorization")} == {"POST"}
        assert all(not seen.body for seen in unauthorised if not seen.header("Authorization"))


def test_basic_challenge_without_credentials(artifact: Artifact) -> None:
    with hold(FakeRegistry(), artifact) as registry:
        BasicDoor(registry, {"press": "oil"})
        with pytest.raises(AuthError, match="answers 401") as refused:
            oci.resolve(f"{registry.host}/x:1")
        assert f"docker login {registry.host}" in refused.value.hint
        assert len(registry.requests) == 1


def test_many_threads_ask_for_one_token(artifact: Artifact) -> None:
    with hold(FakeRegistry(), artifact) as registry:
        door = TokenDoor(registry)
        http, deadline = Transport(registry.host, Credentials()), Deadline.after(60)
        together = threading.Barrier(8)

        def _ask(_: int) -> int:
            together.wait(60)
            with http.request("GET", f"{registry.url}/v2/x/manifests/1", deadline) as response:
                return response.status_code

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(_ask, range(8))) == {200}
        assert len(door.given) == 1


def test_token_service_elsewhere_sees_the_password_and_the_registry_only_the_token(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeRegistry() as service, hold(FakeRegistry(), artifact) as registry:
        TokenDoor(registry, {"press": "oil"}, service=service)
        log_in(monkeypatch, tmp_path, registry.host)
        assert oci.resolve(f"{registry.host}/x:1").endswith(artifact.digest)
        assert [seen.header("Authorization") for seen in service.requests] == [f"Basic {PASSWORD}"]
        assert PASSWORD not in repr(registry.requests)


def test_token_service_that_sends_us_on_is_not_followed(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FakeRegistry() as thief, hold(FakeRegistry(), artifact) as registry:
        TokenDoor(registry, {"press": "oil"})
        registry.when("", "^/token", lambda exchange: exchange.answer(307, b"", {"Location": f"{thief.url}/token"}))
        log_in(monkeypatch, tmp_path, registry.host)
        with pytest.raises(AuthError, match=r"token service of .* answers 307"):
            oci.resolve(f"{registry.host}/x:1")
        assert not thief.requests


@pytest.mark.parametrize(
    "realm",
    ["http://169.254.169.254/token", "http://10.0.0.9/token", "http://auth.example.com/token", "https://2852039166/t"],
)
def test_password_is_not_sent_to_a_realm_inside(
    realm: str, artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loopback may name loopback, but not the cloud's metadata service."""
    with hold(FakeRegistry(), artifact) as registry:
        TokenDoor(registry, {"press": "oil"}, realm=realm)
        log_in(monkeypatch, tmp_path, registry.host)
        with pytest.raises(AuthError) as refused:
            oci.resolve(f"{registry.host}/x:1")
    assert "oil" not in str(refused.value)
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"{" * 100_000, b'{"token": "' + b"a" * 200_000 + b'"}'])
def test_token_service_that_answers_nonsense(body: bytes, artifact: Artifact) -> None:
    with hold(FakeRegistry(), artifact) as registry:
        TokenDoor(registry)
        registry.when("", "^/token", lambda exchange: exchange.answer(200, body))
        with pytest.raises(RegistryError, match=r"gave no token|more than 131072 bytes"):
            oci.resolve(f"{registry.host}/x:1")


def test_token_service_that_is_busy_is_asked_again(artifact: Artifact) -> None:
    with hold(FakeRegistry(), artifact) as registry:
        door = TokenDoor(registry)
        registry.when("", "^/token", lambda exchange: exchange.answer(503, b"", {"Retry-After": "0"}), times=2)
        registry.when("", "^/token", lambda exchange: exchange.cut(), times=1)
        assert oci.resolve(f"{registry.host}/x:1").endswith(artifact.digest)
        assert len(door.given) == 1


def test_wrong_password_is_told_once_and_not_shown(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with hold(FakeRegistry(), artifact) as registry:
        TokenDoor(registry, {"press": "other"})
        log_in(monkeypatch, tmp_path, registry.host, password="oil-and-water")
        with pytest.raises(AuthError, match=r"token service of .* answers 401 .*no such account") as refused:
            oci.resolve(f"{registry.host}/x:1")
        assert len(registry.asked("GET", "^/token")) == 1
    assert "oil-and-water" not in f"{refused.value!r} {refused.value} {caplog.text}"
    assert base64.b64encode(b"press:oil-and-water").decode() not in caplog.text


def test_identity_token_is_posted(artifact: Artifact, tmp_path: Path) -> None:
    with hold(FakeRegistry(), artifact) as registry:
        door = TokenDoor(registry, {"press": "oil"})
        door.identity_tokens["refresh-me"] = "press"
        (tmp_path / "docker").mkdir()
        entry = {"auths": {registry.host: {"identitytoken": "refresh-me"}}}
        (tmp_path / "docker" / "config.json").write_text(json.dumps(entry))
        assert oci.resolve(f"{registry.host}/x:1").endswith(artifact.digest)
        (asked,) = registry.asked("POST", "^/token")
        assert b"grant_type=refresh_token&refresh_token=refresh-me" in asked.body
        assert asked.header("Authorization") is None


def test_password_that_expires_after_some_hours_is_fetched_anew(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ECR has it: Basic credentials from a helper, which are good for 12 hours."""
    with hold(FakeRegistry(), artifact) as registry:
        door = BasicDoor(registry, {"AWS": "morning"})
        (tmp_path / "docker").mkdir()
        helpers = {"credHelpers": {registry.host: "ecr-login"}}
        (tmp_path / "docker" / "config.json").write_text(json.dumps(helpers))
        log = keeps(tmp_path, monkeypatch, "ecr-login", {registry.host: ("AWS", "morning")})
        remote = Remote(oci.Reference.parse(f"{registry.host}/x"))
        deadline = Deadline.after(60)
        assert remote.resolve("1", deadline) == artifact.digest
        door.accounts["AWS"] = "evening"
        keeps(tmp_path, monkeypatch, "ecr-login", {registry.host: ("AWS", "evening")})
        assert remote.resolve("1", deadline) == artifact.digest
        assert remote.resolve("1", deadline) == artifact.digest
        assert log.read_text().split() == ["get", registry.host] * 2


def test_credentials_of_one_registry_are_not_shown_to_another(
    artifact: Artifact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mirrors: each has its own, or none."""
    with hold(FakeRegistry(), artifact) as upstream, hold(FakeRegistry(), artifact) as mirror:
        BasicDoor(upstream, {"press": "oil"})
        mirror.when("GET", "/blobs/", lambda exchange: exchange.answer(401, b"", {"WWW-Authenticate": "Basic"}))
        log_in(monkeypatch, tmp_path, upstream.host)
        references = [f"{mirror.host}/x", f"{upstream.host}/x"]
        oci.fetch(references, artifact.digest, tmp_path / "tree", timeout=60)
        assert mirror.asked("GET", "/blobs/")
        assert all(seen.header("Authorization") is None for seen in mirror.requests)
