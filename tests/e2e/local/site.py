"""A home with embedded clusters, and the processes that run in it."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from i4q_ai.edge import Control
from i4q_ai.hub import Hub
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Name

LIMIT = 120.0


class Site:
    def __init__(self, home: Path) -> None:
        self.home = home
        self._hubs: list[Hub] = []

    def hub(self, **options: object) -> Hub:
        hub = Hub("embedded", namespace="i4q", home=str(self.home), **options)
        self._hubs.append(hub)
        return hub

    def folder(self, cluster: str) -> Path:
        return self.home / "clusters" / cluster

    def control(self, cluster: str) -> Control:
        return Control(self.folder(cluster))

    def agent(self, cluster: str) -> int:
        """Process id of the agent."""
        return int(json.loads((self.folder(cluster) / "agent.lock").read_bytes())["pid"])

    def processes(self) -> dict[int, str]:
        """All processes of this home: agents, servers, workloads."""
        found = {}
        for process in Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                where = (process / "cwd").readlink()
                state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if state != "Z" and (str(self.home) in command or where.is_relative_to(self.home)):
                found[int(process.name)] = command
        return found

    def end(self) -> None:
        hub = self.hub()
        for cluster in hub.clusters.list():
            hub.clusters.remove(cluster.name, refresh=False)
        for opened in self._hubs:
            opened.close()
        self.until_empty()

    def until_empty(self) -> None:
        """Wait until nothing runs; an agent that has ended its work still takes a moment to leave."""
        eventually(lambda: self.processes() == {})


def on(*clusters: str) -> Placement:
    return Placement("named", Name(*clusters))


def at_once(jobs: Sequence[Callable[[], object]]) -> None:
    """Do jobs in threads that begin together; none may fail."""
    barrier = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        barrier.wait(LIMIT)
        job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        for done in [pool.submit(run, job) for job in jobs]:
            done.result(LIMIT)


def kill(pid: int) -> None:
    """End a process as a power cut would, and wait until it is gone."""
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: not Path(f"/proc/{pid}").exists())


def eventually(what: Callable[[], bool]) -> None:
    """Wait for something that nothing tells of."""
    end = time.monotonic() + LIMIT
    while not what():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)
