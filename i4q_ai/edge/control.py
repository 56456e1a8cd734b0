"""The door to an agent for everybody else on the machine: start, wake, watch, stop."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from i4q_ai.edge import locking
from i4q_ai.edge.paths import Paths
from i4q_ai.errors import DeadlineError, StorageError, UnreachableError
from i4q_ai.status import Report

_ANSWER_TIMEOUT = 5.0
_RETRY = 0.2


class Control:
    """The agent of one cluster, seen from outside.

    Args:
        folder: of the cluster; need not be there yet.

    Example:
        >>> control = Control("/var/lib/i4q/edge-1")  # doctest: +SKIP
        >>> control.start()  # doctest: +SKIP
        >>> control.wake()  # doctest: +SKIP
    """

    def __init__(self, folder: str | Path) -> None:
        self.paths = Paths(Path(folder).absolute())

    def __repr__(self) -> str:
        return f"Control({str(self.paths.folder)!r})"

    def alive(self) -> bool:
        """An agent runs in the folder."""
        return locking.taken(self.paths.lock)

    def start(self, *, timeout: float = 30) -> None:
        """Start an agent that goes on when this process ends; nothing if one runs.

        Args:
            timeout: seconds it has until it listens.

        Raises:
            StorageError: the folder cannot be written to, or the agent ended at once; its log says why.
            DeadlineError: it took longer.
        """
        if self.alive():
            return
        try:
            self.paths.folder.mkdir(parents=True, exist_ok=True)
            ready, told = os.pipe()
        except OSError as error:
            raise StorageError(f"cannot make {self.paths.folder}: {error.strerror}") from error
        try:
            self._spawn(told)
        finally:
            os.close(told)
        deadline = time.monotonic() + timeout
        try:
            if not select.select([ready], [], [], timeout)[0]:
                raise DeadlineError(f"the agent of {self.paths.folder} did not listen within {timeout:g} s")
            began = os.read(ready, 16) != b""
        finally:
            os.close(ready)
        if not began:
            self._meet(deadline)

    def _meet(self, deadline: float) -> None:
        """Our agent has ended: because of an error, or because somebody else's was faster."""
        while not self.wake():
            if not self.alive():
                raise StorageError(f"the agent of {self.paths.folder} ended at once", hint=f"{self.paths.log} says why")
            if time.monotonic() > deadline:
                raise DeadlineError(f"the agent of {self.paths.folder} did not listen in time")
            time.sleep(_RETRY)  # the other one was not started by us, so it does not tell us when it listens

    def _spawn(self, told: int) -> None:
        program = [sys.executable, "-m", "i4q_ai.edge", str(self.paths.folder), "--ready-fd", str(told)]
        with self.paths.log.open("ab") as log:
            # The shell ends at once, so the agent is nobody's child and leaves no zombie in a long-lived notebook.
            subprocess.run(
                ["/bin/sh", "-c", '"$@" &', "sh", *program],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                pass_fds=(told,),
                check=True,
                timeout=_ANSWER_TIMEOUT,
            )

    def wake(self) -> bool:
        """Let the agent read its desired state now; False if no agent answers."""
        try:
            with _Link(self.paths.lock, "wake", timeout=_ANSWER_TIMEOUT) as link:
                return link.line(_ANSWER_TIMEOUT) is not None
        except OSError:
            return False

    def report(self) -> Report | None:
        """What the agent reported last, also when it is away; None if it never did."""
        try:
            return Report.model_validate_json(self.paths.status.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise StorageError(f"{self.paths.status} is not a report: {error}") from error

    def watch(self, timeout: float) -> Iterator[Report | None]:
        """The report at once and at every change; None once when no agent can be reached, until one can again.

        Args:
            timeout: seconds after which the iterator ends.
        """
        deadline = time.monotonic() + timeout
        away = False
        while (left := deadline - time.monotonic()) > 0:
            try:
                with _Link(self.paths.lock, "watch", timeout=left) as link:
                    while (line := link.line(deadline - time.monotonic())) is not None:
                        away = False
                        yield Report.model_validate_json(line)
            except TimeoutError:
                return
            except OSError:
                pass  # told by None below
            if not away:
                away = True
                yield None
            time.sleep(min(_RETRY, max(0.0, deadline - time.monotonic())))  # nothing tells when an agent comes back

    def connect(self, *, timeout: float = _ANSWER_TIMEOUT) -> socket.socket:
        """A connection on which the agent sends its report at once and at every change, each as a line of JSON.

        For whoever waits for many agents at once; `watch` is for one. The caller closes it.

        Args:
            timeout: seconds for connecting; the connection keeps it as its own.

        Raises:
            UnreachableError: no agent answers.
        """
        try:
            return _said(self.paths.lock, "watch", timeout=timeout)
        except OSError as error:
            raise UnreachableError(f"no agent answers in {self.paths.folder}: {error}") from error

    def stop(self, timeout: float = 60) -> None:
        """End the agent and its children; returns when they are gone, at once if there is none.

        Args:
            timeout: in seconds.

        Raises:
            DeadlineError: it took longer.
            UnreachableError: an agent runs, and does not answer.
        """
        if not self.alive():
            return
        deadline = time.monotonic() + timeout
        try:
            with _Link(self.paths.lock, "stop", timeout=timeout) as link:
                while link.line(deadline - time.monotonic()) is not None:
                    pass
        except TimeoutError as error:
            raise DeadlineError(f"the agent of {self.paths.folder} did not end within {timeout:g} s") from error
        except OSError as error:
            if self.alive():
                raise UnreachableError(f"the agent of {self.paths.folder} does not answer: {error}") from error
        self._wait_gone(deadline)

    def _wait_gone(self, deadline: float) -> None:
        while self.alive():
            if time.monotonic() > deadline:
                raise DeadlineError(f"the agent of {self.paths.folder} did not end in time")
            time.sleep(0.01)  # the socket is closed an instant before the lock; a lock has no event with a deadline


class _Link:
    """A connection to an agent that has said one word.

    Args:
        lock: the agent's lock file, which says where it listens.
        verb: what to say.
        timeout: for connecting and saying it, in seconds.

    Raises:
        OSError: nobody listens.
    """

    def __init__(self, lock: Path, verb: str, *, timeout: float) -> None:
        self._rest = b""
        self._socket = _said(lock, verb, timeout=timeout)

    def __enter__(self) -> _Link:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def line(self, timeout: float) -> bytes | None:
        """The next line; None when the agent has closed.

        Raises:
            TimeoutError: nothing came in time.
        """
        deadline = time.monotonic() + timeout
        while b"\n" not in self._rest:
            self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
            got = self._socket.recv(65536)
            if not got:
                return None
            self._rest += got
        line, _, self._rest = self._rest.partition(b"\n")
        return line


def _said(lock: Path, verb: str, *, timeout: float) -> socket.socket:
    """A connection on which one word was said."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        link.settimeout(max(timeout, 0.001))
        link.connect(_address(lock))
        link.sendall(json.dumps({"do": verb}).encode() + b"\n")
    except BaseException:
        link.close()
        raise
    return link


def _address(lock: Path) -> str:
    try:
        return str(json.loads(lock.read_bytes())["socket"])
    except (ValueError, KeyError, TypeError) as error:
        raise ConnectionRefusedError(f"{lock} names no socket") from error


def start(folder: str | Path, *, timeout: float = 30) -> Control:
    """Start the agent of a folder, unless one runs; see `Control.start`."""
    control = Control(folder)
    control.start(timeout=timeout)
    return control
