"""Who we are to a registry: what `docker login`, `podman login` and Kubernetes have left in config files."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from i4q_ai import config
from i4q_ai.oci.reference import DOCKER_HUB
from i4q_ai.oci.wire import keychain

_log = logging.getLogger(__name__)

_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io")
_TOKEN_USER = "<token>"  # noqa: S105 - what a helper says instead of a user when the secret is an identity token
_LARGEST = 4 * 1024 * 1024


@dataclass(frozen=True)
class Credentials:
    """A user and a password, or a token; never printed.

    Args:
        username, password: for Basic, and to ask for a token.
        identity_token: a refresh token that stands for both.
        registry_token: a bearer token to use as it is.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    def __bool__(self) -> bool:
        return bool(self.username or self.identity_token or self.registry_token)


def find(host: str, repository: str) -> Credentials:
    """The credentials for a repository; empty ones if there are none.

    The first file that has some for it wins: `$DOCKER_CONFIG/config.json`, `$REGISTRY_AUTH_FILE`,
    `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`, `~/.docker/config.json`, and the
    secrets of `I4Q_PULL_SECRETS`, which count as one file.

    Args:
        host: of the registry, with its port.
        repository: in it; an entry for a part of it wins over one for the host.
    """
    for path in _files():
        if found := choose(_read(path), host, repository):
            return found
    mounted = [_read(path) for path in secrets()]
    return choose(_merged(mounted), host, repository) if mounted else Credentials()


def choose(data: Any, host: str, repository: str) -> Credentials:
    """Pick what fits best out of a docker config: `credHelpers`, then `credsStore`, then `auths`.

    Args:
        data: what the file holds.
        host, repository: as for `find`.
    """
    if not isinstance(data, dict):
        return Credentials()
    keys = list(_keys(host, repository))
    helpers = _mapping(data.get("credHelpers"))
    for key in keys:
        if isinstance(helpers.get(key), str) and (found := _kept(helpers[key], _server(key, host))):
            return found
    store, auths = data.get("credsStore"), _mapping(data.get("auths"))
    if isinstance(store, str) and store:
        named = next((key for key in keys if key in auths), host)
        if found := _kept(store, _server(named, host)):
            return found
    entries = (_entry(auths[key], key) for key in keys if isinstance(auths.get(key), dict))
    return next((entry for entry in entries if entry), Credentials())


def secrets() -> list[Path]:
    """The files of mounted Kubernetes secrets: in each folder that `I4Q_PULL_SECRETS` names, and one level below."""
    found = []
    for folder in config.pull_secrets():
        try:
            below = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".."))
        except OSError as error:
            _log.warning("%s, which I4Q_PULL_SECRETS names, cannot be read: %s", folder, type(error).__name__)
            continue
        candidates = (each / name for each in (folder, *below) for name in (".dockerconfigjson", ".dockercfg"))
        found += [path for path in candidates if path.is_file()]
    return found


def _files() -> Iterator[Path]:
    if folder := os.environ.get("DOCKER_CONFIG"):
        yield Path(folder) / "config.json"
    if file := os.environ.get("REGISTRY_AUTH_FILE"):
        yield Path(file)
    if folder := os.environ.get("XDG_RUNTIME_DIR"):
        yield Path(folder) / "containers" / "auth.json"
    try:
        home = Path.home()
    except RuntimeError:  # a user of a container, who has none
        return
    yield home / ".config" / "containers" / "auth.json"
    yield home / ".docker" / "config.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("too large")
        data = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, RecursionError) as error:
        _log.warning("%s cannot be read and is ignored: %s", path, type(error).__name__)
        return {}
    if path.name == ".dockercfg" and isinstance(data, dict):  # what Kubernetes had before: the entries alone
        data = {"auths": data}
    return data if isinstance(data, dict) else {}


def _merged(files: list[dict[str, Any]]) -> dict[str, Any]:
    """One config of several; where two have the same key, the first one's stays."""
    parts = ("auths", "credHelpers")
    merged: dict[str, Any] = {part: {} for part in parts}
    for data in reversed(files):
        for part in parts:
            merged[part] |= _mapping(data.get(part))
    return merged


def _keys(host: str, repository: str) -> Iterator[str]:
    """Keys that an entry for a repository may have, the longest first."""
    parts = repository.split("/")
    hosts = [host, *_HUB_KEYS[1:]] if host == DOCKER_HUB else [host]
    for depth in range(len(parts), -1, -1):
        for each in hosts:
            yield "/".join([each, *parts[:depth]])
    for each in hosts:
        for scheme in ("https://", "http://"):
            yield from (f"{scheme}{each}{end}" for end in ("", "/", "/v1/", "/v2/"))


def _server(key: str, host: str) -> str:
    """What a helper keeps the key's entry under; Docker Hub's is a URL."""
    return _HUB_KEYS[0] if host == DOCKER_HUB and "/" not in key else key


def _kept(program: str, server: str) -> Credentials:
    kept = keychain.ask(program, server)
    if kept is None:
        return Credentials()
    user, secret = kept
    return Credentials(identity_token=secret) if user == _TOKEN_USER else Credentials(user, secret)


def _entry(entry: Mapping[str, Any], key: str) -> Credentials:
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            decoded = base64.b64decode(str(entry["auth"]), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            _log.warning("the entry %s of a docker config has a broken 'auth' and is ignored", key)
            return Credentials()
        username, _, password = decoded.rstrip("\0").partition(":")
    identity, bearer = entry.get("identitytoken"), entry.get("registrytoken")
    return Credentials(username, password, str(identity or ""), str(bearer or ""))


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
