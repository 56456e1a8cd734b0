"""The quickstart, as `make demo` runs it: on the embedded hub, on real clusters, and ended half-way."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import environment
from tests.testbed.controlplane import ControlPlane
from tests.testbed.images import EdgeImage
from tests.testbed.inventory import write_inventory
from tests.testbed.registry import Registry

ROOT = Path(__file__).parents[2]
QUICKSTART = [sys.executable, str(ROOT / "examples" / "quickstart.py")]


def processes_of(home: Path) -> list[str]:
    """Command lines that name this home."""
    lines = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may end while we look
            lines.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in lines if str(home) in line]


def test_it_tells_the_whole_story_and_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        QUICKSTART, env=environment(tmp_path), capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 failed, " in done.stdout
    assert processes_of(tmp_path / "home") == []


def test_artifacts_can_go_to_a_real_registry(tmp_path: Path, registry: Registry) -> None:
    done = subprocess.run(
        QUICKSTART,
        env={**environment(tmp_path), "I4Q_REGISTRY": f"{registry.host}/demo"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"at {registry.host}/demo/tool-wear, sha256:" in done.stdout
    assert registry.requests("PUT", "/demo/watcher/") != []


def test_it_tells_the_same_story_on_kubernetes(
    tmp_path: Path, plant: ControlPlane, edge_image: EdgeImage, plant_namespace: str
) -> None:
    told = {
        "I4Q_HUB": f"kubectl://{write_inventory(tmp_path, plant, edge_image, home=plant_namespace)}",
        "I4Q_NAMESPACE": plant_namespace,
        "I4Q_REGISTRY": f"{plant.registry.host}/{plant_namespace}",
        "I4Q_PLAIN_HTTP": plant.registry.host,
    }
    done = subprocess.run(
        QUICKSTART, env={**environment(tmp_path), **told}, capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 failed, " in done.stdout
    for edge in plant.edges.values():
        # What delete() deletes is gone; the pods of it end in their own time.
        edge.kubectl("wait", "pod", "-n", plant_namespace, "-l", "i4q.ai/hub", "--for=delete", "--timeout=120s")
        ours = edge.kubectl("get", "all,configmap,pdb", "-n", plant_namespace, "-l", "i4q.ai/hub", "-o", "name")
        assert ours == ""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ended_half_way_it_stops_what_it_has_started(tmp_path: Path, how: signal.Signals) -> None:
    running = subprocess.Popen(
        QUICKSTART,
        env={**environment(tmp_path), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        # A shell's background job ignores Ctrl-C, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        assert running.stdout is not None
        for line in running.stdout:
            if "runs on edge-1 and edge-2" in line:
                break
        assert processes_of(tmp_path / "home") != []
        os.kill(running.pid, how)
        running.communicate(timeout=120)
    finally:
        running.kill()
        running.wait()
    assert running.returncode not in (0, None)
    assert processes_of(tmp_path / "home") == []
