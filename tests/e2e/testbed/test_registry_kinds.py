"""The kinds of registry, judged by crane."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e.oci.accounts import HTPASSWD, PASSWORD, USER
from tests.testbed.building import built
from tests.testbed.certificates import Authority
from tests.testbed.registry import Registry
from tests.testbed.tokens import TokenServer


def _crane(home: Path, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [str(built("tools") / "crane"), *arguments]
    own = {"HOME": str(home), "DOCKER_CONFIG": str(home), "PATH": "/usr/bin:/bin", **(env or {})}
    return subprocess.run(command, env=own, capture_output=True, text=True, timeout=120, check=False)


def _push(home: Path, host: str, *flags: str, env: Mapping[str, str] | None = None) -> str:
    layer = home / "layer.tar"
    subprocess.run(["tar", "-cf", layer, "-T", "/dev/null"], check=True, timeout=60)
    done = _crane(home, "append", *flags, "--new_layer", str(layer), "--new_tag", f"{host}/models/m:1", env=env)
    return "" if done.returncode == 0 else done.stderr


def _log_in(home: Path, host: str, password: str) -> None:
    done = subprocess.run(
        [built("tools") / "crane", "auth", "login", host, "-u", USER, "--password-stdin"],
        input=password,
        env={"HOME": str(home), "DOCKER_CONFIG": str(home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "registry"
    path.mkdir()
    return path


def test_plain(folder: Path, tmp_path: Path) -> None:
    with Registry(folder) as registry:
        assert _push(tmp_path, registry.host) == ""
        assert len(registry.requests("PUT", "/v2/models/m/manifests/1")) == 1
        assert json.loads(_crane(tmp_path, "manifest", f"{registry.host}/models/m:1").stdout)["layers"]


def test_tls_is_trusted_through_its_authority_only(folder: Path, tmp_path: Path) -> None:
    authority = Authority("plant")
    certificate, _ = authority.pair.write(tmp_path, "authority")
    with Registry(folder, authority=authority) as registry:
        assert registry.url == f"https://{registry.host}"
        assert _push(tmp_path, registry.host, env={"SSL_CERT_FILE": str(certificate)}) == ""
        assert _push(tmp_path, registry.host) != ""


def test_basic(folder: Path, tmp_path: Path) -> None:
    with Registry(folder, htpasswd=HTPASSWD) as registry:
        assert "401" in _push(tmp_path, registry.host)
        _log_in(tmp_path, registry.host, PASSWORD)
        assert _push(tmp_path, registry.host) == ""


def test_tokens(folder: Path, tmp_path: Path) -> None:
    with TokenServer({USER: PASSWORD}) as tokens, Registry(folder, tokens=tokens) as registry:
        assert "401" in _push(tmp_path, registry.host)
        _log_in(tmp_path, registry.host, "wrong")
        assert "401" in _push(tmp_path, registry.host)
        _log_in(tmp_path, registry.host, PASSWORD)
        assert _push(tmp_path, registry.host) == ""
        assert "repository:models/m:push,pull" in tokens.given
