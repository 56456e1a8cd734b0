"""What to report of each model and workload; pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from i4q_ai.desired import Desired, Item, ModelItem, WorkloadItem
from i4q_ai.edge.reconcile import TRIES, Local, consumers, is_refused, missing, passes
from i4q_ai.edge.scope import Scope
from i4q_ai.edge.state import ItemState, Key, Trouble, same
from i4q_ai.status import NO_CONSUMER, Observation, Phase

Said = tuple[Phase, str, str]
"""Phase, reason, message."""


def observe(
    desired: Desired,
    local: Local,
    *,
    now: float,
    time: datetime,
    before: Mapping[Key, Observation],
    scope: Scope = Scope.CLUSTER,
) -> tuple[Observation, ...]:
    """One observation for each model and workload that is wanted or still there.

    Args:
        desired: what should be.
        local: what is.
        now: monotonic seconds.
        time: of day, for a phase that begins now.
        before: the last observations; a phase that goes on keeps its beginning.
        scope: where the agent stands.
    """
    wanted: dict[Key, Item] = {(item.namespace, item.name): item for item in desired.items}
    return tuple(
        _since(_observation(desired, key, wanted.get(key), state, local, now, scope), before.get(key), time)
        for key, state in sorted(local.items())
    )


def _since(seen: Observation, last: Observation | None, time: datetime) -> Observation:
    goes_on = last is not None and (last.phase, last.desired) == (seen.phase, seen.desired)
    return seen.model_copy(update={"since": last.since if goes_on and last else time})


def _observation(
    desired: Desired, key: Key, item: Item | None, state: ItemState, local: Local, now: float, scope: Scope
) -> Observation:
    wanted = item if item is not None and item.kind == state.kind else None
    runs = _runs(wanted, state)
    phase, reason, message = _phase(wanted, state, desired, local, now, scope)
    return Observation(
        cluster=desired.cluster,
        namespace=key[0],
        name=key[1],
        kind=state.kind,
        phase=phase,
        reason=reason,
        message=message,
        desired=wanted.digest if wanted else None,
        running=runs.digest if runs else None,
        version=runs.version if runs else "",
        revision=wanted.revision if wanted else 0,
        address=_address(key, wanted, state),
        restarts=state.restarts,
        saved=state.saved,
    )


def _runs(item: Item | None, state: ItemState) -> Item | None:
    if isinstance(item, ModelItem) and item.flavour == "files":
        return state.current
    return state.process.item if state.process else None


def _address(key: Key, item: Item | None, state: ItemState) -> str | None:
    if state.port is None or state.process is None:
        return None
    base = f"http://127.0.0.1:{state.port}"
    return f"{base}/v2/models/{key[1]}" if isinstance(item, ModelItem) else base


def _phase(item: Item | None, state: ItemState, desired: Desired, local: Local, now: float, scope: Scope) -> Said:
    if item is None:
        return Phase.REMOVING, "", "is being removed"
    if not scope.supports(item):
        return Phase.FAILED, *scope.refusal(item)
    if is_refused(item, state):
        return _refused(item, state, desired, now)
    if not state.has(item):
        return _fetching(state.fetch_trouble)
    if isinstance(item, WorkloadItem):
        return _workload(item, state, desired, local, now)
    if item.flavour == "files":
        return _files(item, state, desired, scope)
    return _process(item, state, desired, now)


def _refused(item: Item, state: ItemState, desired: Desired, now: float) -> Said:
    why = state.refusal or Trouble("Failed", "")
    runs = _runs(item, state)
    failed = f"version {item.version} failed: {why.message}"
    if runs is None or same(runs, item):
        return Phase.STARTING, why.reason, f"{failed}; goes back to an older one"
    if state.process is not None and not passes(runs, state, desired.policy, now):
        return Phase.STARTING, why.reason, f"{failed}; version {runs.version} is not ready"
    return Phase.ROLLED_BACK, why.reason, f"{failed}; version {runs.version} runs on"


def _fetching(trouble: Trouble | None) -> Said:
    if trouble is None:
        return Phase.FETCHING, "", "is being fetched"
    return Phase.FAILED if trouble.definite else Phase.FETCHING, trouble.reason, trouble.message


def _files(item: ModelItem, state: ItemState, desired: Desired, scope: Scope) -> Said:
    if not same(state.current, item):
        return Phase.STARTING, "Switching", "is being exposed"
    if scope is Scope.CLUSTER and not consumers(item, desired):  # in a pod it stands beside the agent
        return Phase.WAITING, NO_CONSUMER, "waiting for a consumer: no workload here reads its files"
    if not state.is_good(item) and state.judges:
        return Phase.STARTING, "Settling", "waiting for the word of its consumers"
    return Phase.READY, "", ""


def _workload(item: WorkloadItem, state: ItemState, desired: Desired, local: Local, now: float) -> Said:
    waits = missing(item, desired, local)
    if waits and (state.process is None or not same(state.process.item, item)):
        return Phase.WAITING, "ModelMissing", f"waiting for its models: {waits}"
    return _process(item, state, desired, now)


def _process(item: Item, state: ItemState, desired: Desired, now: float) -> Said:
    process, trouble = state.process, state.trouble
    if process is not None and not same(process.item, item):
        return Phase.STARTING, "Loading", f"version {item.version} takes over from version {process.item.version}"
    if not passes(item, state, desired.policy, now):
        if trouble is not None:
            return _troubled(trouble, state)
        if process is None:
            return Phase.STARTING, "", "is being started"
        since = "does not answer any more" if state.silent_since is not None else "is not ready"
        return Phase.STARTING, "NotReady", f"runs, and {since}"
    if not state.is_good(item) and state.fallback(item):
        return Phase.STARTING, "Settling", "is ready, and must stay so for a moment"
    return Phase.READY, "", ""


def _troubled(trouble: Trouble, state: ItemState) -> Said:
    if trouble.definite:
        return Phase.FAILED, trouble.reason, trouble.message
    if state.failures >= TRIES:
        return Phase.FAILED, "CrashLoop", f"failed {state.failures} times in a row: {trouble.message}"
    return Phase.STARTING, trouble.reason, f"is being started again: {trouble.message}"
