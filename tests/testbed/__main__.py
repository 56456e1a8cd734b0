"""The test bed for a person: `python -m tests.testbed up --edges 3 --nodes 2`, `status`, `down` and `build`."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.testbed import network
from tests.testbed.building import MODULES, built
from tests.testbed.caching import cache
from tests.testbed.controlplane import ControlPlane
from tests.testbed.kubeconfigs import merge
from tests.testbed.ocm import Management
from tests.testbed.processes import wait_until
from tests.testbed.programs import control_plane
from tests.testbed.runs import Run, started, sweep

_UP_TIMEOUT = 600
_DOWN_TIMEOUT = 120


def main() -> int:
    """Run one verb; gives the exit code."""
    logging.basicConfig(format="%(message)s")
    parser = argparse.ArgumentParser(prog="python -m tests.testbed", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start a hub and edges in the background")
    hold = verbs.add_parser("hold", help="the same in the foreground, until it is interrupted")
    for verb in (up, hold):
        verb.add_argument("--edges", type=int, default=3, help="edge clusters (default 3)")
        verb.add_argument("--nodes", type=int, default=2, help="how many of them run pods (default 2)")
        verb.add_argument("--ocm", action="store_true", help="with Open Cluster Management on all of them")
    verbs.add_parser("down", help="remove it all")
    verbs.add_parser("status", help="tell what runs")
    build = verbs.add_parser("build", help="build what is not in the cache yet")
    build.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(MODULES)}; all if not given")
    chosen = parser.parse_args()
    doing: Mapping[str, Callable[[], int]] = {
        "up": lambda: _up(chosen.edges, chosen.nodes, ocm=chosen.ocm),
        "hold": lambda: _hold(chosen.edges, chosen.nodes, ocm=chosen.ocm),
        "down": _down,
        "status": _status,
        "build": lambda: _build(chosen.modules or MODULES),
    }
    try:
        return doing[chosen.verb]()
    except (pytest.skip.Exception, pytest.fail.Exception, RuntimeError, TimeoutError) as error:
        _say(f"error: {error}", to=sys.stderr)
        return 1


def _up(edges: int, nodes: int, *, ocm: bool) -> int:
    if _running():
        _say("it is up already; `down` removes it", to=sys.stderr)
        return 1
    _state().unlink(missing_ok=True)
    log = cache() / "up.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "tests.testbed", "hold", f"--edges={edges}", f"--nodes={nodes}"]
        command += ["--ocm"] if ocm else []
        holder = subprocess.Popen(
            command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
        )
    wait_until(lambda: _state().is_file() or holder.poll() is not None, what="the test bed is up", timeout=_UP_TIMEOUT)
    if not _state().is_file():
        raise RuntimeError(f"it did not start; {log} says:\n{log.read_text()[-4000:]}")
    holder.returncode = 0  # it goes on without us
    return _status()


def _hold(edges: int, nodes: int, *, ocm: bool) -> int:
    over = threading.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: over.set())
    sweep()
    with ExitStack() as stack:
        run = stack.enter_context(Run())
        plant = stack.enter_context(ControlPlane(run, edges=edges, nodes=nodes))
        management = stack.enter_context(Management(run, plant)) if ocm else None
        _write_state(run, plant, hub=management.address if management else None)
        over.wait()
        _state().unlink()
    return 0


def _write_state(run: Run, plant: ControlPlane, *, hub: str | None) -> None:
    clusters = {"hub": plant.hub, **{name: edge.server for name, edge in plant.edges.items()}}
    everything = merge([one.kubeconfig for one in clusters.values()], to=run.folder() / "kubeconfig")
    state = {
        "pid": os.getpid(),
        "started": started(os.getpid()),
        "kubeconfig": str(everything),
        "kubeconfigs": {name: str(one.kubeconfig) for name, one in clusters.items()},
        "registry": plant.registry.host,
        "hub": hub,
    }
    staged = _state().with_suffix(".new")
    staged.write_text(json.dumps(state, indent=2))
    staged.rename(_state())


def _down() -> int:
    state = _running()
    if state:
        os.kill(state["pid"], signal.SIGTERM)
        wait_until(lambda: _running() is None, what="the test bed is down", timeout=_DOWN_TIMEOUT)
    _state().unlink(missing_ok=True)
    sweep()
    if os.geteuid() == 0:
        network.sweep()
    _say("down" if state else "it was not up")
    return 0


def _status() -> int:
    state = _running()
    if state is None:
        _say("down")
        return 3
    _say(f"up: registry {state['registry']} (plain http)")
    for name, kubeconfig in state["kubeconfigs"].items():
        asked = [
            *control_plane("kubectl"),
            f"--kubeconfig={kubeconfig}",
            "get",
            "--raw=/readyz",
            "--request-timeout=5s",
        ]
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
        _say(f"  {name:8} {'ready' if answer.stdout == 'ok' else 'does not answer':16} {kubeconfig}")
    _say(f"all of them as contexts: export KUBECONFIG={state['kubeconfig']}")
    if state["hub"]:
        _say(f"Open Cluster Management: export I4Q_HUB={state['hub']} I4Q_PLAIN_HTTP={state['registry']}")
    _say(f"kubectl of this version: {' '.join(control_plane('kubectl'))}")
    return 0


def _build(modules: Sequence[str]) -> int:
    for module in modules:
        _say(f"{module}: {built(module)}")
    return 0


def _running() -> dict[str, Any] | None:
    """What the process that holds the test bed has written, as long as it lives."""
    with suppress(FileNotFoundError):
        state: dict[str, Any] = json.loads(_state().read_text())
        if started(state["pid"]) == state["started"]:
            return state
    return None


def _state() -> Path:
    return cache() / "up.json"


def _say(text: str, *, to: Any = None) -> None:
    print(text, file=to or sys.stdout, flush=True)


if __name__ == "__main__":
    sys.exit(main())
