"""Where everything of one cluster lies: the only place that knows the names of files and folders."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from i4q_ai.status import Kind

TREE_NAME = 16
"""How many hex digits of a digest name a tree."""


def tree_name(digest: str) -> str:
    """The folder name of a version: the first hex digits of its digest."""
    return digest.partition(":")[2][:TREE_NAME]


@dataclass(frozen=True)
class Paths:
    """The folder of one cluster.

    Args:
        folder: holds everything below.
    """

    folder: Path

    @property
    def desired(self) -> Path:
        """What the cluster should have; written by whoever decides that."""
        return self.folder / "desired.json"

    @property
    def status(self) -> Path:
        """What the cluster has; written by the agent."""
        return self.folder / "status.json"

    @property
    def state(self) -> Path:
        """What the agent must remember: ports, good and refused versions."""
        return self.folder / "state.json"

    @property
    def lock(self) -> Path:
        """Locked by the one agent of this folder; says its process id, its socket and its build."""
        return self.folder / "agent.lock"

    @property
    def log(self) -> Path:
        """What the agent has to tell."""
        return self.folder / "agent.log"

    @property
    def sources(self) -> Path:
        """What each ConfigMap said last, where the desired state is put together from several."""
        return self.folder / "sources"

    @property
    def blobs(self) -> Path:
        """Downloaded bytes by digest."""
        return self.folder / "blobs"

    @property
    def run(self) -> Path:
        """One lock, one description and one process id per child."""
        return self.folder / "run"

    @property
    def logs(self) -> Path:
        """What the children say."""
        return self.folder / "logs"

    def home(self, kind: Kind, namespace: str, name: str) -> Path:
        """The folder of one model or workload: its trees, `current` and `previous`."""
        return self.folder / f"{kind}s" / namespace / name

    def item_log(self, namespace: str, name: str) -> Path:
        """What the process of one model or workload says."""
        return self.logs / f"{namespace}.{name}.log"

    def child(self, namespace: str, name: str, what: str) -> Path:
        """A file about a child; `what` is "lock", "json" or "pid"."""
        return self.run / f"{namespace}.{name}.{what}"


def socket_path(folder: Path) -> Path:
    """Where the agent of a folder listens: a short path, however deep the folder lies.

    The answer depends on the environment, so clients read the path from the lock file of the agent instead.
    """
    base = os.environ.get("XDG_RUNTIME_DIR") or _temporary(folder)
    name = hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:20]
    return Path(base) / f"i4q-{os.getuid()}" / f"{name}.sock"


def _temporary(folder: Path) -> str:
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:  # a container in which nothing but the folder can be written to
        return str(folder)
