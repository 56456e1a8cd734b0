"""Listening: all sources of a rules file, each looked at when its doorbell rings and at times of its own."""

from __future__ import annotations

import logging
import os
import platform
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from i4q_ai import config
from i4q_ai.errors import I4qError, NotFoundError, nearest
from i4q_ai.listening import lines
from i4q_ai.listening.lines import Change
from i4q_ai.listening.rules import ListenedSource, Listener
from i4q_ai.listening.turning import Clock, Turn, Turner, _utc
from i4q_ai.retrying import TRIES

if TYPE_CHECKING:
    from i4q_ai.hub import Hub

log = logging.getLogger(__name__)

CALM = 5.0
"""Seconds between two changes of one source; what comes meanwhile is one change, the last."""
CALMEST = 30.0
"""To so many seconds that grows, as long as changes go on coming."""
_ANSWERS = 2.0
"""Seconds after which a person's answer is noticed at the latest."""
_SOON = 1.0
_ECHO = 3.0
"""Seconds after a doorbell that nothing was found for: some servers ring before they show the change."""
_SPREAD = 0.02
"""Seconds between the first looks at two sources."""

Told = Callable[[ListenedSource, Change], None]


@dataclass
class _Watch:
    """When to look at one source.

    Args:
        source: at which.
        due: when to look next, by the monotonic clock.
        not_before: rings are not answered sooner.
        calm: seconds that had to pass after its last change.
        running: a worker is at it.
        rung: its doorbell has rung since that began.
        answered: the look that is running answers a doorbell.
        failures: in a row.
        said: the last failure that was logged.
        waits: a person may approve its change.
    """

    source: ListenedSource
    due: float
    not_before: float = 0.0
    calm: float = 0.0
    running: bool = False
    rung: bool = False
    answered: bool = False
    failures: int = 0
    said: str = ""
    waits: bool = False


