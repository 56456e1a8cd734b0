"""What to do next: desired state and local state in, steps out; no I/O, and the time is an argument.

Each item has two lanes that do not wait for each other: fetching, and everything else. A lane has one step at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from i4q_ai.desired import Desired, Item, ModelItem, Policy, WorkloadItem
from i4q_ai.edge.paths import tree_name
from i4q_ai.edge.scope import Scope
from i4q_ai.edge.state import REFUSED, ItemState, Key, Trouble, same

TRIES = 2
"""A version that failed so often in a row is given up if there is an older one to go back to."""
MISSES = 3
"""A workload that failed so many probes in a row speaks against a model of files that was just switched, and no process
is ended for fewer."""

Local = Mapping[Key, ItemState]


@dataclass(frozen=True)
class Step:
    """Something to do with one model or workload."""

    key: Key


@dataclass(frozen=True)
class Fetch(Step):
    """Download, verify and unpack a version."""

    item: Item


@dataclass(frozen=True)
class Cancel(Step):
    """Stop fetching what nobody wants any more."""


@dataclass(frozen=True)
class Expose(Step):
    """Let `current` name its tree, and `previous` that of an older good one."""

    item: Item
    previous: Item | None = None
    judges: frozenset[Key] = frozenset()


@dataclass(frozen=True)
class Start(Step):
    """Start its process."""

    item: Item


@dataclass(frozen=True)
class Stop(Step):
    """End its process; with a trouble, because it does not answer."""

    trouble: Trouble | None = None


@dataclass(frozen=True)
class Load(Step):
    """Ask the running server to switch to a version, then expose it."""

    item: Item
    previous: Item | None = None


@dataclass(frozen=True)
class Probe(Step):
    """Ask its process whether it is ready."""

    item: Item


@dataclass(frozen=True)
class Accept(Step):
    """Remember the version as a good one."""

    item: Item


@dataclass(frozen=True)
class Refuse(Step):
    """Remember the version as one that failed."""

    item: Item
    trouble: Trouble


@dataclass(frozen=True)
class Prune(Step):
    """Delete trees that nobody will go back to."""

    names: frozenset[str]


@dataclass(frozen=True)
class Remove(Step):
    """Delete everything of it."""


def steps(desired: Desired, local: Local, now: float, scope: Scope = Scope.CLUSTER) -> list[Step]:
    """The steps to take now; each lane of each item gets one at most.

    Args:
        desired: what should be.
        local: what is; every wanted item has an entry.
        now: monotonic seconds.
        scope: where the agent stands.
    """
    wanted: dict[Key, Item] = {(item.namespace, item.name): item for item in desired.items}
    found: list[Step] = []
    for key, state in local.items():
        item = wanted.get(key)
        if item is None or item.kind != state.kind:
            found.extend(_remove(key, state, now))
            continue
        found.extend(_fetch(key, item, state, now, scope))
        if state.busy:
            continue
        run = _run if scope.supports(item) else _rest
        step = next(run(key, item, state, desired, local, now), None) or _prune(key, item, state, desired.policy)
        if step is not None:
            found.append(step)
    return found


def is_refused(item: Item, state: ItemState) -> bool:
    """Exactly this item was tried and failed; a new revision of it is tried again."""
    refused = state.refused
    return refused is not None and refused.revision == item.revision and same(refused, item)


def target(item: Item, state: ItemState) -> Item | None:
    """The version that should run now: the wanted one as soon as it is there, else the best there is."""
    if is_refused(item, state):
        other = state.current if not same(state.current, item) else None
        return state.fallback(item) or other
    return item if state.has(item) else state.current


def missing(item: WorkloadItem, desired: Desired, local: Local) -> str:
    """The first model that a workload must still wait for, in words; empty when there is none."""
    models = {(model.namespace, model.name): model for model in desired.models}
    for name, want in item.uses.items():
        key = (item.namespace, name)
        model, state = models.get(key), local.get(key)
        if model is None:
            return f"model '{name}' is not deployed here"
        if want != ("url" if model.flavour == "server" else "path"):
            return f"model '{name}' is deployed here as '{model.flavour}', which gives no {want}"
        if state is None or not usable(model, state):
            return f"model '{name}' is not ready yet"
    return ""


def usable(item: ModelItem, state: ItemState) -> bool:
    """Some version of the model can be used."""
    if state.kind != "model" or state.current is None:
        return False
    return item.flavour == "files" or (state.process is not None and state.answers and state.silent_since is None)


def consumers(item: ModelItem, desired: Desired) -> list[WorkloadItem]:
    """The workloads that read the files of a model."""
    return [
        workload
        for workload in desired.workloads
        if workload.namespace == item.namespace and workload.uses.get(item.name) == "path"
    ]


def passes(item: Item, state: ItemState, policy: Policy, now: float) -> bool:
    """Its process is up: by its probe, or, where there is none, by having stayed up long enough."""
    if state.process is None:
        return False
    if isinstance(item, ModelItem) or item.ready:
        return state.answers and state.misses == 0
    return now - state.process.started >= policy.settle


def alarms(desired: Desired, local: Local, now: float) -> float | None:
    """When to look again at the latest, by the monotonic clock; None if no time matters."""
    policy = desired.policy
    times: list[float] = []
    for state in local.values():
        times += (state.retry_at, state.fetch_at, state.probe_at if state.process else 0.0)
        since = max(state.trial_since or 0.0, state.process.started if state.process else 0.0)
        times += (since + policy.settle, since + policy.probe_timeout)
    return min((time for time in times if time > now), default=None)


def _remove(key: Key, state: ItemState, now: float) -> Iterator[Step]:
    if state.fetching is not None:
        yield Cancel(key)
    elif not state.busy:
        if state.process:
            yield Stop(key)
        elif now >= state.retry_at:
            yield Remove(key)


def _fetch(key: Key, item: Item, state: ItemState, now: float, scope: Scope) -> Iterator[Step]:
    if state.fetching is not None:
        if state.fetching != item.digest:
            yield Cancel(key)
    elif scope.supports(item) and not state.has(item) and not is_refused(item, state) and now >= state.fetch_at:
        yield Fetch(key, item)


def _run(key: Key, item: Item, state: ItemState, desired: Desired, local: Local, now: float) -> Iterator[Step]:
    if isinstance(item, WorkloadItem):
        yield from _workload(key, item, state, desired, local, now)
    elif item.flavour == "server":
        yield from _server(key, item, state, desired.policy, now)
    else:
        yield from _files(key, item, state, desired, local, now)


def _rest(key: Key, _item: Item, state: ItemState, _desired: Desired, _local: Local, _now: float) -> Iterator[Step]:
    """What is not supported does not run."""
    if state.process:
        yield Stop(key)


def _server(key: Key, item: ModelItem, state: ItemState, policy: Policy, now: float) -> Iterator[Step]:
    goal = target(item, state)
    if goal is None:
        return
    if state.process is None:
        yield from _start_server(key, item, goal, state, now)
        return
    if not state.answers:
        if state.trouble and state.trouble.reason == REFUSED and same(state.current, item) and state.fallback(item):
            yield Refuse(key, item, state.trouble)
        elif not same(goal, state.current) and not state.is_good(state.current):
            yield Stop(key)
        else:
            yield from _probe_first(key, state, policy, now)
        return
    # First of all it is asked: a server that hangs must not be taken for one that cannot load a version.
    yield from _hung(key, state, policy, now)
    if now >= state.probe_at:
        yield Probe(key, state.process.item)
    elif state.silent_since is not None:
        return
    elif not same(goal, state.current) or not same(goal, state.process.item):
        if state.misloads >= TRIES and same(goal, item):
            yield Refuse(key, item, state.trouble or _unknown())
        elif now >= state.retry_at:
            yield Load(key, goal, state.fallback(goal))
    else:
        yield from _settle(key, state, policy, now)


def _start_server(key: Key, item: ModelItem, goal: Item, state: ItemState, now: float) -> Iterator[Step]:
    current = state.current
    unloadable = state.misloads >= TRIES and same(goal, item) and not same(current, goal)
    if unloadable or _hopeless(item, state):
        yield Refuse(key, item, state.trouble or _unknown())
    elif now < state.retry_at:
        return
    elif current is None or (not same(current, goal) and not state.is_good(current)):
        yield Expose(key, goal, state.fallback(goal))
    else:
        # A good version is started first even when a newer one is wanted: that one is then loaded beside it.
        yield Start(key, current)


def _workload(
    key: Key, item: WorkloadItem, state: ItemState, desired: Desired, local: Local, now: float
) -> Iterator[Step]:
    goal = target(item, state)
    if goal is None or not isinstance(goal, WorkloadItem):
        return
    waits = missing(goal, desired, local)
    if state.process is None:
        if _hopeless(item, state):
            yield Refuse(key, item, state.trouble or _unknown())
        elif not waits and now >= state.retry_at:
            shown = same(goal, state.current)
            yield Start(key, goal) if shown else Expose(key, goal, state.fallback(goal))
    elif not same(goal, state.process.item):
        if not waits:
            yield Stop(key)
    elif goal.ready and not state.answers:
        yield from _probe_first(key, state, desired.policy, now)
    else:
        yield from _hung(key, state, desired.policy, now)
        if passes(goal, state, desired.policy, now):
            yield from _settle(key, state, desired.policy, now)
        if goal.ready and now >= state.probe_at:
            yield Probe(key, goal)


def _files(key: Key, item: ModelItem, state: ItemState, desired: Desired, local: Local, now: float) -> Iterator[Step]:
    goal = target(item, state)
    if state.process:
        yield Stop(key)
    elif goal is not None and not same(goal, state.current):
        if now >= state.retry_at:
            yield Expose(key, goal, state.fallback(goal), _able_judges(item, desired, local))
    elif goal is not None and not state.is_good(goal):
        yield from _judge(key, item, goal, state, desired, local, now)


def _judge(
    key: Key, item: ModelItem, goal: Item, state: ItemState, desired: Desired, local: Local, now: float
) -> Iterator[Step]:
    since = state.trial_since if state.trial_since is not None else now
    present = {(workload.namespace, workload.name) for workload in consumers(item, desired)}
    judges = [(judge, local[judge]) for judge in sorted(state.judges) if judge in present and judge in local]
    failed = next((judge for judge, his in judges if his.process is None or his.misses >= MISSES), None)
    if failed is not None and same(goal, item) and state.fallback(item):
        what = f"workload '{failed[1]}' does not pass its probe any more with this version"
        yield Refuse(key, item, Trouble("ConsumerFailed", what))
    elif failed is None and all(his.passed_at >= since + desired.policy.settle for _, his in judges):
        yield Accept(key, goal)


def _able_judges(item: ModelItem, desired: Desired, local: Local) -> frozenset[Key]:
    asked = [(workload.namespace, workload.name) for workload in consumers(item, desired) if workload.ready]
    return frozenset(
        key for key in asked if key in local and local[key].process and local[key].answers and not local[key].misses
    )


def _probe_first(key: Key, state: ItemState, policy: Policy, now: float) -> Iterator[Step]:
    process = state.process
    if process is None:
        return
    since = max(process.started, state.trial_since or 0.0)
    if now - since >= policy.probe_timeout:
        late = Trouble("ProbeTimeout", f"not ready within {policy.probe_timeout:g} seconds")
        yield Stop(key, state.trouble if state.trouble and state.trouble.reason == REFUSED else late)
    elif now >= state.probe_at:
        yield Probe(key, process.item)


def _hung(key: Key, state: ItemState, policy: Policy, now: float) -> Iterator[Step]:
    since = state.silent_since
    if since is not None and state.misses >= MISSES and now - since >= policy.unresponsive:
        yield Stop(key, Trouble("Unresponsive", f"it had been ready, and did not answer for {now - since:.0f} seconds"))


def _settle(key: Key, state: ItemState, policy: Policy, now: float) -> Iterator[Step]:
    process = state.process
    if process is None or state.is_good(process.item):
        return
    since = max(process.started, state.trial_since or 0.0)
    if now - since >= policy.settle:
        yield Accept(key, process.item)


def _hopeless(item: Item, state: ItemState) -> bool:
    """The wanted version fails again and again, is not yet past doubt, and there is another one."""
    trouble = state.trouble
    if state.failures < TRIES or trouble is None or trouble.reason == "PortInUse":
        return False
    if not same(state.current, item) or is_refused(item, state) or state.fallback(item) is None:
        return False
    return state.trial_since is not None or not state.is_good(item)


def _prune(key: Key, item: Item, state: ItemState, policy: Policy) -> Step | None:
    if state.fetching is not None:
        return None
    needed = {item.digest, *(known.digest for known in state.good[: max(policy.keep, 2)])}
    needed |= {part.digest for part in (state.current, state.process.item if state.process else None) if part}
    names = state.trees - {tree_name(digest) for digest in needed}
    return Prune(key, names) if names else None


def _unknown() -> Trouble:
    return Trouble("Failed", "it failed without saying why")
