"""Real processes for tests: each with a log, in a session of its own, and ended with the process that started it."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO

from tests.testbed.runs import Run

_log = logging.getLogger(__name__)

_STOP_TIMEOUT = 20
_READY_TIMEOUT = 180
_POLL = 0.05
_PORTS = range(20_000, 30_000)  # below those the kernel gives to clients, so that nobody takes one in between
_TAIL = 30

# The kernel kills a child when the *thread* that started it ends; this one lives as long as the interpreter.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="testbed-starter")
_next_port: Iterator[int] = iter(())


class ProcessEnded(RuntimeError):
    """A process of the test bed ended that should run; the message ends with the last lines of its log."""


class Process:
    """A running program.

    Args:
        command: program and arguments.
        name: what errors and the log file call it.
        run: the run that it belongs to.
        folder: where the log goes and where it runs.
        enter: a prefix that puts it into namespaces, from `network.Room.enter`.
        env: more variables.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        name: str,
        run: Run,
        folder: Path,
        enter: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._run, self._folder, self._env = run, folder, dict(env or {})
        self._entered = bool(enter)
        self._command = [*enter, *command]
        self._popen = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            started = spawn(self._command, output=log, folder=self._folder, env=self._env)
        self._run.note(started.pid)
        return started

    @property
    def pid(self) -> int:
        """Of the program itself: `nsenter` and `unshare` are only its parents."""
        if not self._entered:
            return self._popen.pid
        children = Path(f"/proc/{self._popen.pid}/task/{self._popen.pid}/children")
        wait_until(lambda: bool(children.read_text().split()), what=f"{self.name} has started", of=[self])
        return int(children.read_text().split()[0])

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._popen.poll() is None

    def tail(self, lines: int = _TAIL) -> str:
        """The last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def check(self) -> None:
        """Raises:
        ProcessEnded: when it does not run any more.
        """
        if not self.running:
            raise ProcessEnded(f"{self.name} ended with {self._popen.returncode}; {self.log} ends with:\n{self.tail()}")

    def stop(self, *, timeout: float = _STOP_TIMEOUT) -> None:
        """End it: TERM, and KILL for its whole group after `timeout` seconds; safe to call twice."""
        if self.running:
            with suppress(OSError, ProcessEnded):
                os.kill(self.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._popen.wait(timeout)
        self.kill()

    def kill(self) -> None:
        """End it and its group at once, as a power cut would; when this returns, it is gone."""
        if self._entered and self.running:
            # The child first: its parent then waits for it, and for all of its namespace when it was the first there.
            with suppress(OSError, ProcessEnded, subprocess.TimeoutExpired):
                os.kill(self.pid, signal.SIGKILL)
                self._popen.wait(_STOP_TIMEOUT)
        with suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait(_STOP_TIMEOUT)
        self._run.forget(self._popen.pid)

    def restart(self) -> None:
        """Start the same program again once it was ended; it appends to its log."""
        self.kill()
        self._popen = self._start()


def spawn(
    command: Sequence[str | Path], *, output: int | IO[bytes], folder: Path, env: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own that the kernel kills with us.

    Where there is no setpriv (on macOS), a crash leaves the program running.

    Args:
        command: program and arguments.
        output: a file, or `subprocess.PIPE`, for what it prints, errors included.
        folder: where it runs.
        env: more variables.
    """
    setpriv = shutil.which("setpriv")
    ends_with_us = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    return _starter.submit(
        subprocess.Popen,
        [*ends_with_us, *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=folder,
        env={**os.environ, **(env or {})},
        start_new_session=True,
    ).result()


def wait_until(
    ready: Callable[[], bool], *, what: str, of: Iterable[Process] = (), timeout: float = _READY_TIMEOUT
) -> None:
    """Wait for what a foreign process tells nobody; fails at once when one of the processes ends.

    Args:
        ready: asked again and again.
        what: the condition in words, for the error.
        of: the processes that it depends on.
        timeout: in seconds.

    Raises:
        ProcessEnded: one of them ended.
        TimeoutError: it did not come true.
    """
    processes, patience = list(of), time.monotonic() + timeout
    while not ready():
        for process in processes:
            process.check()
        if time.monotonic() > patience:
            tails = "".join(f"\n{process.log} ends with:\n{process.tail()}" for process in processes)
            raise TimeoutError(f"not within {timeout:.0f} s: {what}{tails}")
        time.sleep(_POLL)


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody listens on just now; none is given twice by this process."""
    global _next_port
    for port in _next_port:
        if _is_free(address, port):
            return port
    start = _PORTS.start + os.getpid() * 97 % len(_PORTS)  # two processes begin at different ones
    _next_port = iter((*range(start, _PORTS.stop), *range(_PORTS.start, start)))
    return free_port(address)


def _is_free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True
