"""Who we are to a registry: config files, helper programs, mounted secrets."""

from __future__ import annotations

import base64
import json
import logging
import pwd
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from i4q_ai.oci.wire import credentials, keychain
from i4q_ai.oci.wire.credentials import Credentials, choose
from tests.unit.oci.keeper import keeps

AUTHS = {
    "auths": {
        "host.io": {"auth": "aDpwMQ=="},
        "host.io/team": {"username": "t", "password": "p2"},
        "host.io/team/x": {"username": "x", "password": "p3"},
        "host.io:5000": {"username": "other-port", "password": "p"},
        "https://old.io/v1/": {"auth": "aDpwMQ=="},
        "https://index.docker.io/v1/": {"identitytoken": "r"},
        "docker.io/team": {"username": "of-a-team", "password": "p"},
        "bearer.io": {"registrytoken": "b"},
        "broken.io": {"auth": "!!"},
        "colon.io": {"auth": base64.b64encode(b"u:p:q").decode()},
        "odd.io": "text",
    }
}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "I4Q_PULL_SECRETS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))


@pytest.mark.parametrize(
    ("host", "repository", "found"),
    [
        ("host.io", "x", Credentials("h", "p1")),
        ("host.io", "team/y", Credentials("t", "p2")),
        ("host.io", "team/x", Credentials("x", "p3")),
        ("host.io", "team/x/y", Credentials("x", "p3")),
        ("host.io", "teams/x", Credentials("h", "p1")),
        ("host.io:5000", "x", Credentials("other-port", "p")),
        ("host.io:5001", "x", Credentials()),
        ("old.io", "x", Credentials("h", "p1")),
        ("docker.io", "library/alpine", Credentials(identity_token="r")),
        ("docker.io", "team/x", Credentials("of-a-team", "p")),
        ("bearer.io", "x", Credentials(registry_token="b")),
        ("other.io", "x", Credentials()),
        ("broken.io", "x", Credentials()),
        ("colon.io", "x", Credentials("u", "p:q")),
        ("odd.io", "x", Credentials()),
    ],
)
def test_longest_key_wins(host: str, repository: str, found: Credentials) -> None:
    assert choose(AUTHS, host, repository) == found


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["auths", "a.io", "auth", "x"]), inner),
    max_leaves=8,
)


@given(_JSON)
def test_any_config_may_come(data: Any) -> None:
    assert isinstance(choose(data, "a.io", "x"), Credentials)


def _write(path: Path, host: str = "host.io", user: str = "u", **more: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"auths": {host: {"username": user, "password": "p"}}, **more}))
    return path


def test_files_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each new file is earlier in the order than those before, so it is the one that is found."""
    secrets = tmp_path / "secrets"
    monkeypatch.setenv("I4Q_PULL_SECRETS", str(secrets))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    order = [
        secrets / "one" / ".dockerconfigjson",
        tmp_path / "home" / ".docker" / "config.json",
        tmp_path / "home" / ".config" / "containers" / "auth.json",
        tmp_path / "run" / "containers" / "auth.json",
        tmp_path / "auth.json",
        tmp_path / "docker" / "config.json",
    ]
    secrets.mkdir()
    assert not credentials.find("host.io", "x")
    for number, path in enumerate(order):
        _write(path, user=f"u{number}")
        assert credentials.find("host.io", "x").username == f"u{number}"


def test_a_file_without_the_registry_does_not_hide_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    _write(tmp_path / "docker" / "config.json", host="else.io")
    _write(tmp_path / "home" / ".docker" / "config.json", user="home")
    assert credentials.find("host.io", "x").username == "home"


def test_all_mounted_secrets_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a kubelet mounts them: links into a hidden folder."""
    for name, host in (("a", "a.io"), ("b", "b.io")):
        real = _write(tmp_path / "secrets" / name / "..2026" / ".dockerconfigjson", host=host, user=name)
        (tmp_path / "secrets" / name / "..data").symlink_to(real.parent)
        (tmp_path / "secrets" / name / ".dockerconfigjson").symlink_to(Path("..data") / ".dockerconfigjson")
    _write(tmp_path / "more" / ".dockerconfigjson", host="a.io/team", user="team")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / ".dockercfg").write_text(json.dumps({"c.io": {"username": "c", "password": "p"}}))
    folders = [tmp_path / "secrets", tmp_path / "more", tmp_path / "old", tmp_path / "none"]
    monkeypatch.setenv("I4Q_PULL_SECRETS", ":".join(map(str, folders)))
    found = {
        name: credentials.find(*name.split("/", 1)).username for name in ("a.io/x", "a.io/team/x", "b.io/x", "c.io/x")
    }
    assert found == {"a.io/x": "a", "a.io/team/x": "team", "b.io/x": "b", "c.io/x": "c"}


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"[" * 100_000, b'{"auths": []}'])
def test_broken_file_is_ignored(content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    (tmp_path / "config.json").write_bytes(content)
    assert not credentials.find("host.io", "x")


def test_a_user_without_a_home_has_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_uid: int) -> None:
        raise KeyError("no such user")

    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert not credentials.find("host.io", "x")


