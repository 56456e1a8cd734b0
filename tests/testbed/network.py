"""Networks of edges on this machine: one set of namespaces per edge, joined to the hub by a pair of virtual interfaces.

Nothing of an edge has a name outside its namespaces, so that the kernel removes it, pods and mounts included, when the
process that holds them open dies. Edges are numbered; edge N is 10.77.N.2 and sees the hub as 10.77.0.1.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

from tests.testbed import machine
from tests.testbed.caching import cache
from tests.testbed.processes import Process, wait_until
from tests.testbed.programs import node
from tests.testbed.runs import Run

HUB = "10.77.0.1"
_ALL = "10.77.0.0/16"
_EDGES = range(1, 250)
_COMMAND_TIMEOUT = 60

_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc")


class Backbone:
    """What all edges of this machine stand on: the hub's address, and room for watches; removed by its last user."""

    def __enter__(self) -> Self:
        self._lock = os.open(_locks() / "backbone", os.O_RDWR | os.O_CREAT)
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        # First of all: the address of an edge that is cut off must not leave this machine by the default route.
        _run(["ip", "route", "replace", "unreachable", _ALL, "metric", "4000"])
        _run(["ip", "address", "replace", f"{HUB}/32", "dev", "lo"])
        machine.widen_watches()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(BlockingIOError):  # somebody else uses it
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _remove_backbone()
        os.close(self._lock)


class Room:
    """The namespaces of one edge: network, mounts and processes.

    Attributes:
        address: of the edge, reached from the hub's side.
        enter: the prefix of a command that runs in there.
    """

    def __init__(self, run: Run, folder: Path) -> None:
        self._run, self._folder = run, folder
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._number = _number(stack)
            self.address = f"10.77.{self._number}.2"
            holder = Process([node("pause")], name="room", run=self._run, folder=self._folder, enter=_UNSHARE)
            stack.callback(holder.kill)
            self.pid = holder.pid
            comm = Path(f"/proc/{self.pid}/comm")
            wait_until(lambda: comm.read_text() == "pause\n", what="the namespaces are made", of=[holder])
            self.enter = ("nsenter", f"--target={self.pid}", "--net", "--mount", "--pid", "--")
            self._connect(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, command: Sequence[str | Path]) -> str:
        """Run a command inside; gives what it prints.

        Raises:
            RuntimeError: it failed; with its words.
        """
        return _run([*self.enter, *map(str, command)])

    def cut(self) -> None:
        """Cut the edge off from the hub, as if somebody pulled the cable on the hub's side; twice is once."""
        _run(["ip", "link", "set", self._link, "down"])

    def join(self) -> None:
        """Put the cable back; returns when the edge can be reached."""
        _run(["ip", "link", "set", self._link, "up"])
        asked = ["ip", "route", "get", self.address]
        wait_until(lambda: self._link in _run(asked), what=f"there is a route to {self.address}")

    @property
    def _link(self) -> str:
        return f"i4q-hub-{self._number}"

    def _connect(self, stack: ExitStack) -> None:
        gateway = f"10.77.{self._number}.1"
        _run(["ip", "link", "add", self._link, "type", "veth", "peer", "name", "uplink", "netns", str(self.pid)])
        stack.callback(_remove_link, self._link)
        _run(["ip", "address", "add", f"{gateway}/24", "dev", self._link])
        _run(["ip", "link", "set", self._link, "up"])
        self.run(["ip", "link", "set", "lo", "up"])
        self.run(["ip", "address", "add", f"{self.address}/24", "dev", "uplink"])
        self.run(["ip", "link", "set", "uplink", "up"])
        self.run(["ip", "route", "add", _ALL, "via", gateway])  # and no default route: an edge sees the hub, no more


def sweep() -> None:
    """Remove the backbone when a crashed run left it. Links went with their edges."""
    lock = os.open(_locks() / "backbone", os.O_RDWR | os.O_CREAT)
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove_backbone()
    os.close(lock)


def _locks() -> Path:
    folder = cache() / "network"
    folder.mkdir(exist_ok=True)
    return folder


def _number(stack: ExitStack) -> int:
    """A number that no other edge of this machine has; the kernel gives it back however this process ends."""
    for number in _EDGES:
        lock = os.open(_locks() / str(number), os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        stack.callback(os.close, lock)
        return number
    raise RuntimeError(f"all {len(_EDGES)} networks of edges are taken")


def _remove_backbone() -> None:
    machine.give_back()
    shown = _run(["ip", "-oneline", "address", "show", "dev", "lo"])
    if f"{HUB}/32" in shown:
        _run(["ip", "address", "delete", f"{HUB}/32", "dev", "lo"])
    if _run(["ip", "route", "show", "type", "unreachable", _ALL]):
        _run(["ip", "route", "delete", "unreachable", _ALL, "metric", "4000"])


def _remove_link(name: str) -> None:
    if f" {name}@" in _run(["ip", "-oneline", "link", "show", "type", "veth"]):
        _run(["ip", "link", "delete", name])


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or f'ended with {done.returncode}'}")
    return done.stdout
