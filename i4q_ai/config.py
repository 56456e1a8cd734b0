"""Every setting in one place: the variable that carries it, what it means, what it is if not given.

| variable | is | if not given |
|---|---|---|
| `I4Q_HOME` | where the embedded backend keeps its state, clusters and registry | the user's data folder |
| `I4Q_CACHE` | where packed models wait to be pushed; may be deleted at any time | the user's cache folder |
| `I4Q_HUB` | the hub to talk to, as `Hub(…)` takes it | `embedded` |
| `I4Q_NAMESPACE` | the namespace of deployments | `i4q` |
| `I4Q_OWNER` | the owner that deployments are marked with | `i4q` |
| `I4Q_EVICTION_LIMIT` | which share of its clusters a changed placement may take from a deployment | `0.5` |
| `I4Q_TRUST` | the file of the trust policy: who may sign what, and which formats may come | nothing is asked |
| `I4Q_PASSPHRASE` | of the private key that `i4q sign` signs with | it is asked for on a terminal |
| `I4Q_REGISTRY` | what `push()` adds the name to: `host[:port][/path]` or `oci:FOLDER` | a folder in the home |
| `I4Q_PROGRESS` | `0` silences progress | a bar on a terminal |
| `I4Q_RATE` | bytes a second that a push or fetch may take: a number, or one with k, M, G, Ki, Mi, Gi | no limit |
| `I4Q_PLAIN_HTTP` | registries elsewhere that speak plain http: `host[:port],…` as in references | none |
| `I4Q_PULL_SECRETS` | folders with mounted pull secrets, or with folders of them: `FOLDER:…` | none |
| `I4Q_EDGE_IMAGE` | the edge image of objects that are published to Git: `repository@sha256:…` | none |
| `I4Q_GIT_CREDENTIALS` | a file of credentials for Git: lines `https://user:token@host[/path]` | git's helpers |
| `I4Q_CERTIFICATES` | a folder with a folder of certificates per registry | those of docker and podman |
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from i4q_ai.errors import InvalidError

_RATE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*(k|M|G|Ki|Mi|Gi)?(?:B?(?:/s)?)")
_UNITS = {None: 1, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def home() -> Path:
    """Where the embedded backend keeps its state."""
    given = os.environ.get("I4Q_HOME")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs

    return platformdirs.user_data_path("i4q-ai")


def cache() -> Path:
    """Where packed models wait to be pushed; may be deleted at any time."""
    given = os.environ.get("I4Q_CACHE")
    if given:
        return Path(given).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("i4q-ai")


def hub() -> str:
    """The hub to talk to."""
    return os.environ.get("I4Q_HUB", "embedded")


def namespace() -> str:
    """The namespace of deployments."""
    return os.environ.get("I4Q_NAMESPACE", "i4q")


def owner() -> str:
    """The owner that deployments are marked with."""
    return os.environ.get("I4Q_OWNER", "i4q")


def eviction_limit() -> float | None:
    """The share of the clusters that have a deployment which a changed placement may take it from; None if not given.

    Raises:
        InvalidError: it is no number from 0 to 1.
    """
    given = os.environ.get("I4Q_EVICTION_LIMIT")
    if not given:
        return None
    try:
        return share(float(given))
    except ValueError as error:
        raise InvalidError(f"I4Q_EVICTION_LIMIT: {given!r} is no number from 0 to 1", hint="0.5 is one half") from error


def share(value: float) -> float:
    """A share as it is given.

    Raises:
        InvalidError: it is not from 0 to 1.
    """
    if not 0 <= value <= 1:
        raise InvalidError(f"{value!r} is no share: from 0 to 1", hint="0.5 is one half")
    return value


def trust() -> Path | None:
    """The file of the trust policy; None asks for no signatures."""
    given = os.environ.get("I4Q_TRUST")
    return Path(given).expanduser().absolute() if given else None


def edge_image() -> str:
    """The edge image of what is published to Git; empty if none is named."""
    return os.environ.get("I4Q_EDGE_IMAGE", "")


def git_credentials() -> Path | None:
    """The file of credentials for Git servers; None leaves it to git's own helpers."""
    given = os.environ.get("I4Q_GIT_CREDENTIALS")
    return Path(given).expanduser().absolute() if given else None


def passphrase() -> str | None:
    """The passphrase of a private key; None asks for it."""
    return os.environ.get("I4Q_PASSPHRASE") or None


def registry() -> str | None:
    """What the name of a model or workload is added to, for where it is pushed if nobody says; None: in the home.

    Example:
        With `I4Q_REGISTRY=registry.factory:5000/ai`, tool-wear goes to `registry.factory:5000/ai/tool-wear`.
    """
    return os.environ.get("I4Q_REGISTRY", "").rstrip("/") or None


def rate() -> float | None:
    """Bytes a second that a push or fetch may take; None is no limit."""
    given = os.environ.get("I4Q_RATE")
    return parse_rate(given) if given else None


def parse_rate(text: str) -> float:
    """Bytes a second as people write them.

    Raises:
        InvalidError: it is no rate.

    Example:
        >>> parse_rate("10M"), parse_rate("1.5 MiB/s")
        (10000000.0, 1572864.0)
    """
    match = _RATE.fullmatch(text.strip())
    value = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not value:
        raise InvalidError(f"{text!r} is no rate", hint="bytes a second: 500000, 500k or 10M")
    return value


def plain_http() -> frozenset[str]:
    """Registries that are spoken to by plain http although they are not on this machine; each `host[:port]`.

    Raises:
        InvalidError: an entry is a URL or a path.

    Example:
        `I4Q_PLAIN_HTTP=registry.factory:5000,10.0.0.7` names two.
    """
    listed = (entry.strip().lower() for entry in os.environ.get("I4Q_PLAIN_HTTP", "").split(","))
    hosts = frozenset(entry for entry in listed if entry)
    for host in hosts:
        if "/" in host:
            raise InvalidError(f"I4Q_PLAIN_HTTP: {host!r} is no host[:port]", hint="leave http:// and any path away")
    return hosts


def pull_secrets() -> tuple[Path, ...]:
    """Folders in which Kubernetes secrets with registry credentials are mounted."""
    listed = os.environ.get("I4Q_PULL_SECRETS", "").split(os.pathsep)
    return tuple(Path(entry).expanduser() for entry in listed if entry)


def certificates() -> tuple[Path, ...]:
    """Folders that hold a folder per registry with its certificates; the first one that has it counts."""
    given = os.environ.get("I4Q_CERTIFICATES")
    if given:
        return (Path(given).expanduser(),)
    system = (Path("/etc/containers/certs.d"), Path("/etc/docker/certs.d"))
    try:
        return (Path.home() / ".config" / "containers" / "certs.d", *system)
    except RuntimeError:  # a user of a container, who has no home
        return system
