"""Controller: keeps the deployments of a namespace as they are wanted, when no notebook is open.

What needs nobody (a cluster that comes back) the edges do themselves. What needs somebody (a stage that is good, a
label that has changed, a cluster that has lost the last of a deleted deployment) is a refresh; the controller makes
one whenever anything changes. Several may run: one holds the lease, the others take over when it is gone.
"""

from __future__ import annotations

import logging
import os
import platform
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from i4q_ai.deadline import Deadline
from i4q_ai.engine import Alarm
from i4q_ai.errors import ConflictError, I4qError

if TYPE_CHECKING:
    from i4q_ai.backends.base import Record, Store
    from i4q_ai.hub import Hub

log = logging.getLogger(__name__)

LEASE_KIND = "lease"
"""The kind of the store's records that say who is at work."""

Clock = Callable[[], datetime]


def _utc() -> datetime:
    return datetime.now(UTC)


class Lease:
    """The right to be the only one at work, for some seconds at a time.

    It saves work, it does not guard data: two holders at once (clocks that differ) would undo nothing, because stores
    compare revisions and fleets ignore what comes from a lower one.

    Args:
        store: where it is written down.
        namespace, name: of its record.
        holder: who asks; another text for every process.
        seconds: that it lasts without being renewed.
        clock: of this holder; another one in tests.
    """

    def __init__(
        self, store: Store, namespace: str, name: str, *, holder: str, seconds: float, clock: Clock = _utc
    ) -> None:
        self._store = store
        self._key = (LEASE_KIND, namespace, name)
        self._lasts = timedelta(seconds=seconds)
        self._clock = clock
        self._until: datetime | None = None
        self.holder = holder

    def hold(self, *, deadline: Deadline) -> bool:
        """Take or keep the lease; says whether this holder has it.

        It is renewed in the last two thirds of its time only, so that asking often writes little.
        """
        now = self._clock()
        if self._until is not None and now < self._until - self._lasts * 2 / 3:
            return True
        record = self._store.get(*self._key, deadline=deadline)
        if record is not None and not self._is_free(record, now):
            self._until = None
            return False
        return self._write(now + self._lasts, expected=record.revision if record else 0, deadline=deadline)

    def release(self, *, deadline: Deadline) -> None:
        """Give it back, if this holder has it, so that nobody has to wait until it ends."""
        self._until = None
        record = self._store.get(*self._key, deadline=deadline)
        if record is None or record.data.get("holder") != self.holder:
            return
        try:
            self._store.remove(*self._key, expected=record.revision, deadline=deadline)
        except ConflictError:
            log.debug("the lease was taken while it was given back")

    def _is_free(self, record: Record, now: datetime) -> bool:
        return record.data.get("holder") == self.holder or _moment(record.data.get("until")) <= now

    def _write(self, until: datetime, *, expected: int, deadline: Deadline) -> bool:
        from i4q_ai.backends.base import Record

        kind, namespace, name = self._key
        data = {"holder": self.holder, "until": until.isoformat()}
        try:
            self._store.put(
                Record(kind=kind, namespace=namespace, name=name, data=data), expected=expected, deadline=deadline
            )
        except ConflictError:
            self._until = None
            return False
        self._until = until
        return True


@dataclass(frozen=True)
class Turn:
    """What one turn of a controller did.

    Args:
        held: it had the lease; without it, it did nothing else.
        failed: deployment → why it could not be refreshed.
        wakes_at: when the next soak ends; a turn after that moves its roll-out on.
    """

    held: bool
    failed: dict[str, str]
    wakes_at: datetime | None = None


class Controller:
    """Refreshes all deployments of a hub's namespace and owner whenever something changes.

    Args:
        hub: whose.
        lease_seconds: after which another controller takes over when this one is gone.
        clock: of the lease; another one in tests.

    Example:
        >>> from i4q_ai import Hub
        >>> with Hub(home=home) as hub:
        ...     Controller(hub).once().held
        True
    """

    def __init__(self, hub: Hub, *, lease_seconds: float = 15, clock: Clock = _utc) -> None:
        self._hub = hub
        self._pause = lease_seconds / 3
        self._told: dict[str, str] = {}
        holder = f"{platform.node()}/{os.getpid()}/{secrets.token_hex(4)}"
        # One lease an owner: controllers of different owners in one namespace do different work.
        name = f"controller-{hub.owner}"
        self._lease = Lease(hub.engine.store, hub.namespace, name, holder=holder, seconds=lease_seconds, clock=clock)

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop, then give the lease back. What fails is logged and tried again.

        Args:
            stop: is noticed at the next change, and after a third of the lease at the latest.
        """
        try:
            while not stop.is_set():
                self._until_renewal(stop)
        finally:
            self._leave()

    def once(self) -> Turn:
        """One turn: take or keep the lease, refresh every deployment, finish those that are deleted.

        Raises:
            I4qError: the store does not answer.
        """
        failed: dict[str, str] = {}
        soaks: list[datetime | None] = []
        if not self._holds():
            return Turn(held=False, failed=failed)
        for name in self._hub.engine.records():
            soaks.append(self._refresh(name, failed))
            if not self._holds():
                return Turn(held=False, failed=failed)
        self._told = failed
        return Turn(held=True, failed=failed, wakes_at=min((each for each in soaks if each), default=None))

    def release(self) -> None:
        """Give the lease back."""
        self._lease.release(deadline=self._hub.engine.deadline())

    def _leave(self) -> None:
        try:
            self.release()
        except I4qError as error:
            log.warning("the lease was not given back, and ends by itself: %s", error)

    def _holds(self) -> bool:
        return self._lease.hold(deadline=self._hub.engine.deadline())

    def _until_renewal(self, stop: threading.Event) -> None:
        try:
            alarm = Alarm()
            for _ in self._hub.engine.watch(None, Deadline.after(self._pause), alarm=alarm):
                if stop.is_set():
                    return
                alarm.at = self.once().wakes_at
        except I4qError as error:
            log.warning("the controller waits for its hub: %s", error)
            stop.wait(self._pause)

    def _refresh(self, name: str, failed: dict[str, str]) -> datetime | None:
        """Refresh a deployment; says when its next soak ends."""
        try:
            return self._hub.refresh(name).wakes_at
        except I4qError as error:
            failed[name] = str(error)
            # Said once, not at every turn.
            level = logging.DEBUG if self._told.get(name) == str(error) else logging.WARNING
            log.log(level, "deployment '%s' could not be refreshed: %s", name, error)
            return None


def _moment(text: object) -> datetime:
    """When a lease ends; one that cannot be read has ended."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
