"""Every setting in one place: the variable that carries it, what it means, what it is if not given.

| variable | is | if not given |
|---|---|---|
| `I4Q_HOME` | where the embedded backend keeps its state, clusters and registry | the user's data folder |
| `I4Q_CACHE` | where packed models wait to be pushed; may be deleted at any time | the user's cache folder |
| `I4Q_HUB` | the hub to talk to, as `Hub(…)` takes it | `embedded` |
| `I4Q_NAMESPACE` | the namespace of deployments | `i4q` |
| `I4Q_OWNER` | the owner that deployments are marked with | `i4q` |
| `I4Q_PROGRESS` | `0` silences progress | a bar on a terminal |
"""

from __future__ import annotations

import os
from pathlib import Path


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
