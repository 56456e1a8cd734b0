"""The steps, done: the only place where deciding turns into doing. Each job returns how the local state changes."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from i4q_ai.desired import Item, ModelItem, WorkloadItem
from i4q_ai.edge import asking, cleaning, crash, environment, reconcile, tails, trees, trusting
from i4q_ai.edge.children import Children
from i4q_ai.edge.paths import Paths, tree_name
from i4q_ai.edge.state import REFUSED, Answer, ItemState, Key, Process, Trouble
from i4q_ai.errors import (
    AuthError,
    I4qError,
    IntegrityError,
    InvalidError,
    NoSpaceError,
    NotFoundError,
    ServingError,
    StorageError,
    UnsupportedError,
    UntrustedError,
)
from i4q_ai.status import Kind

log = logging.getLogger(__name__)

Outcome = Callable[[ItemState], ItemState | None]
"""How a job changes the state of its item; None when nothing of the item is left."""

PORT_IN_USE = 98
"""Exit code of the model server when somebody else has its port."""
UNTRUSTED = "Untrusted"
"""The reason when a trust policy does not let a version in."""
_READY = "/v2/health/ready"
"""A server that the agent starts has one model, so it is ready when that is; and here it says who it is."""
FETCH_TIMEOUT = 3600.0
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
_DEFINITE = (IntegrityError, NotFoundError, AuthError, InvalidError, UnsupportedError, UntrustedError)


@dataclass(frozen=True)
class Jobs:
    """Does steps for one cluster; safe to use from several threads, one per item and lane.

    Args:
        paths: of the cluster.
        children: its processes.
    """

    paths: Paths
    children: Children

    def fetch(self, step: reconcile.Fetch, cancel: threading.Event) -> Outcome:
        """Download, verify and unpack a version; its tree appears whole or not at all."""
        from i4q_ai import oci

        item = step.item
        home = self._home(item.kind, step.key)
        saved: list[int] = []
        crash.point("before-fetch")
        try:
            home.mkdir(parents=True, exist_ok=True)
            folder = home / tree_name(item.digest)
            oci.fetch(
                item.references,
                item.digest,
                folder,
                timeout=FETCH_TIMEOUT,
                cancel=cancel,
                blobs=self.paths.blobs,
                trust=trusting.policies(item.trust),
                saved=saved.append,
            )
        except (I4qError, OSError) as error:
            return self._not_fetched(step, error, cancel)
        crash.point("after-fetch")
        here = f"; {sum(saved)} of its bytes were here already" if saved else ""
        log.info("%s/%s: version %s is here, verified%s", *step.key, item.version, here)
        return lambda state: state.fetched(item.digest, saved=sum(saved))

    def _not_fetched(self, step: reconcile.Fetch, error: Exception, cancel: threading.Event) -> Outcome:
        if cancel.is_set():
            return lambda state: state.fetch_ended()
        trouble = fetch_trouble(error)
        log.warning("%s/%s: version %s cannot be fetched: %s", *step.key, step.item.version, trouble.message)
        return lambda state: state.not_fetched(trouble, time.monotonic())

    def expose(self, step: reconcile.Expose, wanted: Item | None) -> Outcome:
        """Switch `current`.

        Args:
            step: says to what.
            wanted: what the desired state holds of it.
        """
        try:
            self._recheck(step.key, step.item, wanted)
            self._switch(step.key, step.item, step.previous)
        except (I4qError, OSError) as error:
            trouble = _trouble(error)
            log.warning("%s/%s: version %s is not exposed: %s", *step.key, step.item.version, trouble.message)
            return lambda state: state.ended(trouble, time.monotonic())
        now = time.monotonic()
        return lambda state: state.exposed(step.item, now, step.judges)

    def start(
        self, step: reconcile.Start, wanted: Item | None, *, port: int | None, ports: dict[str, int], again: bool
    ) -> Outcome:
        """Start the process of a model or workload.

        Args:
            step: says which.
            wanted: what the desired state holds of it.
            port: its own.
            ports: names of models in its namespace → ports of their servers.
            again: it ran before.
        """
        try:
            self._recheck(step.key, step.item, wanted)
            process = self._start(step.key, step.item, port, ports)
        except (I4qError, OSError) as error:
            trouble = _trouble(error)
            log.warning("%s/%s: cannot be started: %s", *step.key, trouble.message)
            return lambda state: state.ended(trouble, time.monotonic())
        log.info("%s/%s: version %s started, process %d", *step.key, step.item.version, process.pid)
        return lambda state: state.started(process, again=again)

    def _start(self, key: Key, item: Item, port: int | None, ports: dict[str, int]) -> Process:
        token = secrets.token_hex(16)
        home = self._home(item.kind, key)
        if isinstance(item, WorkloadItem):
            command = environment.workload_command(item)
            told = environment.workload_variables(item, os.environ, self.paths, ports, port=port, token=token)
            folder = home / tree_name(item.digest)
        else:
            assert port is not None
            command = environment.server_command(item, home, port=port, token=token)
            told, folder = environment.server_variables(os.environ, token=token), home
        return self.children.start(key, item, command, folder=folder, variables=told, token=token, port=port)

    def stop(self, step: reconcile.Stop, process: Process) -> Outcome:
        """End a process."""
        trouble = step.trouble
        if trouble is not None:
            log.warning("%s/%s: process %d is ended: %s", *step.key, process.pid, trouble.message)
        self.children.stop(step.key, process)
        log.info("%s/%s: process %d ended", *step.key, process.pid)
        if trouble is not None:
            return lambda state: state.ended(trouble, time.monotonic())
        return lambda state: state.stopped()

    def load(self, step: reconcile.Load, wanted: Item | None, process: Process, port: int, timeout: float) -> Outcome:
        """Let the running server switch to another version, then switch `current`."""
        item = step.item
        crash.point("before-load")
        try:
            self._recheck(step.key, item, wanted)
            # Noted before it is so: the next agent then asks again rather than believe what may have changed.
            self.children.note(step.key, item, token=process.token, port=port)
            asking.load(port, item.name, tree_name(item.digest), timeout=timeout)
            crash.point("after-load")
            self._switch(step.key, item, step.previous)
        except ServingError as error:
            trouble = Trouble(REFUSED, error.what)
            log.warning("%s/%s: the server refused version %s: %s", *step.key, item.version, error.what)
            return lambda state: state.rejected(item, trouble, time.monotonic())
        except UntrustedError as error:
            refusal = _trouble(error)
            log.warning("%s/%s: version %s is not loaded: %s", *step.key, item.version, refusal.message)
            return lambda state: state.not_let_in(refusal, time.monotonic())
        except (I4qError, OSError) as error:
            silent = Trouble("ServerSilent", str(error))
            if isinstance(error, (StorageError, OSError)):
                silent = _storage_trouble(error)
            return lambda state: state.not_loaded(item, silent, time.monotonic())
        log.info("%s/%s: switched to version %s", *step.key, item.version)
        now = time.monotonic()
        return lambda state: state.loaded(item, now)

    def probe(self, step: reconcile.Probe, process: Process, port: int | None) -> Outcome:
        """Ask a process whether it is ready."""
        item = step.item
        if port is None:
            return lambda state: state.probed(Answer.NOT_READY, time.monotonic())
        if isinstance(item, ModelItem):
            return self._probe_server(item, process, port)
        answer = asking.probe(port, item.ready or "/")
        return lambda state: state.probed(answer, time.monotonic())

    def _probe_server(self, item: ModelItem, process: Process, port: int) -> Outcome:
        answer = asking.probe(port, _READY, token=process.token)
        if answer is Answer.NOT_READY:
            why = asking.failure(port, item.name)
            if why:
                return lambda state: state.unloadable(Trouble(REFUSED, why, definite=True), time.monotonic())
            # A workload may have a reason to say no for hours; a server that does is of no more use than a dead one.
            answer = Answer.SILENT
        return lambda state: state.probed(answer, time.monotonic())

    def prune(self, step: reconcile.Prune, kind: Kind) -> Outcome:
        """Delete trees."""
        crash.point("before-prune")
        try:
            trees.prune(self._home(kind, step.key), step.names)
        except OSError as error:
            log.warning("%s/%s: old versions cannot be deleted: %s", *step.key, error)
        # What could not be deleted is found again by the next agent; trying for ever would help nobody.
        return lambda state: state.pruned(step.names)

    def remove(self, step: reconcile.Remove, kind: Kind) -> Outcome:
        """Delete everything of an item."""
        crash.point("before-remove")
        try:
            trees.remove(self._home(kind, step.key))
            tails.remove(self.paths.item_log(*step.key))
            self.children.forget(step.key)
        except OSError as error:
            trouble = _storage_trouble(error)
            log.warning("%s/%s: cannot be removed: %s", *step.key, trouble.message)
            return lambda state: state.ended(trouble, time.monotonic())
        log.info("%s/%s: removed", *step.key)
        return lambda _: None

    def clean(self, kept: set[str]) -> int:
        """Delete downloaded bytes that no kept version needs."""
        try:
            return cleaning.clean(self.paths.blobs, kept)
        except (I4qError, OSError) as error:
            log.warning("old downloads cannot be deleted: %s", error)
            return 0

    def ended(self, key: Key, process: Process) -> Outcome:
        """Clean up after a process that ended by itself."""
        code = self.children.reap(key, process)
        trouble = end_trouble(process.item, code, tails.last_line(self.paths.item_log(*key)))
        log.warning("%s/%s: %s", *key, trouble.message)
        return lambda state: state.ended(trouble, time.monotonic()) if state.process == process else state

    def _recheck(self, key: Key, item: Item, wanted: Item | None) -> None:
        trusting.recheck(item, wanted, self._home(item.kind, key) / tree_name(item.digest), self.paths.blobs)

    def _switch(self, key: Key, item: Item, previous: Item | None) -> None:
        older = tree_name(previous.digest) if previous else None
        trees.switch(self._home(item.kind, key), tree_name(item.digest), previous=older)

    def _home(self, kind: Kind, key: Key) -> Path:
        return self.paths.home(kind, *key)


def fetch_trouble(error: Exception) -> Trouble:
    """Why a version is not here, in one word and a sentence."""
    if isinstance(error, (StorageError, OSError)):
        return _storage_trouble(error)
    reasons = (
        (UntrustedError, UNTRUSTED),
        (IntegrityError, "IntegrityError"),
        (AuthError, "NotAllowed"),
        (NotFoundError, "NotFound"),
    )
    named = next((reason for kind, reason in reasons if isinstance(error, kind)), None)
    if named is None and isinstance(error, _DEFINITE):
        named = type(error).__name__
    return Trouble(named or "RegistryUnreachable", str(error), definite=named is not None)


def end_trouble(item: Item, code: int | None, last: str) -> Trouble:
    """Why a process ended, in one word and a sentence.

    Args:
        item: what it ran for.
        code: its exit code, negative for a signal; None if nobody knows.
        last: what it said last.
    """
    if isinstance(item, ModelItem) and code == PORT_IN_USE:
        return Trouble("PortInUse", f"another program has its port: {last}", definite=True)
    how = "for a reason nobody saw" if code is None else f"by signal {-code}" if code < 0 else f"with code {code}"
    return Trouble("Ended", f"its process ended {how}" + (f"; it said: {last}" if last else ""))


def _trouble(error: Exception) -> Trouble:
    if isinstance(error, UntrustedError):
        return Trouble(UNTRUSTED, str(error), definite=True)
    return _storage_trouble(error)


def _storage_trouble(error: Exception) -> Trouble:
    cause = error if isinstance(error, OSError) else error.__cause__
    full = isinstance(error, NoSpaceError) or (isinstance(cause, OSError) and cause.errno in _NO_ROOM)
    return Trouble("NoSpace" if full else "StorageError", str(error), definite=True)
