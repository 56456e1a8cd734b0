"""A simulated world for the decisions: it does what the steps say, in no time, and anything in it may fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from i4q_ai.desired import Desired, Item, ModelItem, Policy, WorkloadItem
from i4q_ai.edge import observing, reconcile
from i4q_ai.edge.paths import tree_name
from i4q_ai.edge.scope import Scope
from i4q_ai.edge.state import Answer, ItemState, Key, Process, Trouble, same
from i4q_ai.status import Observation

KEY = ("i4q", "wear")
POLICY = Policy(keep=2, settle=1, probe_timeout=10)


def digest(version: str) -> str:
    return "sha256:" + version * 64


def model(version: str, *, flavour: str = "server", revision: int = 1, name: str = "wear") -> ModelItem:
    return ModelItem(
        namespace="i4q", name=name, model=name, version=version, digest=digest(version), references=("oci:/x",),
        flavour=flavour, revision=revision,
    )  # fmt: skip


def workload(version: str, *, revision: int = 1, **about: object) -> WorkloadItem:
    return WorkloadItem(
        namespace="i4q", name="line", workload="line", version=version, digest=digest(version), references=("oci:/x",),
        command=("python", "main.py"), revision=revision, **about,
    )  # fmt: skip


@dataclass
class World:
    """Does what the steps say, in no time.

    Args:
        breaks: which steps fail.
        says: what a probe that fails finds.
        lasts: version → seconds for which each of its processes answers.
        scope: where the agent stands.
    """

    breaks: Callable[[reconcile.Step], bool]
    says: Answer = Answer.SILENT
    lasts: dict[str, float] = field(default_factory=dict)
    policy: Policy = POLICY
    scope: Scope = Scope.CLUSTER
    desired: Desired = field(default_factory=lambda: Desired(cluster="edge-1", policy=POLICY))
    local: dict[Key, ItemState] = field(default_factory=dict)
    now: float = 100.0
    done: list[reconcile.Step] = field(default_factory=list)
    pid: int = 1

    def want(self, *items: Item) -> None:
        models = tuple(item for item in items if isinstance(item, ModelItem))
        workloads = tuple(item for item in items if isinstance(item, WorkloadItem))
        self.desired = Desired(cluster="edge-1", models=models, workloads=workloads, policy=self.policy)
        for item in items:
            key = (item.namespace, item.name)
            self.local[key] = self.local.get(key, ItemState(kind=item.kind)).at_once()

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            steps = reconcile.steps(self.desired, self.local, self.now, self.scope)
            for step in steps:
                self._check(step)
                self._do(step)
            if not steps:
                alarm = reconcile.alarms(self.desired, self.local, self.now)
                self.now = min(end, alarm or end)
            self.now += 0.001

    def crash(self, key: Key) -> None:
        state = self.local[key]
        if state.process:
            self.local[key] = state.ended(Trouble("Ended", "crashed"), self.now)

    def observe(self, key: Key = KEY) -> Observation:
        seen = observing.observe(
            self.desired, self.local, now=self.now, time=datetime.now(UTC), before={}, scope=self.scope
        )
        return next(item for item in seen if (item.namespace, item.name) == key)

    def _check(self, step: reconcile.Step) -> None:
        state = self.local[step.key]
        if isinstance(step, (reconcile.Expose, reconcile.Start, reconcile.Load)):
            assert state.has(step.item), "nothing is shown that is not there, whole"
        if isinstance(step, reconcile.Start):
            assert state.process is None
            assert same(step.item, state.current), "what is started is what is shown"
        if isinstance(step, (reconcile.Load, reconcile.Stop, reconcile.Probe)):
            assert state.process is not None
        if isinstance(step, (reconcile.Expose, reconcile.Load)) and step.previous:
            assert state.has(step.previous)
        if isinstance(step, reconcile.Prune):
            kept = {item.digest for item in (state.current, state.process and state.process.item) if item}
            kept |= {item.digest for item in state.good[:2]}
            assert not step.names & {tree_name(one) for one in kept}
        if isinstance(step, reconcile.Refuse):
            assert state.fallback(step.item) or not same(state.current, step.item), "there is something to go back to"

    def _silent(self, state: ItemState, version: str) -> bool:
        since = max(state.process.started if state.process else 0.0, state.trial_since or 0.0)
        return self.now - since > self.lasts.get(version, float("inf"))

    def _do(self, step: reconcile.Step) -> None:
        self.done.append(step)
        state, now, bad = self.local[step.key], self.now, self.breaks(step)
        trouble = Trouble("Broken", "broken")
        after: ItemState | None = state
        match step:
            case reconcile.Fetch():
                after = state.not_fetched(trouble, now) if bad else state.fetched(step.item.digest)
            case reconcile.Expose():
                after = state.ended(trouble, now) if bad else state.exposed(step.item, now, step.judges)
            case reconcile.Start():
                self.pid += 1
                process = Process(self.pid, "token", step.item, now, 20000)
                after = state.ended(trouble, now) if bad else state.started(process, again=False)
            case reconcile.Stop():
                after = state.ended(step.trouble, now) if step.trouble else state.stopped()
            case reconcile.Load():
                after = state.rejected(step.item, trouble, now) if bad else state.loaded(step.item, now)
            case reconcile.Probe():
                silent = bad or self._silent(state, step.item.version)
                after = state.probed(self.says if silent else Answer.READY, now)
            case reconcile.Accept():
                after = state.accept(step.item, self.desired.policy.keep)
            case reconcile.Refuse():
                after = state.refuse(step.item, step.trouble)
            case reconcile.Prune():
                after = state.pruned(step.names)
            case reconcile.Remove():
                after = state.ended(trouble, now) if bad else None
        if after is None:
            del self.local[step.key]
        else:
            self.local[step.key] = after


def sound(step: reconcile.Step) -> bool:
    return False


def broken(version: str) -> Callable[[reconcile.Step], bool]:
    """This version loads nowhere and never gets ready."""

    def breaks(step: reconcile.Step) -> bool:
        touched = isinstance(step, (reconcile.Load, reconcile.Probe))
        return touched and getattr(step, "item").version == version  # noqa: B009 - only these two have one

    return breaks
