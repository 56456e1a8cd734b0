"""Processes of models and workloads: started, found again by the next agent, ended.

A child inherits a locked file. The kernel drops the lock when the last process that holds it is gone, so the lock
says whether there is a child at all, whatever became of the agent that started it. The child's mark in its
environment says which process it is, so that a process id that the kernel gave to somebody else is never harmed.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from i4q_ai.desired import Item, item_from
from i4q_ai.edge import crash, documents
from i4q_ai.edge.environment import INSTANCE
from i4q_ai.edge.paths import Paths
from i4q_ai.edge.state import Key, Process
from i4q_ai.errors import I4qError, StorageError

log = logging.getLogger(__name__)

GRACE = 10.0
"""Seconds between the request to end and the end by force."""
# The shell writes its process id before it becomes the program: an agent killed right after the start leaves a child
# that the next agent can find.
_LAUNCH = 'printf "%s" "$$" >"$0" && exec "$@"'


@dataclass
class Children:
    """The children of one agent.

    Args:
        paths: of the cluster.
    """

    paths: Paths
    _own: dict[Key, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(
        self,
        key: Key,
        item: Item,
        command: Sequence[str],
        *,
        folder: Path,
        variables: Mapping[str, str],
        token: str,
        port: int | None = None,
    ) -> Process:
        """Start a child in a process group of its own.

        Args:
            key: of the model or workload.
            item: what it is started for; remembered beside it.
            command: program and arguments.
            folder: where it works.
            variables: its whole environment, `token` included.
            token: its mark.
            port: that it was told to listen on; remembered beside it.

        Raises:
            StorageError: one of its files cannot be written, or a child of this key still lives.
        """
        pid_file = self._file(key, "pid")
        held = _lock(self._file(key, "lock"))
        if held is None:
            raise StorageError(f"a process of '{key[0]}/{key[1]}' is still there", hint="it is being ended")
        try:
            self.note(key, item, token=token, port=port)
            pid_file.unlink(missing_ok=True)
            crash.point("before-spawn")
            child = self._spawn(key, [*command], folder, variables, held)
        except OSError as error:
            raise StorageError(f"cannot start '{key[0]}/{key[1]}': {error}") from error
        finally:
            os.close(held)
        self._own[key] = child
        crash.point("after-spawn")
        return Process(child.pid, token, item, time.monotonic(), port)

    def _spawn(
        self, key: Key, command: list[str], folder: Path, variables: Mapping[str, str], held: int
    ) -> subprocess.Popen[bytes]:
        with self.paths.item_log(*key).open("ab") as out:
            return subprocess.Popen(
                ["/bin/sh", "-c", _LAUNCH, str(self._file(key, "pid")), *command],
                cwd=folder,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                pass_fds=(held,),
            )

    def note(self, key: Key, item: Item, *, token: str, port: int | None) -> None:
        """Remember beside a child what it is, for the next agent.

        Raises:
            StorageError: no room or no right to write.
        """
        about = {"token": token, "port": port, "item": item.model_dump(mode="json")}
        documents.write(self._file(key, "json"), json.dumps(about))

    def found(self) -> list[Key]:
        """Keys of which an agent once started a child."""
        if not self.paths.run.is_dir():
            return []
        names = (path.name.removesuffix(".json").split(".", 1) for path in self.paths.run.glob("*.json"))
        return [(name[0], name[1]) for name in names if len(name) == 2]

    def adopt(self, key: Key) -> Process | None:
        """The living child that an earlier agent started; leftovers without it are ended."""
        if not self.held(key):
            return None
        try:
            about = json.loads(self._file(key, "json").read_bytes())
            token, item, port = str(about["token"]), item_from(about["item"]), about["port"]
        except (OSError, ValueError, KeyError, TypeError, I4qError) as error:
            log.warning("%s/%s: the description of its process cannot be read: %s", *key, error)
            return None
        pid = self._pid(key)
        if pid is not None and _is_marked(pid, token):
            return Process(pid, token, item, time.monotonic(), port)
        self._end_group(key, pid)
        return None

    def alive(self, key: Key, process: Process) -> bool:
        """The process itself still runs."""
        own = self._own.get(key)
        if own is not None and own.pid == process.pid:
            return own.poll() is None
        return self.held(key) and _is_marked(process.pid, process.token)

    def held(self, key: Key) -> bool:
        """Some process of this key still lives."""
        descriptor = _lock(self._file(key, "lock"))
        if descriptor is None:
            return True
        os.close(descriptor)
        return False

    def reap(self, key: Key, process: Process) -> int | None:
        """Clean up after a process that has ended; its exit code, if this agent started it (negative: a signal)."""
        own = self._own.pop(key, None)
        code = own.wait() if own is not None else None
        self._end_group(key, process.pid)
        return code

    def stop(self, key: Key, process: Process, *, grace: float = GRACE) -> None:
        """Ask the child's group to end, insist after a while, and return when nothing of it is left."""
        crash.point("before-stop")
        if self.alive(key, process):
            _signal(process.pid, signal.SIGTERM)
            self._wait(key, process, grace)
        if self.alive(key, process):
            log.warning("%s/%s did not end within %g s: ended by force", *key, grace)
            _signal(process.pid, signal.SIGKILL)
            self._wait(key, process, grace)
        self.reap(key, process)
        crash.point("after-stop")

    def forget(self, key: Key) -> None:
        """Delete the files about a child that has ended."""
        for what in ("json", "pid", "lock"):
            self._file(key, what).unlink(missing_ok=True)

    def watch(self, process: Process) -> int | None:
        """A descriptor that becomes readable when the process ends; None where the system has no such thing."""
        if not hasattr(os, "pidfd_open"):
            return None
        try:
            return os.pidfd_open(process.pid)
        except ProcessLookupError:
            return None

    def _wait(self, key: Key, process: Process, timeout: float) -> None:
        descriptor = self.watch(process)
        if descriptor is not None:
            try:
                select.select([descriptor], [], [], timeout)
            finally:
                os.close(descriptor)
            return
        deadline = time.monotonic() + timeout
        while self.alive(key, process) and time.monotonic() < deadline:
            time.sleep(0.05)  # this system offers no event for the end of somebody else's process

    def _pid(self, key: Key) -> int | None:
        deadline = time.monotonic() + 2
        while self.held(key) and time.monotonic() < deadline:
            text = self._read(key)
            if text.isdigit():
                return int(text)
            time.sleep(0.01)  # its shell is about to write it; there is no event for that
        return None

    def _read(self, key: Key) -> str:
        try:
            return self._file(key, "pid").read_text()
        except OSError:
            return ""

    def _end_group(self, key: Key, pid: int | None) -> None:
        """End what a child left behind in its group; never without its lock being held."""
        if pid is not None and self.held(key):
            _signal(pid, signal.SIGKILL)

    def _file(self, key: Key, what: str) -> Path:
        return self.paths.child(*key, what)


def _lock(path: Path) -> int | None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError) as error:
        log.debug("process group %d is gone: %s", group, error)


def _is_marked(pid: int, token: str) -> bool:
    """Whether a process carries the mark; where environments cannot be read, the lock must do."""
    if not Path("/proc/self/environ").exists():
        return True
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return f"{INSTANCE}={token}".encode() in variables
