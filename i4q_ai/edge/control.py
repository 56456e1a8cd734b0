"""The door to an agent for everybody else on the machine: start, wake, watch, replace, stop."""

from __future__ import annotations

import json
import logging
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from i4q_ai.edge import locking
from i4q_ai.edge.build import Build
from i4q_ai.edge.paths import Paths
from i4q_ai.edge.saying import Link, say
from i4q_ai.errors import DeadlineError, StorageError, UnreachableError
from i4q_ai.status import Report

log = logging.getLogger(__name__)

_ANSWER_TIMEOUT = 5.0
_LEAVE_TIMEOUT = 15.0
"""Seconds an agent has to finish what it is at before it is ended by force."""
_BEGINS = 10.0
"""Seconds after which an agent that was started listens, however busy the machine is."""
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

    def outdated(self) -> bool:
        """An agent runs that is an earlier build than one started now would be."""
        if not self.alive():
            return False
        about = locking.told(self.paths.lock)
        return bool(about) and Build.of(about).older_than(Build.here())

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
            with Link(self.paths.lock, "wake", timeout=_ANSWER_TIMEOUT) as link:
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
                with Link(self.paths.lock, "watch", timeout=left) as link:
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
            return say(self.paths.lock, "watch", timeout=timeout)
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
        deadline = time.monotonic() + timeout
        listens = min(deadline, time.monotonic() + _BEGINS)
        while self.alive():
            try:
                with Link(self.paths.lock, "stop", timeout=timeout) as link:
                    while link.line(deadline - time.monotonic()) is not None:
                        pass
                break
            except TimeoutError as error:
                raise DeadlineError(f"the agent of {self.paths.folder} did not end within {timeout:g} s") from error
            except OSError as error:
                # It is ending, perhaps to make room for another; or that one does not listen yet, and is to end too.
                over = deadline if isinstance(error, ConnectionResetError | BrokenPipeError) else listens
                if time.monotonic() > over and self.alive():
                    raise UnreachableError(f"the agent of {self.paths.folder} does not answer: {error}") from error
            time.sleep(_RETRY)
        self._wait_gone(deadline)

    def leave(self, timeout: float = 60) -> None:
        """End the agent and let its children go on: the next agent takes them over; nothing if there is none.

        One that does not know the word, or does not manage in time, is ended by force, which loses nothing either.

        Args:
            timeout: in seconds.

        Raises:
            DeadlineError: it is still there after that.
        """
        if not self.alive():
            return
        deadline = time.monotonic() + timeout
        pid = locking.told(self.paths.lock).get("pid")
        if not isinstance(pid, int):
            return  # it has begun this instant
        if not self._asked_to_leave(min(timeout / 2, _LEAVE_TIMEOUT)) and locking.kill(self.paths.lock, pid):
            log.info("agent %d of %s does not leave by itself: ended by force", pid, self.paths.folder)
        self._wait_gone(deadline, pid=pid)

    def _asked_to_leave(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        try:
            with Link(self.paths.lock, "leave", timeout=timeout) as link:
                answer = link.line(timeout)
                if answer is not None and not json.loads(answer).get("ok"):
                    return False
                while link.line(deadline - time.monotonic()) is not None:
                    pass
        except (OSError, ValueError):
            return False
        return True

    def _wait_gone(self, deadline: float, *, pid: int | None = None) -> None:
        while self.alive() and pid in (None, locking.told(self.paths.lock).get("pid")):
            if time.monotonic() > deadline:
                raise DeadlineError(f"the agent of {self.paths.folder} did not end in time")
            time.sleep(0.01)  # the socket is closed an instant before the lock; a lock has no event with a deadline


def start(folder: str | Path, *, timeout: float = 30) -> Control:
    """Start the agent of a folder, unless one runs; see `Control.start`."""
    control = Control(folder)
    control.start(timeout=timeout)
    return control