class Listening:
    """Looks at all sources of a rules file and deploys what has changed.

    Several may run, with the same rules or others: each change is applied once.

    Args:
        hub: that is told.
        rules: which sources, and what each may deploy where.
        approve: every change waits for a person.
        lease: seconds after which another listener takes over a change when this one is gone.
        workers: sources that are looked at at once.
        cache: a folder for what is fetched; the default is in `I4Q_CACHE`.
        told: of every change that was worked on, once for each way that it went.
        calm: seconds between two changes of one source; it grows to six times that while changes go on coming.
        clock: of leases; another one in tests.

    Example:
        >>> from i4q_ai import Hub
        >>> rules = Listener.from_yaml(f'''
        ... apiVersion: i4q-ai/v1
        ... kind: Listener
        ... sources:
        ... - name: wear
        ...   registry: {{repository: "oci:{home}/registry/tool-wear"}}
        ...   allow: {{names: [tool-wear]}}
        ... ''')
        >>> with Hub(home=home) as hub:
        ...     Listening(hub, rules).once()
        {'wear': None}
    """

    def __init__(
        self,
        hub: Hub,
        rules: Listener,
        *,
        approve: bool = False,
        lease: float = 15,
        workers: int = 8,
        cache: Path | None = None,
        told: Told | None = None,
        calm: float = CALM,
        clock: Clock = _utc,
    ) -> None:
        holder = f"{platform.node()}/{os.getpid()}/{secrets.token_hex(4)}"
        folder = config.cache() / "git" if cache is None else cache
        self._turner = Turner(hub, holder=holder, approve=approve, lease=lease, cache=folder, clock=clock)
        self._rules, self._told, self._workers, self._calm = rules, told, workers, calm
        self._news = threading.Condition()
        begin = time.monotonic()
        self._watches = {
            source.name: _Watch(source, due=begin + number * _SPREAD) for number, source in enumerate(rules.sources)
        }

    def ring(self, name: str) -> None:
        """Look at a source now: it may have changed. Returns at once; many rings are one look.

        Raises:
            NotFoundError: there is no such source; with the nearest one.
        """
        watch = self._watches.get(name)
        if watch is None:
            raise NotFoundError(f"there is no source '{name}'", hint=nearest(name, self._watches))
        with self._news:
            watch.rung = True
            if not watch.running:
                watch.due = min(watch.due, max(time.monotonic(), watch.not_before))
                self._news.notify()

    def once(self) -> dict[str, str | None]:
        """One look at every source; what fails is logged.

        Returns:
            Source → how its change is now; None if there was none, "failed" also if the source could not be looked at.
        """
        with ThreadPoolExecutor(self._workers, thread_name_prefix="listening") as pool:
            turns = pool.map(self._look, self._watches.values())
        return {name: _state(turn) for name, turn in zip(self._watches, turns, strict=True)}

    def run(self, stop: threading.Event) -> None:
        """Look at sources until told to stop; what fails is logged and tried again.

        Args:
            stop: is noticed within two seconds.
        """
        self._prune()
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="listening")
        try:
            answers = time.monotonic() + _ANSWERS
            while not stop.is_set():
                for watch in self._take_due():
                    pool.submit(self._turn, watch)
                if time.monotonic() >= answers:
                    self._hear_answers()
                    answers = time.monotonic() + _ANSWERS
                self._rest(stop, until=answers)
        finally:
            self._turner.end()
            pool.shutdown(cancel_futures=True)

    def _take_due(self) -> list[_Watch]:
        now = time.monotonic()
        with self._news:
            due = sorted(
                (each for each in self._watches.values() if not each.running and each.due <= now),
                key=lambda each: each.due,
            )
            free = self._workers - sum(each.running for each in self._watches.values())
            for watch in due[: max(free, 0)]:
                watch.running, watch.answered, watch.rung = True, watch.rung, False
        return due[: max(free, 0)]

    def _rest(self, stop: threading.Event, *, until: float) -> None:
        """Until something is due, a doorbell rings or a worker is free."""
        with self._news:
            idle = [each.due for each in self._watches.values() if not each.running]
            full = len(self._watches) - len(idle) >= self._workers
            end = until if full else min([until, *idle])
            if not stop.is_set() and end > time.monotonic():
                self._news.wait(end - time.monotonic())

    def _turn(self, watch: _Watch) -> None:
        turn: Turn | None = None
        try:
            turn = self._look(watch, tries=1)  # a worker that waits is one that looks at no other source
        finally:
            with self._news:
                self._plan_next(watch, turn)
                self._news.notify()

    def _look(self, watch: _Watch, *, tries: int = TRIES) -> Turn | None:
        """One look; None if it failed."""
        source = watch.source
        try:
            turn = self._turner.take(source, tries=tries)
        except I4qError as error:
            self._say(watch, logging.WARNING, str(error))
            return None
        except Exception:
            log.exception("source '%s' could not be looked at; this is a bug", source.name)
            return None
        if turn.change is None:
            watch.said = ""
            return turn
        change = turn.change
        bad = change.state in ("failed", "refused") and self._told is None
        what = f"{change.label} {change.state}{f': {change.why}' if change.why else ''}"
        if self._say(watch, logging.WARNING if bad else logging.INFO, what) and self._told is not None:
            self._told(source, change)
        return turn

    def _say(self, watch: _Watch, level: int, what: str) -> bool:
        """Log it once, not at every look; says whether it is news."""
        news = watch.said != what
        log.log(level if news else logging.DEBUG, "source '%s': %s", watch.source.name, what)
        watch.said = what
        return news

    def _plan_next(self, watch: _Watch, turn: Turn | None) -> None:
        now, poll = time.monotonic(), watch.source.poll
        change = turn.change if turn is not None else None
        failed = turn is None or (change is not None and change.state == "failed")
        watch.failures = watch.failures + 1 if failed else 0
        watch.waits = turn is not None and turn.waits
        watch.running = False
        # Not all at the same moment, however many there are.
        watch.due = now + poll * random.uniform(0.9, 1.0)  # noqa: S311 - no secret
        if change is not None and change.deployed:
            grows = now - watch.not_before < watch.calm
            watch.calm = min(watch.calm * 2, self._calm * CALMEST / CALM) if grows else self._calm
            watch.not_before = now + watch.calm
        if failed:
            watch.due = min(watch.due, now + _SOON * 2 ** min(watch.failures, 16))
        elif turn is not None and turn.later:
            watch.due = now + min(_SOON, poll)
        elif watch.answered and change is None:
            watch.due = min(watch.due, now + _ECHO)
        if watch.rung:
            watch.due = min(watch.due, max(now, watch.not_before))

    def _hear_answers(self) -> None:
        """Look at sources whose change somebody has approved."""
        waiting = {lines.key(each.source): each for each in self._watches.values() if each.waits and not each.running}
        if not waiting:
            return
        try:
            for watch in self._answered(waiting):
                watch.waits = False
                self.ring(watch.source.name)
        except I4qError as error:
            log.warning("whether a change is approved cannot be seen now: %s", error)

    def _answered(self, waiting: dict[str, _Watch]) -> Iterator[_Watch]:
        for watch in waiting.values():
            line, _ = self._turner.ledger.read(watch.source)
            if not lines.is_answerable(line):
                yield watch

    def _prune(self) -> None:
        try:
            keep = frozenset(lines.key(each.source) for each in self._watches.values())
            self._turner.ledger.prune(keep=keep, now=_utc())
        except I4qError as error:
            log.warning("old changes could not be forgotten now: %s", error)


def _state(turn: Turn | None) -> str | None:
    if turn is None:
        return "failed"
    return turn.change.state if turn.change is not None else None