def test_secrets_are_not_printed() -> None:
    assert "oil" not in repr(Credentials("press", "oil", "oil", "oil"))


def test_helper_of_a_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = keeps(tmp_path, monkeypatch, "vault", {"host.io": ("u", "s"), "host.io/team": ("t", "s2")})
    config = {"credHelpers": {"host.io": "vault", "host.io/team": "vault"}, **AUTHS}
    assert choose(config, "host.io", "x") == Credentials("u", "s")
    assert choose(config, "host.io", "team/y") == Credentials("t", "s2")
    assert log.read_text().split() == ["get", "host.io", "get", "host.io/team"]


def test_store_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub = "https://index.docker.io/v1/"
    log = keeps(tmp_path, monkeypatch, "store", {"host.io": ("u", "s"), hub: ("<token>", "identity")})
    config = {"credsStore": "store", **AUTHS}
    assert choose(config, "host.io", "x") == Credentials("u", "s")
    assert choose(config, "docker.io", "library/x") == Credentials(identity_token="identity")
    assert choose(config, "bearer.io", "x") == Credentials(registry_token="b"), "what the store has not, the file may"
    assert choose(config, "nobody.io", "x") == Credentials()
    assert log.read_text().split()[1::2] == ["host.io", hub, "bearer.io", "nobody.io"]


def test_ecr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    keeps(tmp_path, monkeypatch, "ecr-login", {host: ("AWS", "for-12-hours")})
    assert choose({"credHelpers": {host: "ecr-login"}}, host, "x") == Credentials("AWS", "for-12-hours")


@pytest.mark.parametrize("name", ["../../bin/sh", "a b", "", "-x", "a/b", "a" * 200])
def test_names_that_are_no_helper(name: str, caplog: pytest.LogCaptureFixture) -> None:
    assert keychain.ask(name, "host.io") is None
    assert not name or "no name of a credential helper" in caplog.text


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo credentials not found in native keychain; exit 1", ""),
        ("echo secret-9; exit 3", "exit code 3"),
        ("echo secret-9", "something else than a user and a secret"),
        ('echo \'{"Username": "u", "Secret": 9}\'', "something else"),
        ("echo '[]'", "something else"),
        ("exec sleep 60", "TimeoutExpired"),
    ],
)
def test_helpers_that_fail(
    script: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    keeps(tmp_path, monkeypatch, "odd", {}, script=script)
    monkeypatch.setattr(keychain, "TIMEOUT", 0.5 if "sleep" in script else 60)
    assert keychain.ask("odd", "host.io") is None
    assert told in caplog.text
    assert bool(told) == bool(caplog.text)
    assert "secret-9" not in caplog.text


def test_helper_that_is_not_there(caplog: pytest.LogCaptureFixture) -> None:
    assert choose({"credsStore": "nobody-has-this", **AUTHS}, "host.io", "x") == Credentials("h", "p1")
    assert "docker-credential-nobody-has-this cannot be asked" in caplog.text
