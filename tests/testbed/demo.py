"""`make demo BACKEND=kubectl` or `ocm`: the quickstart on real clusters, started for it and removed after it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from tests.testbed.controlplane import ControlPlane
from tests.testbed.images import made
from tests.testbed.inventory import write_hub, write_inventory
from tests.testbed.ocm import Management
from tests.testbed.runs import Run, sweep

_QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.py"
_BEGAN = time.perf_counter()


def main(backend: str) -> int:
    """Start, run, remove; gives the exit code of the quickstart.

    Args:
        backend: "kubectl" or "ocm".
    """
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _leave)
    if os.geteuid() != 0:
        return _fail("the demo on Kubernetes needs root: it makes networks and nodes on this machine")
    try:
        return _demo(backend)
    except (pytest.skip.Exception, pytest.fail.Exception, RuntimeError, TimeoutError) as error:
        return _fail(str(error))


def _demo(backend: str) -> int:
    sweep()
    with tempfile.TemporaryDirectory() as name, Run() as run:
        folder = Path(name)
        _chapter("Make the edge image (what is made already is kept)")
        with made() as edge_image:
            _chapter("Start a hub, three edge clusters with a node each, and a registry")
            with ControlPlane(run, edges=3, nodes=3) as plant, ExitStack() as stack:
                if backend == "ocm":
                    _chapter("Let them join the hub: Open Cluster Management's controllers and agents")
                    stack.enter_context(Management(run, plant))
                try:
                    _chapter("Push the edge image, write down how the hub is reached")
                    write = write_hub if backend == "ocm" else write_inventory
                    address = f"{backend}://{write(folder, plant, edge_image)}"
                    code = _quickstart(folder, plant.registry.host, address)
                finally:
                    _chapter("Remove the clusters")
    _chapter("Nothing is left")
    return code


def _quickstart(folder: Path, registry: str, address: str) -> int:
    told = {
        "I4Q_HUB": address,
        "I4Q_REGISTRY": f"{registry}/demo",
        "I4Q_PLAIN_HTTP": registry,
        "I4Q_HOME": str(folder / "home"),
        "I4Q_CACHE": str(folder / "cache"),
    }
    for variable, value in told.items():
        _say(f"           {variable}={value}")
    # A session of its own: Ctrl-C reaches it through us, once, and the clusters stay until it has left.
    running = subprocess.Popen([sys.executable, str(_QUICKSTART)], env={**os.environ, **told}, start_new_session=True)
    try:
        return running.wait()
    finally:
        running.terminate()
        running.wait()


def _leave(number: int, _: object) -> NoReturn:
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)  # leaving takes a while, and is not to be left half-way
    sys.exit(128 + number)


def _chapter(title: str) -> None:
    _say(f"\n({time.perf_counter() - _BEGAN:5.1f} s)  {title}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _fail(why: str) -> int:
    sys.stderr.write(f"error: {why}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
