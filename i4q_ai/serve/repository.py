"""The models a server has: which version answers, and how another takes its place without a request failing."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from i4q_ai.errors import I4qError, InvalidError, NotFoundError, ServingError, UnsupportedError, nearest
from i4q_ai.serve import tree as trees
from i4q_ai.serve.child import Order, try_in_child
from i4q_ai.serve.metrics import Metrics
from i4q_ai.serve.options import ServeOptions
from i4q_ai.serve.served import Served, prepare
from i4q_ai.serve.tree import Shelf, Tree
from i4q_ai.serve.workers import in_thread

log = logging.getLogger(__name__)

_LEAST_MEMORY = 2 * 1024**3
_MEMORY_PER_BYTE = 6
_STATUS: dict[type[I4qError], int] = {UnsupportedError: 501, InvalidError: 400, NotFoundError: 400}
"""Why a version cannot be loaded → the status that says so; 500 for anything else."""


@dataclass(slots=True)
class Slot:
    """One model's name and what stands behind it.

    Args:
        shelf: where its versions are on disk.
        default: the version that answers when none is named.
        served: version → in memory.
        leaving: versions that finish their last requests.
        loading: the version that is being loaded.
        failure: the last version that could not be loaded, and why; forgotten with the next that can.
        unloaded: somebody wanted it out of memory.
    """

    shelf: Shelf
    default: Served | None = None
    served: dict[str, Served] = field(default_factory=dict)
    leaving: list[Served] = field(default_factory=list)
    loading: str | None = None
    failure: tuple[str, str] | None = None
    unloaded: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def why_not(self) -> str:
        """Why no version answers."""
        if self.loading is not None:
            return "is being loaded"
        if self.failure is not None:
            return f"could not be loaded: {self.failure[1]}"
        return "is unloaded" if self.unloaded else "is not loaded"


class Repository:
    """The models of one server.

    Everything here runs on the event loop; what takes long runs in threads and child processes beside it.

    Args:
        options: of the server.
        metrics: told of every change.
    """

    def __init__(self, options: ServeOptions, metrics: Metrics) -> None:
        self._options = options
        self._metrics = metrics
        self._slots = {name: Slot(shelf) for name, shelf in trees.shelves(options.folder, options.name).items()}
        self._started = False
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def ready(self) -> bool:
        """Whether every model that is wanted can infer."""
        return self._started and all(slot.default is not None or slot.unloaded for slot in self._slots.values())

    def find(self, model: str, version: str | None = None) -> Served:
        """The version that answers.

        Raises:
            ServingError: status 404 for a model or version that is not there, 503 for one that is not loaded.
        """
        slot = self._slots.get(model)
        if slot is None:
            raise ServingError(f"unknown model '{model}'", status=404, hint=nearest(model, self._slots))
        served = slot.default if version is None else slot.served.get(version)
        if served is not None:
            return served
        if slot.default is None:
            raise ServingError(f"model '{model}' {slot.why_not()}", status=503)
        what = f"model '{model}' has no version '{version}' loaded"
        raise ServingError(what, status=404, hint=nearest(str(version), slot.served))

    def versions(self, model: str) -> list[str]:
        """The versions of a model that are loaded, oldest first."""
        return sorted(self._slots[model].served, key=trees.version_order)

    async def start(self) -> None:
        """Load every model; those that cannot be loaded are told in the index."""
        # A lone model endangers nobody else: it is tried out where it will run, which halves the time to ready.
        alone = len(self._slots) == 1
        for name, slot in self._slots.items():
            try:
                if self._options.all_versions:
                    await self._load_others(name, slot)
                await self._load(slot, None, self_test=self._options.self_test and not alone)
            except I4qError as error:
                log.error("model %s: %s", name, error)
        self._started = True

    async def _load_others(self, name: str, slot: Slot) -> None:
        for folder in slot.shelf.trees():
            try:
                await self._load(slot, None if slot.shelf.single else folder.name, self_test=self._options.self_test)
            except I4qError as error:
                log.error("model %s, tree %s: %s", name, folder.name, error)

    async def load(self, model: str, tree: str | None = None) -> None:
        """Load a version and make it the default; the old one answers until then, and goes on if this fails.

        Args:
            model: its name.
            tree: the folder beside `current`; None: what `current` names, else the highest version.

        Raises:
            ServingError: status 404: no such model or tree; 400: the version cannot be served, says why.
        """
        await self.rescan()
        slot = self._slots.get(model)
        if slot is None:
            raise ServingError(f"unknown model '{model}'", status=404, hint=nearest(model, self._slots))
        await self._load(slot, tree, self_test=self._options.self_test)

    async def _load(self, slot: Slot, name: str | None, *, self_test: bool) -> None:
        async with slot.lock:
            try:
                folder = await in_thread(partial(slot.shelf.pick, name))
                slot.loading = folder.name
                tree = await in_thread(partial(trees.read, slot.shelf, folder))
                slot.loading = tree.version
                known = slot.served.get(tree.version)
                if known is None or known.tree.fingerprint != tree.fingerprint:
                    known = await self._bring_up(tree, self_test)
            except I4qError as error:
                raise self._failed(slot, name, error) from error
            finally:
                label, slot.loading = slot.loading, None
            log.info("model %s: version %s answers", slot.shelf.model, label)
            self._install(slot, known)

    async def _bring_up(self, tree: Tree, self_test: bool) -> Served:
        try:
            if self_test:
                await try_in_child(await in_thread(partial(self._order, tree)), self._options.self_test_timeout)
            served = await in_thread(partial(prepare, tree, self._options.threads))
        except I4qError:
            raise
        except Exception as error:
            raise I4qError(f"it cannot be loaded: {type(error).__name__}: {error}") from error
        served.meter = self._metrics.meter(tree.model, tree.version)
        return served

    def _order(self, tree: Tree) -> Order:
        claimed = tree.claimed
        return Order(
            folder=str(tree.folder),
            format=tree.format,
            inputs=[one.row() for one in claimed.inputs.values()] if claimed else [],
            outputs=[one.row() for one in claimed.outputs.values()] if claimed else [],
            threads=self._options.threads,
            memory=self._options.memory_limit or max(_LEAST_MEMORY, _MEMORY_PER_BYTE * trees.size(tree.folder)),
        )

    def _failed(self, slot: Slot, name: str | None, error: I4qError) -> ServingError:
        if isinstance(error, NotFoundError) and name is not None:
            return ServingError(error.what, status=404, hint=error.hint)
        slot.failure = (slot.loading or name or "", str(error))
        self._metrics.load_ended(slot.shelf.model, ok=False)
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
        what = f"version {slot.failure[0]} of model '{slot.shelf.model}': {error.what}"
        return ServingError(what, status=status, hint=error.hint)

    def _install(self, slot: Slot, served: Served) -> None:
        """The swap: from the next request on, the new version answers."""
        gone = [] if self._options.all_versions else [old for old in slot.served.values() if old is not served]
        replaced = slot.served.get(served.version)
        if replaced is not None and replaced is not served and replaced not in gone:
            gone.append(replaced)
        slot.served = {version: old for version, old in slot.served.items() if old not in gone}
        slot.served[served.version] = served
        slot.default = served
        slot.failure, slot.unloaded = None, False
        self._retire(slot, gone)
        self._metrics.load_ended(slot.shelf.model, ok=True)

    def _retire(self, slot: Slot, gone: list[Served]) -> None:
        for old in gone:
            slot.leaving.append(old)
            task = asyncio.get_running_loop().create_task(self._see_off(slot, old))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
        left = [old.version for old in gone if old.version not in slot.served]
        default = slot.default.version if slot.default else None
        self._metrics.loaded(slot.shelf.model, list(slot.served), default, gone=left)

    async def _see_off(self, slot: Slot, old: Served) -> None:
        await old.close()
        slot.leaving.remove(old)

    async def unload(self, model: str) -> None:
        """Take all versions of a model out of memory, once their last requests are answered.

        Raises:
            ServingError: status 404: no such model.
        """
        slot = self._slots.get(model)
        if slot is None:
            raise ServingError(f"unknown model '{model}'", status=404, hint=nearest(model, self._slots))
        async with slot.lock:
            gone = list(slot.served.values())
            slot.served, slot.default, slot.unloaded = {}, None, True
            self._retire(slot, gone)

    async def rescan(self) -> None:
        """Notice models that were added to the folder or taken from it."""
        try:
            found = await in_thread(partial(trees.shelves, self._options.folder, self._options.name))
        except I4qError as error:
            log.warning("%s", error)
            return
        for name, shelf in found.items():
            if name not in self._slots:
                self._slots[name] = Slot(shelf, unloaded=True)

    def index(self, *, ready_only: bool = False) -> list[dict[str, str]]:
        """One row for each version in memory, and for what should be and is not.

        Args:
            ready_only: leave out all but those that answer.
        """
        rows = [row for name, slot in sorted(self._slots.items()) for row in _rows(name, slot)]
        return [row for row in rows if row["state"] == "READY"] if ready_only else rows


def _rows(name: str, slot: Slot) -> list[dict[str, str]]:
    rows = [_row(name, version, "READY") for version in sorted(slot.served, key=trees.version_order)]
    rows += [_row(name, old.version, "UNLOADING") for old in slot.leaving]
    if slot.loading is not None:
        rows.append(_row(name, slot.loading, "LOADING"))
    if slot.failure is not None:
        rows.append(_row(name, slot.failure[0], "UNAVAILABLE", f"FAILED: {slot.failure[1]}"))
    return rows or [_row(name, "", "UNAVAILABLE", "unloaded" if slot.unloaded else "not loaded")]


def _row(name: str, version: str, state: str, reason: str = "") -> dict[str, Any]:
    return {"name": name, "version": version, "state": state, "reason": reason}
