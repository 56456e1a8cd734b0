"""Who we are to a registry: what `docker login` has left in a config file."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)

_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io")


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

    Args:
        host: of the registry, with its port.
        repository: in it; an entry for a part of it wins over one for the host.
    """
    folder = os.environ.get("DOCKER_CONFIG")
    try:
        path = (Path(folder) if folder else Path("~/.docker").expanduser()) / "config.json"
    except RuntimeError:  # a user of a container, who has no home
        return Credentials()
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Credentials()
    except (OSError, ValueError) as error:
        _log.warning("%s cannot be read and is ignored: %s", path, type(error).__name__)
        return Credentials()
    return choose(data, host, repository)


def choose(config: Any, host: str, repository: str) -> Credentials:
    """Pick the entry with the longest key that fits out of a docker config.

    Args:
        config: what the file holds.
        host, repository: as for `find`.
    """
    auths = config.get("auths") if isinstance(config, dict) else None
    if not isinstance(auths, dict):
        return Credentials()
    parts = repository.split("/")
    keys = ["/".join([host, *parts[:depth]]) for depth in range(len(parts), -1, -1)]
    keys += [f"{scheme}{host}{end}" for scheme in ("https://", "http://") for end in ("", "/", "/v1/", "/v2/")]
    if host == "docker.io":
        keys += _HUB_KEYS
    entry: Mapping[str, Any] = next((auths[key] for key in keys if isinstance(auths.get(key), dict)), {})
    return _read(entry)


def _read(entry: Mapping[str, Any]) -> Credentials:
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        try:
            decoded = base64.b64decode(str(entry["auth"]), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            _log.warning("an entry of the docker config has a broken 'auth' and is ignored")
            return Credentials()
        username, _, password = decoded.partition(":")
    return Credentials(username, password, str(entry.get("identitytoken") or ""), str(entry.get("registrytoken") or ""))
