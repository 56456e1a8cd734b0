"""One turn: look at a source, and if it has changed, take the change, deploy it, and write down how that went."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from i4q_ai.backends.base import Subscription
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, I4qError, NotFoundError
from i4q_ai.listening import deploying, lines
from i4q_ai.listening.ledger import Ledger
from i4q_ai.listening.lines import Change, Head, Line, State
from i4q_ai.listening.looking import Found, Looker
from i4q_ai.listening.rules import ListenedSource
from i4q_ai.placement import REST
from i4q_ai.retrying import TRIES

if TYPE_CHECKING:
    from i4q_ai.hub import Hub
    from i4q_ai.plan import Plan

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]
_LONGEST_LOOK = 20.0
"""Seconds for one look at a server: others wait for the worker that is at it."""
_BACK = "went back to what it was at before; if that is meant, approve it"


def _utc() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Turn:
    """What one look at a source led to.

    Args:
        change: that was worked on; None if there was none.
        later: somebody else is at work on the source: look again.
        waits: a person may approve its change.
    """

    change: Change | None = None
    later: bool = False
    waits: bool = False


class _Lost(Exception):
    """The line is somebody else's by now."""


@dataclass
class _Held:
    """A line that is ours, and the revision that shows it.

    Args:
        name: of its record.
        line: as it is now.
        revision: of its record.
        before: as it was when it was taken.
        turn: who holds it may write it.
        done: nobody is at work on it any more.
    """

    name: str
    line: Line
    revision: int
    before: Line
    turn: threading.RLock = field(default_factory=threading.RLock)
    done: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class _Result:
    state: State
    why: str = ""
    plan: str = ""
    deployed: dict[str, int] = field(default_factory=dict)


