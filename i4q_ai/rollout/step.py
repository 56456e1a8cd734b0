"""One step of a roll-out: what is wanted and what is seen in, which clusters may change now out. Pure.

There is no progress to keep: what a cluster has been told and what it reports is all a step needs, so a roll-out can be
driven by anybody, stopped anywhere, and taken up by somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from i4q_ai.status import Phase
from i4q_ai.thing import Thing


class Rollout(Thing):
    """How a change reaches the clusters.

    Args:
        strategy: "all" at once, or "staged": group by group, the next one when the one before is good.
        stages: names of groups in order, `"*"` for the rest; without it, the placement's groups, then `"*"`.
    """

    strategy: Literal["all", "staged"] = "all"
    stages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What is known of one cluster.

    Args:
        told: what it has been told to run, as a text that compares; None for nothing.
        running: what it runs, likewise; None for nothing, or for something else.
        phase: as it reports.
        last: the phase in which it was last heard of, where it is Offline.
    """

    told: str | None = None
    running: str | None = None
    phase: Phase = Phase.PENDING
    last: Phase | None = None


@dataclass(frozen=True)
class Step:
    """Who may change now.

    Args:
        now: clusters that may be told what is wanted.
        later: clusters whose turn has not come.
        waits_for: why they must wait; empty when nobody does.
        halted: why the roll-out stops here; empty when it goes on.
    """

    now: frozenset[str]
    later: frozenset[str] = frozenset()
    waits_for: str = ""
    halted: str = ""


def step(
    wanted: Mapping[str, str], seen: Mapping[str, Seen], groups: Mapping[str, str], stages: tuple[str, ...]
) -> Step:
    """Decide who may change now.

    A stage is good when each of its reachable clusters runs what is wanted, and at least one is reachable. A cluster
    out of reach neither passes nor blocks its stage, unless it had failed when it was last heard of: it is told with
    the others, and catches up when it is back. Where
    a stage has failed, nobody is told any more, who comes into that stage afterwards included.

    Args:
        wanted: cluster → what it should run, as a text that compares.
        seen: cluster → what is known; missing means nothing is.
        groups: cluster → group.
        stages: groups in order; none means all at once.
    """
    if not stages:
        return Step(now=frozenset(wanted))
    told: set[str] = set()
    for position, stage in enumerate(stages):
        members = {cluster for cluster in wanted if groups.get(cluster) == stage}
        told |= members
        verdict = _judge(stage, {cluster: wanted[cluster] for cluster in members}, seen)
        if verdict is not None:
            later = {cluster for cluster in wanted if groups.get(cluster) in stages[position + 1 :]}
            waits_for, halted = verdict
            if halted:
                later |= {cluster for cluster in members if seen.get(cluster, Seen()).told != wanted[cluster]}
            return Step(frozenset(told - later), frozenset(later), waits_for if later else "", halted if later else "")
    return Step(now=frozenset(wanted))


def _judge(stage: str, wanted: Mapping[str, str], seen: Mapping[str, Seen]) -> tuple[str, str] | None:
    """None when the stage is good; else what is waited for, and why it halts."""
    known = {cluster: seen.get(cluster, Seen()) for cluster in wanted}
    bad = sorted(
        cluster
        for cluster, state in known.items()
        if state.told == wanted[cluster] and {state.phase, state.last} & {Phase.FAILED, Phase.ROLLED_BACK}
    )
    if bad:
        return "", f"stage '{stage}' failed on {', '.join(bad)}"
    reachable = {cluster for cluster, state in known.items() if state.phase is not Phase.OFFLINE}
    waiting = sorted(
        cluster
        for cluster in reachable
        if known[cluster].phase is not Phase.READY or known[cluster].running != wanted[cluster]
    )
    if waiting:
        return f"stage '{stage}': {', '.join(waiting)}", ""
    if known and not reachable:
        return f"stage '{stage}': none of its clusters can be reached", ""
    return None
