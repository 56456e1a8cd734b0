"""What the agent knows of each model and workload, as values; every change is a method that returns a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from i4q_ai.desired import Item, ModelItem, item_from
from i4q_ai.edge.paths import tree_name
from i4q_ai.status import Kind

Key = tuple[str, str]
"""Namespace and name."""

FIRST_DELAY = 0.5
LONGEST_DELAY = 30.0
SLOW_DELAY = 60.0
HEALTHY = 60.0
"""A process that worked for so many seconds starts again without delay, and its version is past doubt."""
REFUSED = "Refused"
"""The reason when a model server says no to a version."""
PROBE_SOON, PROBE_EVERY = 0.05, 5.0


class Answer(Enum):
    """What a process says when it is asked whether it is ready."""

    READY = "ready"
    NOT_READY = "not ready"
    SILENT = "silent"


def delay(failures: int) -> float:
    """Seconds to wait after so many failures in a row.

    Example:
        >>> [delay(n) for n in (1, 2, 3, 9)]
        [0.5, 1.0, 2.0, 30.0]
    """
    return float(min(FIRST_DELAY * 2 ** min(failures - 1, 16), LONGEST_DELAY))


def same(one: Item | None, other: Item | None) -> bool:
    """Whether two items are the same version: what runs need not change from one to the other."""
    if one is None or other is None or one.digest != other.digest:
        return False
    if isinstance(one, ModelItem) or isinstance(other, ModelItem):
        return isinstance(one, ModelItem) and isinstance(other, ModelItem)
    kept = ("command", "env", "uses", "port", "ready", "image")
    return all(getattr(one, field) == getattr(other, field) for field in kept)


@dataclass(frozen=True)
class Trouble:
    """What went wrong last.

    Args:
        reason: one CamelCase word.
        message: for people.
        definite: trying again soon will hardly help.
    """

    reason: str
    message: str
    definite: bool = False


@dataclass(frozen=True)
class Process:
    """A running child.

    Args:
        pid: its process id, and that of its group.
        token: told to it; it tells the token back.
        item: what it was started for.
        started: when, by the monotonic clock; for an adopted child, when it was adopted.
        port: on which it was told to listen.
    """

    pid: int
    token: str
    item: Item
    started: float
    port: int | None = None


@dataclass(frozen=True, kw_only=True)
class ItemState:
    """What is so with one model or workload.

    Args:
        kind: which of the two.
        port: the loopback port, chosen once.
        good: versions that passed their probe, the newest first.
        refused, refusal: the wanted item that was tried and failed, and why.
        restarts: how often its process was started again.
        trees: names of the complete trees on disk.
        current: the item whose tree `current` names.
        process: its child.
        answers: the probe has passed since the process was started or the version switched.
        passed_at, probe_at, misses: last pass, next probe, and how many probes in a row have failed.
        silent_since: when its process, which had passed its probe, was first found not to answer at all.
        trial_since: when `current` was switched; None once its version is past doubt.
        judges: workloads that passed their probe when a model of files was switched; they say whether it is good.
        failures, retry_at, trouble: of starting and loading, in a row.
        misloads: how often in a row a server died or fell silent while it loaded the wanted version.
        fetching: the digest on its way.
        misfetches, fetch_at, fetch_trouble: of fetching, in a row.
        saved: bytes of what was fetched last that did not have to travel.
        busy: a step on it is under way.
    """

    kind: Kind
    port: int | None = None
    good: tuple[Item, ...] = ()
    refused: Item | None = None
    refusal: Trouble | None = None
    restarts: int = 0
    trees: frozenset[str] = frozenset()
    current: Item | None = None
    process: Process | None = None
    answers: bool = False
    passed_at: float = 0.0
    probe_at: float = 0.0
    misses: int = 0
    silent_since: float | None = None
    trial_since: float | None = None
    judges: frozenset[Key] = frozenset()
    failures: int = 0
    retry_at: float = 0.0
    trouble: Trouble | None = None
    misloads: int = 0
    fetching: str | None = None
    misfetches: int = 0
    fetch_at: float = 0.0
    fetch_trouble: Trouble | None = None
    saved: int = 0
    busy: bool = False

    def has(self, item: Item) -> bool:
        """Its tree is complete on disk."""
        return tree_name(item.digest) in self.trees

    def is_good(self, item: Item | None) -> bool:
        """It has passed its probe."""
        return any(same(item, known) for known in self.good)

    def fallback(self, item: Item) -> Item | None:
        """The newest good version that is another one and still on disk."""
        return next((known for known in self.good if not same(known, item) and self.has(known)), None)

    def fetched(self, digest: str, *, saved: int = 0) -> ItemState:
        """A tree is there, verified; so many of its bytes did not have to travel."""
        trees = self.trees | {tree_name(digest)}
        return replace(self.at_once(), trees=trees, fetching=None, misfetches=0, fetch_trouble=None, saved=saved)

    def not_fetched(self, trouble: Trouble, now: float) -> ItemState:
        """Fetching failed; it is tried again later."""
        count = self.misfetches + 1
        pause = SLOW_DELAY if trouble.definite else delay(count)
        return replace(self, fetching=None, misfetches=count, fetch_at=now + pause, fetch_trouble=trouble)

    def at_once(self) -> ItemState:
        """Something else is wanted: no need to wait for the next try."""
        return replace(self, fetch_at=0.0, retry_at=0.0)

    def fetch_ended(self) -> ItemState:
        """Fetching was given up because something else is wanted now."""
        return replace(self, fetching=None)

    def exposed(self, item: Item, now: float, judges: frozenset[Key] = frozenset()) -> ItemState:
        """`current` names its tree."""
        after = replace(self, current=item, trial_since=now, judges=judges)
        if same(self.current, item):
            return after
        return replace(after, failures=0, retry_at=0.0, trouble=None, misloads=0)

    def started(self, process: Process, *, again: bool) -> ItemState:
        """A process was started, or one was found running."""
        return replace(
            self,
            process=process,
            answers=False,
            misses=0,
            silent_since=None,
            probe_at=process.started,
            restarts=self.restarts + again,
            port=process.port or self.port,
        )

    def ended(self, trouble: Trouble, now: float) -> ItemState:
        """The process ended by itself, did not start, or was ended because it did not answer."""
        healthy = self._worked(now) >= HEALTHY
        count = 1 if healthy else self.failures + 1
        after = replace(self, process=None, answers=False, failures=count, retry_at=now + delay(count), trouble=trouble)
        return replace(after, trial_since=None) if healthy else after

    def _worked(self, now: float) -> float:
        """Seconds for which this version has done its work: up to the last passed probe, where it has one."""
        process = self.process
        if process is None:
            return 0.0
        since = max(process.started, self.trial_since or 0.0)
        if isinstance(process.item, ModelItem) or process.item.ready:
            return self.passed_at - since if self.answers else 0.0
        return now - since

    def stopped(self) -> ItemState:
        """The process was ended on purpose."""
        return replace(self, process=None, answers=False, failures=0, retry_at=0.0, trouble=None)

    def probed(self, answer: Answer, now: float) -> ItemState:
        """The process was asked whether it is ready."""
        if answer is Answer.READY:
            trouble = self.trouble if self.answers else None
            after = replace(self, answers=True, passed_at=now, misses=0, silent_since=None, trouble=trouble)
            return replace(after, probe_at=now + PROBE_EVERY)
        misses = self.misses + 1
        hurry = 20 if self.answers else 5  # one that has just been started is waited for
        since = self.silent_since if self.silent_since is not None else now
        silent = since if self.answers and answer is Answer.SILENT else None
        return replace(self, misses=misses, silent_since=silent, probe_at=now + PROBE_SOON * min(misses, hurry))

    def unloadable(self, trouble: Trouble, now: float) -> ItemState:
        """The server runs, and has given up on its model."""
        return replace(self.probed(Answer.NOT_READY, now), trouble=trouble, probe_at=now + PROBE_EVERY)

    def loaded(self, item: Item, now: float) -> ItemState:
        """The running server has switched to another version, and `current` names its tree."""
        after = self.exposed(item, now)
        process = replace(self.process, item=item) if self.process else None
        return replace(after, process=process, answers=False, misses=0, silent_since=None, probe_at=now)

    def not_loaded(self, item: Item, trouble: Trouble, now: float) -> ItemState:
        """The server fell silent while it loaded a version; nobody knows whose fault that is, nor what it runs now."""
        count = self.misloads + 1
        process = replace(self.process, item=item) if self.process else None
        after = replace(self, process=process, misloads=count, retry_at=now + delay(count), trouble=trouble)
        return replace(after, probe_at=now)

    def not_let_in(self, trouble: Trouble, now: float) -> ItemState:
        """A version that is here is not shown, for a policy does not let it in; what runs goes on."""
        count = self.misloads + 1
        return replace(self, misloads=count, retry_at=now + delay(count), trouble=trouble)

    def refuse(self, item: Item, trouble: Trouble) -> ItemState:
        """This item failed; it is not tried again as it is."""
        good = tuple(known for known in self.good if not same(known, item))
        return replace(self, refused=item, refusal=trouble, good=good, failures=0, retry_at=0.0, misloads=0)

    def rejected(self, item: Item, trouble: Trouble, now: float) -> ItemState:
        """The server said no to a version; to one that was good before it will say yes again some time."""
        if self.is_good(item) or same(item, self.current):
            return self.not_loaded(item, trouble, now)
        return self.refuse(item, trouble)

    def accept(self, item: Item, keep: int) -> ItemState:
        """This item has proven itself; the oldest good ones are forgotten."""
        others = tuple(known for known in self.good if not same(known, item))
        return replace(self, good=(item, *others)[: max(keep, 2)], failures=0, trouble=None)

    def pruned(self, names: Iterable[str]) -> ItemState:
        """Trees are gone."""
        return replace(self, trees=self.trees - frozenset(names))

    def dump(self) -> dict[str, Any]:
        """What must be remembered when the agent is gone."""
        refusal = self.refusal
        return {
            "kind": self.kind,
            "port": self.port,
            "good": [item.model_dump(mode="json") for item in self.good],
            "refused": self.refused.model_dump(mode="json") if self.refused else None,
            "refusal": [refusal.reason, refusal.message] if refusal else None,
            "restarts": self.restarts,
            "saved": self.saved,
        }

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> ItemState:
        """Read what `dump` wrote.

        Raises:
            SchemaError: an item in it does not fit its type.
            ValueError, KeyError, TypeError: it is something else.
        """
        refused, refusal = data["refused"], data["refusal"]
        kind: Kind = "workload" if data["kind"] == "workload" else "model"
        return cls(
            kind=kind,
            port=int(data["port"]) if data["port"] is not None else None,
            good=tuple(item_from(item) for item in data["good"]),
            refused=item_from(refused) if refused else None,
            refusal=Trouble(str(refusal[0]), str(refusal[1])) if refusal else None,
            restarts=int(data["restarts"]),
            saved=int(data.get("saved", 0)),
        )