class Turner:
    """Takes turns for one listener.

    Args:
        hub: that is told.
        holder: who takes them; another text for every process.
        approve: every change waits for a person.
        lease: seconds after which somebody else takes over a change when we are gone.
        cache: a folder for what is fetched.
        clock: of leases; another one in tests.
    """

    def __init__(self, hub: Hub, *, holder: str, approve: bool, lease: float, cache: Path, clock: Clock = _utc) -> None:
        self._hub, self._engine = hub, hub.engine
        self._holder, self._approve, self._lease, self._clock = holder, approve, lease, clock
        self._looker, self._ending = Looker(cache), threading.Event()
        self._done: dict[str, str] = {}  # record → commit that needs nothing more
        self._still: dict[str, tuple[int, float]] = {}  # record that somebody else holds → revision, since when
        self.ledger = Ledger(hub.engine.store, hub.namespace, deadline=hub.engine.deadline)

    def end(self) -> None:
        """Break off looks that are under way; what is being applied is finished."""
        self._ending.set()

    def take(self, source: ListenedSource, *, tries: int = TRIES) -> Turn:
        """Look at a source and do what there is to do.

        Args:
            source: at which.
            tries: how often a Git server that does not answer is asked before that is said.

        Raises:
            I4qError: it could not be looked at, or the hub's store does not answer; nothing was changed.
        """
        name = lines.key(source)
        head = self._looker.head(source, self._deadline(source, at_most=_LONGEST_LOOK), tries=tries)
        if head is None or self._done.get(name) == head.commit:
            return Turn()
        line, revision = self.ledger.read(source)
        if lines.is_done(line, head):
            return self._nothing_to_do(name, line, head)
        now = self._clock()
        if line.is_held(self._holder, now) and not self._is_still(name, revision):
            return Turn(later=True)
        mine = lines.claimed(line, source, head, holder=self._holder, seconds=self._lease, now=now)
        try:
            held = _Held(name, mine, self.ledger.write(name, mine, expected=revision), line)
        except ConflictError:
            return Turn(later=True)
        with self._kept(held):
            try:
                return self._work(source, held)
            except (_Lost, ConflictError):
                log.warning("source '%s': another listener has taken over", source.name)
                return Turn(later=True)

    def _is_still(self, name: str, revision: int) -> bool:
        """Whether a line that is held has not moved for long: its holder is gone, and his clock was ahead of ours."""
        now = time.monotonic()
        seen, since = self._still.get(name, (0, now))
        if seen != revision:
            since = now
        self._still[name] = revision, since
        return now - since > self._lease * 2

    def _nothing_to_do(self, name: str, line: Line, head: Head) -> Turn:
        waits = lines.is_answerable(line)
        if not waits:
            self._done[name] = head.commit
        return Turn(waits=waits)

    def _work(self, source: ListenedSource, held: _Held) -> Turn:
        content = ""
        try:
            # Looked at again now that the line is ours: what was seen before may be older than what another one did.
            found = self._looker.all(source, self._deadline(source))
            if found is None:
                raise NotFoundError("it is gone")
            if found.head.commit != held.line.head and not self._moved(source, held, found.head):
                return Turn()
            content = found.content
            if content == held.line.content:
                self._write(held, lines.unchanged(held.line))
                self._done[held.name] = found.head.commit
                return Turn()
            result = self._deliver(source, found, held)
        except _Lost:
            raise
        except I4qError as error:
            ended = _Result("failed", "the listener was ended while it looked")
            result = ended if self._ending.is_set() else _failure(error)
        except Exception as error:
            log.exception("source '%s': a change could not be worked on; this is a bug", source.name)
            result = _Result("failed", f"unexpected {type(error).__name__}; this is a bug, the log shows where")
        return self._finish(held, result, content=content)

    def _moved(self, source: ListenedSource, held: _Held, head: Head) -> bool:
        """Take the newer change that the source is at by now; says whether there is something to do for it."""
        if lines.is_done(held.before, head):
            self._write(held, held.before.replace(holder="", until=None))
            return False
        with held.turn:
            held.line = lines.claimed(
                held.before, source, head, holder=self._holder, seconds=self._lease, now=self._clock()
            )
        return True

    def _deliver(self, source: ListenedSource, found: Found, held: _Held) -> _Result:
        last = held.line.last
        assert last is not None, "it was claimed"
        needs_person = (self._approve or source.approve or last.back) and not last.by
        why = _BACK if last.back else ""
        if source.mode == "pull":
            return self._tell_to_pull(source, found, held, needs_person=needs_person, why=why)
        specs = deploying.wanted(source, found, self._engine)
        if needs_person:
            plan = self._engine.plan(specs)
            return _Result("applied", "nothing to change") if plan.empty else _Result("waiting", why, str(plan))
        return _applied(deploying.apply(self._engine, specs, guard=lambda: self._keep(held)))

    def _tell_to_pull(
        self, source: ListenedSource, found: Found, held: _Held, *, needs_person: bool, why: str
    ) -> _Result:
        assert source.git is not None, "validated"
        assert source.to is not None, "validated"
        subscription = Subscription(
            namespace=self._hub.namespace, name=source.name, repo=source.git.repo, branch=source.git.branch,
            folders={REST: source.git.path}, placement=source.to, commit=found.head.commit, owner=self._hub.owner,
        )  # fmt: skip
        fleet = self._engine.fleet
        fleet.check_subscription(subscription, deadline=self._engine.deadline())
        if needs_person:
            return _Result("waiting", why, f"clusters of '{source.to}' take {source.git} at {found.head.commit}")
        self._keep(held)
        fleet.subscribe(subscription, deadline=self._engine.deadline())
        return _Result("applied", "clusters were told to pull", deployed={source.name: 0})

    @contextmanager
    def _kept(self, held: _Held) -> Iterator[None]:
        """Renew the line as long as the block runs, however slow a server is."""
        heart = threading.Thread(target=self._beat, args=(held,), name="heart", daemon=True)
        heart.start()
        try:
            yield
        finally:
            held.done.set()
            heart.join()

    def _beat(self, held: _Held) -> None:
        while not held.done.wait(self._lease / 3):
            try:
                self._renew(held)
            except ConflictError:
                return  # whoever is at work will notice
            except I4qError as error:
                log.warning("the line of source '%s' could not be renewed: %s", held.line.source, error)

    def _renew(self, held: _Held) -> None:
        with held.turn:
            if not held.done.is_set() and held.line.holder:
                self._write(held, lines.renewed(held.line, seconds=self._lease, now=self._clock()))

    def _keep(self, held: _Held) -> None:
        """Go on only if the line is still ours, with time enough for what comes."""
        with held.turn:
            assert held.line.until is not None, "it is held"
            if (held.line.until - self._clock()).total_seconds() < self._lease / 2:
                self._renew(held)
            elif self.ledger.revision(held.name) != held.revision:
                raise _Lost

    def _finish(self, held: _Held, result: _Result, *, content: str = "") -> Turn:
        with held.turn:
            done = lines.finished(
                held.line, result.state, now=self._clock(), why=result.why, plan=result.plan,
                deployed=result.deployed, content=content,
            )  # fmt: skip
            self._write(held, done)
        assert done.last is not None, "it was claimed"
        waits = lines.is_answerable(done)
        if result.state in lines.ENDED and not waits:
            self._done[held.name] = done.head
        return Turn(change=done.last, waits=waits)

    def _write(self, held: _Held, line: Line) -> None:
        with held.turn:
            held.revision = self.ledger.write(held.name, line, expected=held.revision)
            held.line = line

    def _deadline(self, source: ListenedSource, *, at_most: float = float("inf")) -> Deadline:
        seconds = min(self._engine.timeout, at_most)
        return Deadline.after(seconds, f"looking at source '{source.name}'", cancel=self._ending)


def _applied(plan: Plan) -> _Result:
    if plan.empty:
        return _Result("applied", "nothing to change")
    told = {change.name: change.revision for change in plan.changes if not change.empty}
    return _Result("applied", "; ".join(plan.warnings), deployed=told)


def _failure(error: I4qError) -> _Result:
    return _Result("failed" if deploying.may_pass(error) else "refused", str(error))
