"""One step of a roll-out: what is wanted and what is seen in, which clusters may change now out. Pure.

There is no progress to keep: what a cluster has been told and what it reports is all a step needs, so a roll-out can be
driven by anybody, stopped anywhere, and taken up by somebody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from i4q_ai.rollout.rollout import Rollout
from i4q_ai.status import Phase


@dataclass(frozen=True)
class Seen:
    """What is known of one cluster.

    Args:
        told: what it has been told to run, as a text that compares; None for nothing.
        running: what it runs, likewise; None for nothing, or for something else.
        phase: as it reports.
        last: the phase in which it was last heard of, where it is Offline.
        since: when the phase began; None where nobody says.
    """

    told: str | None = None
    running: str | None = None
    phase: Phase = Phase.PENDING
    last: Phase | None = None
    since: datetime | None = None


@dataclass(frozen=True)
class Step:
    """Who may change now.

    Args:
        now: clusters that may be told what is wanted, with those that have been.
        later: clusters that have not been told, and whose turn has not come.
        waits_for: why they must wait, or what soaks; empty when nobody does.
        halted: why the roll-out stops here; empty when it goes on.
        wakes_at: when the next soak ends; nothing tells of that, so whoever drives the roll-out looks again then.
    """

    now: frozenset[str]
    later: frozenset[str] = frozenset()
    waits_for: str = ""
    halted: str = ""
    wakes_at: datetime | None = None


class _State(Enum):
    """How far one cluster is with what is wanted."""

    UNTOLD = auto()
    CHANGING = auto()
    SOAKING = auto()
    GOOD = auto()
    FAILED = auto()
    AWAY = auto()


@dataclass(frozen=True)
class _Stage:
    """One stage as it is now.

    Args:
        name: of the group.
        states: cluster → how far it is.
        untold: those of its clusters that have not been told what is wanted.
        ends: cluster that soaks → when that ends; None where it does not say since when it is Ready.
    """

    name: str
    states: Mapping[str, _State]
    untold: frozenset[str]
    ends: Mapping[str, datetime | None]

    def having(self, *states: _State) -> list[str]:
        """The clusters in these states, by name."""
        return sorted(cluster for cluster, state in self.states.items() if state in states)


@dataclass(frozen=True)
class _Turn:
    """What a stage allows.

    Args:
        tells: its clusters that may be told now, of those that have not been.
        waits_for, halted, wakes_at: as in Step.
        passed: the next stage may begin.
    """

    tells: frozenset[str] = frozenset()
    waits_for: str = ""
    halted: str = ""
    wakes_at: datetime | None = None
    passed: bool = False


def step(
    wanted: Mapping[str, str],
    seen: Mapping[str, Seen],
    groups: Mapping[str, str],
    stages: tuple[str, ...],
    *,
    rollout: Rollout | None = None,
    now: datetime,
) -> Step:
    """Decide who may change now.

    A stage is good when each of its reachable clusters is: it runs what is wanted, and has done so for the soak. As
    many may have failed as the roll-out allows, but at least one is good. At most `max_concurrency` clusters of a stage
    are on their way, told and not good yet; one that has failed, or is out of reach, is on no way and takes no place.

    A cluster out of reach neither passes nor blocks its stage, unless it had failed when it was last heard of. It is
    told with the others, or where only some may change at once, after them; so it catches up when it is back.
    Where more have failed than may, nobody is told any more, who comes into that stage afterwards included.

    Args:
        wanted: cluster → what it should run, as a text that compares.
        seen: cluster → what is known; missing means nothing is.
        groups: cluster → group.
        stages: groups in order; none means all at once.
        rollout: how many at once, how long they soak, how many may fail; if not given, all, not at all, none.
        now: the time.
    """
    if not stages:
        return Step(now=frozenset(wanted))
    budget = rollout or Rollout(strategy="staged")
    untold = {cluster for cluster, text in wanted.items() if seen.get(cluster, Seen()).told != text}
    tells: set[str] = set()
    turn = _Turn(passed=True)
    for name in stages:
        members = {cluster: wanted[cluster] for cluster in wanted if groups.get(cluster) == name}
        turn = _turn(_look(name, members, seen, budget, now), budget)
        tells |= turn.tells
        if not turn.passed:
            break
    later = frozenset(untold - tells) if not turn.passed else frozenset()
    return Step(
        now=frozenset(wanted) - later,
        later=later,
        waits_for=turn.waits_for if later or turn.wakes_at else "",
        halted=turn.halted if later else "",
        wakes_at=turn.wakes_at,
    )


def _look(name: str, wanted: Mapping[str, str], seen: Mapping[str, Seen], rollout: Rollout, now: datetime) -> _Stage:
    known = {cluster: seen.get(cluster, Seen()) for cluster in wanted}
    ends = {cluster: _soaks_until(state, rollout) for cluster, state in known.items()}
    states = {cluster: _state(state, wanted[cluster], ends[cluster], rollout, now) for cluster, state in known.items()}
    return _Stage(
        name=name,
        states=states,
        untold=frozenset(cluster for cluster, state in known.items() if state.told != wanted[cluster]),
        ends={cluster: end for cluster, end in ends.items() if states[cluster] is _State.SOAKING},
    )


def _state(seen: Seen, wanted: str, soaks_until: datetime | None, rollout: Rollout, now: datetime) -> _State:
    told = seen.told == wanted
    if told and {seen.phase, seen.last} & {Phase.FAILED, Phase.ROLLED_BACK}:
        return _State.FAILED
    if seen.phase is Phase.OFFLINE:
        return _State.AWAY
    if not told:
        return _State.UNTOLD
    if seen.phase is not Phase.READY or seen.running != wanted:
        return _State.CHANGING
    soaked = not rollout.soak or (soaks_until is not None and soaks_until <= now)
    return _State.GOOD if soaked else _State.SOAKING


def _soaks_until(seen: Seen, rollout: Rollout) -> datetime | None:
    return None if seen.since is None else seen.since + timedelta(seconds=rollout.soak)


def _turn(stage: _Stage, rollout: Rollout) -> _Turn:
    size = len(stage.states)
    failed = stage.having(_State.FAILED)
    if len(failed) > rollout.failures(size):
        return _Turn(halted=f"stage '{stage.name}' failed on {', '.join(failed)}")
    on_their_way = stage.having(_State.CHANGING, _State.SOAKING)
    places = max(0, rollout.concurrency(size) - len(on_their_way))
    chosen = stage.having(_State.UNTOLD)[:places]
    if on_their_way or chosen:
        # Who is away is told last, where only some may change at once: nobody knows when it begins to change.
        away = stage.having(_State.AWAY) if rollout.max_concurrency is None else []
        ends = [end for end in stage.ends.values() if end is not None]
        return _Turn(
            tells=frozenset([*chosen, *away]),
            waits_for=f"stage '{stage.name}': {', '.join(_waiting(stage, [*on_their_way, *chosen]))}",
            wakes_at=min(ends, default=None),
        )
    return _ended(stage, failed)


def _ended(stage: _Stage, failed: list[str]) -> _Turn:
    """What follows when nobody within reach is on its way, or has still to be told."""
    away = frozenset(stage.having(_State.AWAY))
    if not stage.states or stage.having(_State.GOOD):
        return _Turn(tells=away, passed=True)
    if failed:
        return _Turn(tells=away, halted=f"stage '{stage.name}' failed on {', '.join(failed)}, and is good nowhere")
    return _Turn(tells=away, waits_for=f"stage '{stage.name}': none of its clusters can be reached")


def _waiting(stage: _Stage, clusters: Iterable[str]) -> list[str]:
    return [cluster + _soaking(stage, cluster) for cluster in sorted(clusters)]


def _soaking(stage: _Stage, cluster: str) -> str:
    if cluster not in stage.ends:
        return ""
    end = stage.ends[cluster]
    if end is None:
        return " (does not say since when it is Ready)"
    return f" (soaks until {end.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ})"
