"""The agent: one loop that reads what should be, decides, lets jobs do it, and reports."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import selectors
import socket
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from i4q_ai.desired import Desired, Item, ModelItem, WorkloadItem
from i4q_ai.edge import crash, documents, memory, observing, ports, reconcile, tails
from i4q_ai.edge.children import Children
from i4q_ai.edge.jobs import Jobs, Outcome
from i4q_ai.edge.listening import Listener
from i4q_ai.edge.paths import Paths, socket_path
from i4q_ai.edge.state import ItemState, Key, Process
from i4q_ai.errors import ConflictError, I4qError
from i4q_ai.status import Observation, Report

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds between looks at the desired state when nobody wakes the agent."""
TIDY_EVERY = 30.0
_WORKERS = 8
_ROUNDS = 20
_LOCK_TRIES, _LOCK_PAUSE = 10, 0.05


class Agent:
    """The agent of one cluster.

    Args:
        folder: of the cluster; made if it is not there.

    Raises:
        ConflictError: another agent runs there.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.paths = Paths(folder)
        self._lock = _take_lock(self.paths.lock)
        for part in (self.paths.run, self.paths.logs, self.paths.blobs):
            part.mkdir(exist_ok=True)
        self._children = Children(self.paths)
        self._jobs = Jobs(self.paths, self._children)
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="job")
        self._selector = selectors.DefaultSelector()
        self._ears, self._bell = socket.socketpair()
        self._ears.setblocking(False)
        self._bell.setblocking(False)
        self._selector.register(self._ears, selectors.EVENT_READ, lambda _: self._hear())
        address = socket_path(folder)
        self._listener = Listener(address, self._selector, wake=self.wake, stop=self.stop)
        _say(self._lock, {"pid": os.getpid(), "socket": str(address)})

        self._desired: Desired | None = None
        self._local: dict[Key, ItemState] = {}
        self._busy: dict[Key, reconcile.Step] = {}
        self._cancels: dict[Key, threading.Event] = {}
        self._results: deque[tuple[Key, bool, Future[Outcome]]] = deque()
        self._watched: dict[Key, tuple[Process, int]] = {}
        self._stamp: documents.Stamp | bool = False
        self._message = ""
        self._saved = ""
        self._shown: tuple[object, ...] = ()
        self._observations: dict[Key, Observation] = {}
        self._tidy_at = 0.0
        self._stopping = False

    def wake(self) -> None:
        """Read the desired state again, now; may be called from anywhere."""
        self._stamp = False
        self._ring()

    def stop(self) -> None:
        """End the agent and its children soon; may be called from anywhere, signal handlers included."""
        self._stopping = True
        self._ring()

    def run(self) -> None:
        """Work until somebody says stop."""
        self._remember()
        log.info("agent %d of %s begins", os.getpid(), self.paths.folder)
        try:
            while not self._stopping:
                self._turn()
                for key, mask in self._selector.select(self._patience()):
                    key.data(mask)
        finally:
            self._end()

    def _turn(self) -> None:
        self._take_results()
        self._read_desired()
        self._step()
        self._watch_children()
        self._save()
        self._publish()
        self._tidy()

    def _remember(self) -> None:
        self._desired, remembered = memory.read(self.paths.state)
        wanted = {(item.namespace, item.name): item for item in self._desired.items} if self._desired else {}
        self._observations = _last_observations(self.paths.status)
        there = memory.found(self.paths)
        for key in {*remembered, *there, *self._children.found()}:
            process = self._children.adopt(key)
            kind = process.item.kind if process else there.get(key, "model")
            state = remembered.get(key) or ItemState(kind=kind)
            items = [process.item if process else None, state.refused, wanted.get(key), *state.good]
            state = memory.on_disk(state, self.paths.home(state.kind, *key), [item for item in items if item])
            self._local[key] = state.started(process, again=False) if process else state
            if process:
                log.info("%s/%s: process %d is still there and goes on", *key, process.pid)

    def _read_desired(self) -> None:
        stamp = documents.stamp(self.paths.desired)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        crash.point("desired-read")
        try:
            found = Desired.from_json(self.paths.desired.read_bytes(), where=str(self.paths.desired.name))
        except FileNotFoundError:
            return
        except (OSError, I4qError) as error:
            self._complain(f"the desired state cannot be read, the last one stands: {error}")
            return
        if self._desired and found.revision < self._desired.revision:
            self._complain(f"revision {found.revision} is older than {self._desired.revision}, which stands")
            return
        self._message = ""
        self._desired = found

    def _complain(self, message: str) -> None:
        if message != self._message:
            log.warning("%s", message)
        self._message = message

    def _step(self) -> None:
        if self._desired is None:
            return
        for item in self._desired.items:
            self._local.setdefault((item.namespace, item.name), ItemState(kind=item.kind))
        for _ in range(_ROUNDS):
            steps = reconcile.steps(self._desired, self._local, time.monotonic())
            if not [step for step in steps if self._decide(step)]:
                break
        self._choose_ports(steps)
        self._save()
        for step in steps:
            self._begin(step, self._desired)

    def _decide(self, step: reconcile.Step) -> bool:
        """Do a step that needs no job; False if it needs one."""
        state = self._local[step.key]
        if isinstance(step, reconcile.Accept):
            assert self._desired is not None
            self._local[step.key] = state.accept(step.item, self._desired.policy.keep)
        elif isinstance(step, reconcile.Refuse):
            log.warning("%s/%s: version %s is given up: %s", *step.key, step.item.version, step.trouble.message)
            self._local[step.key] = state.refuse(step.item, step.trouble)
        else:
            return False
        return True

    def _choose_ports(self, steps: list[reconcile.Step]) -> None:
        for step in steps:
            state = self._local[step.key]
            if not isinstance(step, reconcile.Start) or state.port is not None or not _needs_port(step.item):
                continue
            taken = {other.port for other in self._local.values() if other.port is not None}
            seed = f"{self.paths.folder}/{step.key}"
            self._local[step.key] = replace(state, port=ports.choose(taken, seed=seed))

    def _begin(self, step: reconcile.Step, desired: Desired) -> None:
        key, state = step.key, self._local[step.key]
        if isinstance(step, reconcile.Cancel):
            self._cancels[key].set()
            return
        if isinstance(step, reconcile.Fetch):
            cancel = self._cancels[key] = threading.Event()
            self._local[key] = replace(state, fetching=step.item.digest)
            job = self._pool.submit(self._jobs.fetch, step, cancel)
        else:
            self._busy[key] = step
            self._local[key] = replace(state, busy=True)
            if isinstance(step, reconcile.Stop):
                self._unwatch(key)
            job = self._submit(step, state, desired)
        job.add_done_callback(lambda done: self._report_done(key, isinstance(step, reconcile.Fetch), done))

    def _submit(self, step: reconcile.Step, state: ItemState, desired: Desired) -> Future[Outcome]:
        jobs, submit, process = self._jobs, self._pool.submit, state.process
        match step:
            case reconcile.Expose():
                return submit(jobs.expose, step)
            case reconcile.Start():
                told = {
                    name: other.port
                    for (namespace, name), other in self._local.items()
                    if namespace == step.key[0] and other.port is not None
                }
                again = state.failures > 0
                return submit(jobs.start, step, port=state.port, ports=told, again=again)
            case reconcile.Stop() if process:
                return submit(jobs.stop, step, process)
            case reconcile.Load() if state.port is not None:
                return submit(jobs.load, step, state.port, desired.policy.probe_timeout)
            case reconcile.Probe() if process:
                return submit(jobs.probe, step, process, state.port)
            case reconcile.Prune():
                return submit(jobs.prune, step, state.kind)
            case reconcile.Remove():
                return submit(jobs.remove, step, state.kind)
        raise AssertionError(f"{step} does not fit {state}")

    def _report_done(self, key: Key, fetch: bool, done: Future[Outcome]) -> None:
        self._results.append((key, fetch, done))
        self._ring()

    def _take_results(self) -> None:
        while self._results:
            key, fetch, done = self._results.popleft()
            if not fetch:
                self._busy.pop(key, None)
            self._apply(key, done.result())

    def _apply(self, key: Key, outcome: Outcome) -> None:
        state = self._local.pop(key, None)
        after = outcome(state) if state is not None else None
        if after is not None:
            self._local[key] = replace(after, busy=key in self._busy)

    def _watch_children(self) -> None:
        for key, (process, _) in list(self._watched.items()):
            state = self._local.get(key)
            if state is None or state.process is None or state.process.pid != process.pid:
                self._unwatch(key)
        for key, state in list(self._local.items()):
            if state.process is None or key in self._watched or isinstance(self._busy.get(key), reconcile.Stop):
                continue
            descriptor = self._children.watch(state.process)
            if descriptor is not None:
                self._watched[key] = (state.process, descriptor)
                self._selector.register(descriptor, selectors.EVENT_READ, lambda _, key=key: self._child_ended(key))
            elif not self._children.alive(key, state.process):
                self._apply(key, self._jobs.ended(key, state.process))
                self._ring()

    def _child_ended(self, key: Key) -> None:
        self._unwatch(key)
        process = self._local[key].process
        if process is not None:
            self._apply(key, self._jobs.ended(key, process))

    def _unwatch(self, key: Key) -> None:
        watched = self._watched.pop(key, None)
        if watched is not None:
            self._selector.unregister(watched[1])
            os.close(watched[1])

    def _save(self) -> None:
        text = memory.dump(self._desired, self._local)
        if text == self._saved:
            return
        crash.point("before-state")
        try:
            documents.write(self.paths.state, text, durable=True)
        except I4qError as error:
            self._complain(str(error))
            return
        self._saved = text
        crash.point("after-state")

    def _publish(self) -> None:
        time_of_day = datetime.now(UTC)
        items: tuple[Observation, ...] = ()
        if self._desired is not None:
            items = observing.observe(
                self._desired, self._local, now=time.monotonic(), time=time_of_day, before=self._observations
            )
            self._observations = {(item.namespace, item.name): item for item in items}
        revision = self._desired.revision if self._desired else 0
        shown = (revision, self._message, items)
        if shown == self._shown:
            return
        cluster = self._desired.cluster if self._desired else self.paths.folder.name
        report = Report(
            cluster=cluster, revision=revision, time=time_of_day, agent=_version(), message=self._message, items=items
        )
        text = report.model_dump_json()
        crash.point("before-status")
        try:
            documents.write(self.paths.status, text + "\n")
        except I4qError as error:
            self._complain(str(error))
        else:
            self._shown = shown
        self._listener.publish(text)

    def _patience(self) -> float:
        """Seconds to sleep unless something happens."""
        now = time.monotonic()
        alarm = reconcile.alarms(self._desired, self._local, now) if self._desired else None
        return LOOK_EVERY if alarm is None else min(LOOK_EVERY, max(0.0, alarm - now))

    def _tidy(self) -> None:
        now = time.monotonic()
        if now < self._tidy_at:
            return
        self._tidy_at = now + TIDY_EVERY
        for path in self.paths.logs.glob("*.log"):
            try:
                tails.bound(path)
            except OSError as error:
                log.warning("%s cannot be shortened: %s", path, error)

    def _end(self) -> None:
        log.info("agent %d ends, and its children with it", os.getpid())
        for cancel in self._cancels.values():
            cancel.set()
        for key in list(self._watched):
            self._unwatch(key)
        self._stop_children()
        self._pool.shutdown(cancel_futures=True)
        self._results = deque(result for result in self._results if not result[2].cancelled())
        self._take_results()
        self._stop_children()
        self._save()
        self._publish()
        self._listener.close()
        self._selector.close()
        self._ears.close()
        self._bell.close()
        os.close(self._lock)

    def _stop_children(self) -> None:
        for kind in ("workload", "model"):
            living = [(key, s.process) for key, s in self._local.items() if s.kind == kind and s.process]
            with ThreadPoolExecutor(max(1, len(living))) as pool:
                list(pool.map(lambda one: self._children.stop(*one), living))
            for key, _ in living:
                self._local[key] = self._local[key].stopped()

    def _ring(self) -> None:
        try:
            self._bell.send(b"!")
        except BlockingIOError:
            pass  # it rings already
        except OSError as error:
            if error.errno != errno.EBADF:
                raise

    def _hear(self) -> None:
        self._ears.recv(4096)


def _needs_port(item: Item) -> bool:
    return isinstance(item, ModelItem) or (isinstance(item, WorkloadItem) and item.port is not None)


def _take_lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE)  # somebody who only looks whether an agent is there holds it for an instant
    os.close(descriptor)
    raise ConflictError(f"another agent runs in {path.parent}")


def _say(descriptor: int, about: dict[str, object]) -> None:
    text = json.dumps(about).encode()
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text, 0)


def _last_observations(path: Path) -> dict[Key, Observation]:
    try:
        report = Report.model_validate_json(path.read_bytes())
    except (OSError, ValueError):
        return {}  # there is none, or it is from another version: phases begin now
    return {(item.namespace, item.name): item for item in report.items}


def _version() -> str:
    from importlib.metadata import version

    return version("i4q-ai")
