"""The agent: one loop that reads what should be, decides, lets jobs do it, and reports."""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from i4q_ai.desired import Desired, Item, ModelItem
from i4q_ai.edge import crash, documents, locking, memory, ports, reconcile, tails
from i4q_ai.edge.build import Build
from i4q_ai.edge.children import Children
from i4q_ai.edge.jobs import Jobs, Outcome
from i4q_ai.edge.lanes import Lanes
from i4q_ai.edge.listening import Listener
from i4q_ai.edge.paths import Paths, socket_path
from i4q_ai.edge.reporting import Reporter
from i4q_ai.edge.scope import Scope
from i4q_ai.edge.state import ItemState, Key, Process
from i4q_ai.edge.watching import Watch
from i4q_ai.errors import I4qError, StorageError

log = logging.getLogger(__name__)

LOOK_EVERY = 2.0
"""Seconds between looks at the desired state when nobody wakes the agent."""
TIDY_EVERY = 30.0
_ROUNDS = 20


class Agent:
    """The agent of one cluster.

    Args:
        folder: of the cluster; made if it is not there.
        scope: where the agent stands.
        publish: called in the agent's loop with every new report, one line of JSON; must return at once.

    Raises:
        ConflictError: another agent runs there.
        StorageError: the folder of its socket belongs to somebody else.
    """

    def __init__(
        self, folder: Path, *, scope: Scope = Scope.CLUSTER, publish: Callable[[str], None] = lambda _: None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.paths = Paths(folder)
        self._lock = locking.take(self.paths.lock)
        for part in (self.paths.run, self.paths.logs, self.paths.blobs):
            part.mkdir(exist_ok=True)
        self._selector = selectors.DefaultSelector()
        self._ears, self._bell = socket.socketpair()
        self._ears.setblocking(False)
        self._bell.setblocking(False)
        self._selector.register(self._ears, selectors.EVENT_READ, lambda _: self._ears.recv(4096))
        address = socket_path(folder)
        self._listener = Listener(address, self._selector, {"wake": self.wake, "stop": self.stop, "leave": self.leave})
        locking.tell(self._lock, {"pid": os.getpid(), "socket": str(address), **Build.here().about()})

        self._children = Children(self.paths)
        self._jobs = Jobs(self.paths, self._children)
        self._lanes = Lanes(self._jobs, self._ring)
        self._watch = Watch(self._children, self._selector, self._child_ended)
        self._scope, self._tell = scope, publish
        self._reporter = Reporter(self.paths.status, scope)
        self._desired: Desired | None = None
        self._local: dict[Key, ItemState] = {}
        self._stamp: documents.Stamp | bool = False
        self._message = self._remark = ""
        self._followed: Mapping[str, str] = {}
        self._saved = ""
        self._tidy_at = 0.0
        self._unclean = True
        self._stopping = self._leaving = False

    def wake(self) -> None:
        """Read the desired state again, now; may be called from anywhere."""
        self._stamp = False
        self._ring()

    def remark(self, text: str) -> None:
        """Say so in the report, beside the agent's own troubles, until something else is said; from anywhere."""
        self._remark = text
        self._ring()

    def heard(self, remark: str, followed: Mapping[str, str]) -> None:
        """Read the desired state again, now, and report what it comes from; from anywhere.

        Args:
            remark: as for `remark`.
            followed: source → the commit or digest that it is at.
        """
        self._followed = followed
        self._remark = remark
        self.wake()

    def stop(self) -> None:
        """End the agent and its children soon; may be called from anywhere, signal handlers included."""
        self._stopping = True
        self._ring()

    def leave(self) -> None:
        """End the agent alone soon, for another to take its children over; may be called from anywhere."""
        self._leaving = True
        self._ring()

    def run(self) -> None:
        """Work until somebody says stop or leave; after an error nobody foresaw, the children go on alone."""
        self._remember()
        log.info("agent %d of %s begins", os.getpid(), self.paths.folder)
        try:
            while not (self._stopping or self._leaving):
                self._turn()
                for key, mask in self._selector.select(self._patience()):
                    key.data(mask)
        except Exception:
            log.critical("agent %d cannot go on", os.getpid(), exc_info=True)
            raise
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
            found = Desired.from_json(self.paths.desired.read_bytes(), where=self.paths.desired.name)
        except FileNotFoundError:
            return
        except (OSError, I4qError) as error:
            self._complain(f"the desired state cannot be read, the last one stands: {error}")
            return
        last = self._desired
        if last and found.revision < last.revision:
            self._complain(f"revision {found.revision} is older than {last.revision}, which stands")
            return
        self._message = ""
        self._desired = found
        for item in set(last.items if last else ()) ^ set(found.items):
            key = (item.namespace, item.name)
            self._local[key] = self._local.get(key, ItemState(kind=item.kind)).at_once()

    def _complain(self, message: str) -> None:
        if message != self._message:
            log.warning("%s", message)
        self._message = message

    def _step(self) -> None:
        if self._desired is None:
            return
        for item in self._desired.items:
            self._local.setdefault((item.namespace, item.name), ItemState(kind=item.kind))
        steps: list[reconcile.Step] = []
        for _ in range(_ROUNDS):
            steps = reconcile.steps(self._desired, self._local, time.monotonic(), self._scope)
            if not [step for step in steps if self._decide(step, self._desired)]:
                break
        for step in steps:
            if isinstance(step, reconcile.Start):
                self._choose_port(step.key, step.item)
        self._save()
        for step in steps:
            self._local[step.key] = self._lanes.begin(step, self._local, self._desired)

    def _decide(self, step: reconcile.Step, desired: Desired) -> bool:
        """Do a step that needs no job; False if it needs one."""
        state = self._local[step.key]
        if isinstance(step, reconcile.Accept):
            self._local[step.key] = state.accept(step.item, desired.policy.keep)
        elif isinstance(step, reconcile.Refuse):
            log.warning("%s/%s: version %s is given up: %s", *step.key, step.item.version, step.trouble.message)
            self._local[step.key] = state.refuse(step.item, step.trouble)
        else:
            return False
        return True

    def _choose_port(self, key: Key, item: Item) -> None:
        state = self._local[key]
        needed = isinstance(item, ModelItem) or item.port is not None
        if needed and state.port is None:
            taken = {other.port for other in self._local.values() if other.port is not None}
            port = ports.choose(taken, seed=f"{self.paths.folder}/{key}")
            self._local[key] = replace(state, port=port)

    def _take_results(self) -> None:
        for step, outcome in self._lanes.ended():
            self._unclean |= isinstance(step, (reconcile.Prune, reconcile.Remove))
            self._apply(step.key, outcome)

    def _apply(self, key: Key, outcome: Outcome) -> None:
        state = self._local.pop(key, None)
        after = outcome(state) if state is not None else None
        if after is not None:
            self._local[key] = replace(after, busy=self._lanes.busy(key) is not None)

    def _watch_children(self) -> None:
        """Watch all children but those that are being ended on purpose."""
        self._watch.update(
            {
                key: state.process
                for key, state in self._local.items()
                if state.process and not isinstance(self._lanes.busy(key), reconcile.Stop)
            }
        )

    def _child_ended(self, key: Key, process: Process) -> None:
        self._apply(key, self._jobs.ended(key, process))
        self._ring()

    def _save(self) -> None:
        text = memory.dump(self._desired, self._local)
        if text == self._saved:
            return
        crash.point("before-state")
        try:
            documents.write(self.paths.state, text, durable=True)
        except StorageError as error:
            self._complain(str(error))
            return
        self._saved = text
        crash.point("after-state")

    def _publish(self) -> None:
        message = "; ".join(part for part in (self._message, self._remark) if part)
        news = self._reporter.report(self._desired, self._local, message=message, followed=self._followed)
        if news is not None:
            self._listener.publish(news)
            self._tell(news)

    def _patience(self) -> float:
        """Seconds to sleep unless something happens."""
        now = time.monotonic()
        alarm = reconcile.alarms(self._desired, self._local, now) if self._desired else None
        return LOOK_EVERY if alarm is None else min(LOOK_EVERY, max(0.0, alarm - now))

    def _tidy(self) -> None:
        if self._unclean and not any(state.busy or state.fetching for state in self._local.values()):
            self._unclean = not self._lanes.clean(memory.digests(self._desired, self._local))
        now = time.monotonic()
        if now >= self._tidy_at:
            self._tidy_at = now + TIDY_EVERY
            tails.bound_all(self.paths.logs)

    def _end(self) -> None:
        stopping = self._stopping  # who says stop from now on has come too late, and finds children without an agent
        log.info("agent %d ends, and its children %s", os.getpid(), "with it" if stopping else "go on")
        self._watch.update({})
        self._lanes.cancel_fetches()
        if stopping:
            self._stop_children()
        self._lanes.close()
        self._take_results()
        if stopping:
            self._stop_children()  # what a job has started meanwhile
        self._save()
        self._publish()
        self._close()

    def _close(self) -> None:
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
        with contextlib.suppress(OSError):  # it rings already, or the agent has ended
            self._bell.send(b"!")
