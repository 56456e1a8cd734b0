"""Placement × clusters → decision: pure, the same on every backend that has no scheduler of its own.

In steps, each a function: which clusters meet the rule, which of those have no taint in the way, how they are ordered,
which group each belongs to, how many each group takes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set
from dataclasses import dataclass
from datetime import datetime

from i4q_ai.cluster import Cluster, Taint
from i4q_ai.errors import RuleError
from i4q_ai.placement import REST, Placement, Toleration
from i4q_ai.placing import preferring
from i4q_ai.placing.rules import AllOf, Rule


@dataclass(frozen=True)
class Verdict:
    """What was decided about one cluster.

    Args:
        cluster: its name.
        selected: in or out.
        clause: what decided, for people.
        group: the group it belongs to; None when it is out before groups are asked.
        taint: that decided, as `key=value:effect`; None where none did.
        rank: its place in its group, from 1; None when it is out before ranks are given.
        score: what it is ranked by, the most first, then by name; None where the placement prefers nothing.
    """

    cluster: str
    selected: bool
    clause: str
    group: str | None = None
    taint: str | None = None
    rank: int | None = None
    score: int | None = None


@dataclass(frozen=True)
class Decision:
    """What was decided about every cluster, in the order of the clusters' names."""

    placement: Placement
    verdicts: tuple[Verdict, ...]

    @property
    def selected(self) -> dict[str, str]:
        """Cluster → its group."""
        return {verdict.cluster: verdict.group or REST for verdict in self.verdicts if verdict.selected}

    def __str__(self) -> str:
        from i4q_ai import display

        return display.decision(self).text()

    def _repr_html_(self) -> str:
        from i4q_ai import display

        return display.decision(self).html()


def evaluate(
    placement: Placement, clusters: Iterable[Cluster], *, current: Set[str] = frozenset(), now: datetime
) -> Decision:
    """Decide which clusters a placement means.

    Args:
        placement: the rule, count, groups and preferences.
        clusters: all there are.
        current: names of the clusters it has now; each has 100 points more where a count leaves some out,
            and a NoSelectIfNew taint does not take it away from them.
        now: the time, with a time zone, by which scores end.
    """
    verdicts: list[Verdict] = []
    free: dict[str, list[Cluster]] = {name: [] for name in placement.group_names}
    ordered = sorted(clusters, key=lambda cluster: cluster.name)
    for cluster in ordered:
        refusal = _refusal(placement, cluster, current)
        if refusal is not None:
            verdicts.append(refusal)
        else:
            free[group_of(placement, cluster)].append(cluster)
    for group, members in free.items():
        totals = preferring.totals(placement.prefer, members, current=current, now=now)
        best = sorted(zip(members, totals, strict=True), key=lambda each: (-each[1], each[0].name))
        for rank, (cluster, total) in enumerate(best, start=1):
            verdicts.append(_ranked(placement, cluster, group, rank, total if placement.prefer else None))
    return Decision(placement, tuple(sorted(verdicts, key=lambda verdict: verdict.cluster)))


def group_of(placement: Placement, cluster: Cluster) -> str:
    """The first group whose rule the cluster meets, or `"*"`."""
    return next((group.name for group in placement.groups if group.rule.matches(cluster)), REST)


def require_some(decision: Decision, clusters: Iterable[Cluster]) -> None:
    """Refuse a decision for nobody, and say which clause nobody meets.

    Raises:
        RuleError: no cluster is selected.
    """
    if decision.selected:
        return
    everyone = list(clusters)
    placement = decision.placement
    if not everyone:
        raise RuleError(f"placement '{placement.name}' meets no cluster: there are none", hint="hub.clusters.add(…)")
    raise RuleError(f"placement '{placement.name}' meets no cluster: {why_nobody(decision, everyone)}")


def why_nobody(decision: Decision, clusters: Collection[Cluster]) -> str:
    """The clause that no cluster meets, for people."""
    rule = decision.placement.rule
    if rule is None or any(rule.matches(cluster) for cluster in clusters):
        return "; ".join(f"{verdict.cluster}: {verdict.clause}" for verdict in decision.verdicts[:5])
    clauses: tuple[Rule, ...] = rule.all if isinstance(rule, AllOf) else (rule,)
    counts = {clause.text(): sum(clause.matches(cluster) for cluster in clusters) for clause in clauses}
    nobody = [text for text, count in counts.items() if count == 0]
    if nobody:
        return f"none of {len(clusters)} clusters meets: {'; '.join(nobody)}"
    shares = ", ".join(f"{text}: {count} of {len(clusters)}" for text, count in counts.items())
    return f"each clause is met by some cluster, all together by none ({shares})"


def _refusal(placement: Placement, cluster: Cluster, current: Set[str]) -> Verdict | None:
    if placement.rule is not None and not placement.rule.matches(cluster):
        return Verdict(cluster.name, selected=False, clause=placement.rule.decided(cluster))
    for taint in cluster.taints:
        if not _tolerated(placement, taint, is_there=cluster.name in current):
            text = str(taint)
            return Verdict(cluster.name, selected=False, clause=f"taint {text} is not tolerated", taint=text)
    return None


def _tolerated(placement: Placement, taint: Taint, *, is_there: bool) -> bool:
    if taint.effect == "PreferNoSelect" or (taint.effect == "NoSelectIfNew" and is_there):
        return True
    return any(_tolerates(toleration, taint) for toleration in placement.tolerations)


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect not in (None, taint.effect):
        return False
    if toleration.key not in ("", taint.key):
        return False
    return toleration.operator == "Exists" or toleration.value == taint.value


def _ranked(placement: Placement, cluster: Cluster, group: str, rank: int, score: int | None) -> Verdict:
    count = placement.count
    if count is not None and rank > count:
        share = f"count {count}" if not placement.groups else f"count {count} in group {group}"
        place = f"rank {rank}" if score is None else f"rank {rank} with score {score}"
        clause = f"{place}, beyond {share}"
        return Verdict(cluster.name, selected=False, clause=clause, group=group, rank=rank, score=score)
    clause = "every cluster is meant" if placement.rule is None else placement.rule.decided(cluster)
    return Verdict(cluster.name, selected=True, clause=clause, group=group, rank=rank, score=score)
