"""What a child is told: command and variables; pure but for the agent's own environment, which is an argument."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from i4q_ai.desired import ModelItem, WorkloadItem
from i4q_ai.edge.paths import Paths
from i4q_ai.workload import variable

_KEPT = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
INSTANCE = "I4Q_INSTANCE"


def server_command(item: ModelItem, home: Path, *, port: int, token: str) -> list[str]:
    """The model server of one model."""
    module = [sys.executable, "-m", "i4q_ai.serve", str(home)]
    return [*module, "--host", "127.0.0.1", "--port", str(port), "--name", item.name, "--instance", token]


def server_variables(agent: Mapping[str, str], *, token: str) -> dict[str, str]:
    """What a model server finds in its environment: as little as it needs to be the agent's own program."""
    own = {name: value for name, value in agent.items() if name in (*_KEPT, "PYTHONPATH", "VIRTUAL_ENV")}
    return {**own, "PYTHONUNBUFFERED": "1", INSTANCE: token}


def workload_command(item: WorkloadItem) -> list[str]:
    """The command of a workload; a first word "python" is the agent's interpreter."""
    first, *rest = item.command
    return [sys.executable if first in ("python", "python3") else first, *rest]


def workload_variables(
    item: WorkloadItem,
    agent: Mapping[str, str],
    paths: Paths,
    ports: Mapping[str, int],
    *,
    port: int | None,
    token: str,
) -> dict[str, str]:
    """What a workload finds in its environment.

    Args:
        item: the workload.
        agent: the agent's own environment; only what every program needs is handed on.
        paths: of the cluster.
        ports: name of a model → port of its server.
        port: that the workload should listen on, if it wants one.
        token: marks the process as ours.
    """
    told = {name: value for name, value in agent.items() if name in _KEPT}
    told["PYTHONUNBUFFERED"] = "1"
    told.update(item.env)
    for name, want in item.uses.items():
        home = paths.home("model", item.namespace, name)
        told[variable(name, want)] = f"http://127.0.0.1:{ports[name]}/v2/models/{name}" if want == "url" else str(home)
    if port is not None:
        told["PORT"] = str(port)
    told[INSTANCE] = token
    return told
