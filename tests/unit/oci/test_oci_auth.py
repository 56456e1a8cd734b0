"""Challenges, tokens and who may see a password."""

import json
import pwd
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from i4q_ai.errors import AuthError, RegistryError
from i4q_ai.oci import credentials
from i4q_ai.oci.auth import Authorizer, Challenge, challenges, merged, need_trusted
from i4q_ai.oci.credentials import Credentials, choose
from i4q_ai.oci.origins import Origin, origin_of
from i4q_ai.oci.transport import retry_after

REGISTRY = origin_of("https://registry.example.com/v2/")
URL = "https://registry.example.com/v2/x/blobs/y"
BEARER = 'Bearer realm="https://auth.example.com/token",service="s",scope="repository:x:pull"'


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("", []),
        ('Basic realm="a, b"', [Challenge("basic", {"realm": "a, b"})]),
        ("Basic realm=x", [Challenge("basic", {"realm": "x"})]),
        (
            'Negotiate, Bearer realm="https://a/t", scope="r:x:pull,push" , Basic realm="q\\"q"',
            [
                Challenge("negotiate"),
                Challenge("bearer", {"realm": "https://a/t", "scope": "r:x:pull,push"}),
                Challenge("basic", {"realm": 'q"q'}),
            ],
        ),
        ("=?", []),
    ],
)
def test_challenges(header: str, found: list[Challenge]) -> None:
    assert challenges(header) == found


class _Service:
    """A token service that remembers what it was asked."""

    def __init__(self, life: int = 300) -> None:
        self.asked: list[tuple[str, Mapping[str, Any], str | None]] = []
        self._life = life

    def __call__(self, realm: str, parameters: Mapping[str, Any], authorization: str | None) -> Mapping[str, Any]:
        self.asked.append((realm, parameters, authorization))
        return {"token": f"t{len(self.asked)}", "expires_in": self._life}


def test_bearer_is_only_for_the_registry() -> None:
    service = _Service()
    auth = Authorizer(REGISTRY, Credentials("press", "oil"), service)
    assert auth.header(URL) is None
    assert auth.answer(BEARER, None)
    assert auth.header(URL) == "Bearer t1"
    for other in ("https://cdn.example.com/x", "http://registry.example.com/x", "https://registry.example.com:444/x"):
        assert auth.header(other) is None
    assert auth.header("https://REGISTRY.example.com:443/v2/") == "Bearer t1"
    assert service.asked[0][0] == "https://auth.example.com/token"
    assert service.asked[0][2] == "Basic cHJlc3M6b2ls"


def test_scope_is_widened() -> None:
    service = _Service()
    auth = Authorizer(REGISTRY, Credentials(), service)
    auth.answer(BEARER, None)
    assert auth.answer(BEARER.replace(":pull", ":pull,push"), "Bearer t1")
    assert service.asked[1][1]["scope"] == ["repository:x:pull,push"]
    assert auth.header(URL) == "Bearer t2"


def test_another_thread_was_faster() -> None:
    service = _Service()
    auth = Authorizer(REGISTRY, Credentials(), service)
    auth.answer(BEARER, None)
    assert auth.answer(BEARER, None)
    assert len(service.asked) == 1


def test_token_is_renewed_before_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    service = _Service(life=60)
    auth = Authorizer(REGISTRY, Credentials(), service)
    auth.answer(BEARER, None)
    later = time.monotonic() + 55
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert auth.header(URL) == "Bearer t2"


def test_basic_refused_once_is_not_tried_again() -> None:
    auth = Authorizer(REGISTRY, Credentials("press", "oil"), _Service())
    assert auth.answer('Basic realm="x"', None)
    assert not auth.answer('Basic realm="x"', auth.header(URL))
    assert not Authorizer(REGISTRY, Credentials(), _Service()).answer('Basic realm="x"', None)


def test_identity_token_is_posted() -> None:
    service = _Service()
    Authorizer(REGISTRY, Credentials(identity_token="r"), service).answer(BEARER, None)
    _, form, authorization = service.asked[0]
    assert (form["grant_type"], form["refresh_token"], authorization) == ("refresh_token", "r", None)


@pytest.mark.parametrize(
    "realm",
    [
        "http://auth.example.com/token",
        "https://169.254.169.254/token",
        "https://127.0.0.1/token",
        "https://10.0.0.8/token",
        "https://[::1]/token",
        "https://0.0.0.0/token",
        "https://localhost/token",
        "https://user:secret@auth.example.com/token",
        "file:///etc/passwd",
        "",
    ],
)
def test_realms_that_get_no_password(realm: str) -> None:
    with pytest.raises(AuthError):
        need_trusted(realm, REGISTRY)


def test_realms_that_may() -> None:
    need_trusted("https://auth.docker.io/token", REGISTRY)
    need_trusted("http://127.0.0.1:5001/token", Origin("http", "127.0.0.1", 5000))
    need_trusted("https://10.0.0.8/token", Origin("https", "10.0.0.8", 443))


def test_merged_scopes() -> None:
    assert merged(["repository:b:pull", "repository:a:push,pull", "repository:b:push"]) == [
        "repository:a:pull,push",
        "repository:b:pull,push",
    ]


AUTHS = {
    "auths": {
        "host.io": {"auth": "aDpwMQ=="},
        "host.io/team": {"username": "t", "password": "p2"},
        "https://index.docker.io/v1/": {"identitytoken": "r"},
        "broken.io": {"auth": "!!"},
    }
}


@pytest.mark.parametrize(
    ("host", "repository", "found"),
    [
        ("host.io", "x", Credentials("h", "p1")),
        ("host.io", "team/x", Credentials("t", "p2")),
        ("host.io", "teams/x", Credentials("h", "p1")),
        ("docker.io", "library/alpine", Credentials(identity_token="r")),
        ("other.io", "x", Credentials()),
        ("broken.io", "x", Credentials()),
    ],
)
def test_longest_key_wins(host: str, repository: str, found: Credentials) -> None:
    assert choose(AUTHS, host, repository) == found


def test_credentials_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    assert not credentials.find("host.io", "x")
    (tmp_path / "config.json").write_text("{")
    assert not credentials.find("host.io", "x")
    (tmp_path / "config.json").write_text(json.dumps(AUTHS))
    assert credentials.find("host.io", "x").username == "h"


def test_secrets_are_not_printed() -> None:
    assert "oil" not in repr(Credentials("press", "oil", "oil", "oil"))


@pytest.mark.parametrize("url", ["ftp://x/y", "x", "", "https://", "https://host:port/"])
def test_no_origin(url: str) -> None:
    with pytest.raises(RegistryError):
        origin_of(url)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), ("7", 7.0), ("soon", None), ("Thu, 01 Jan 1970 00:00:09 GMT", 5.0), ("-1", None)],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, 4.0) == seconds


def test_a_user_without_a_home_has_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_uid: int) -> None:
        raise KeyError("no such user")

    for name in ("DOCKER_CONFIG", "HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert not credentials.find("host.io", "x")
