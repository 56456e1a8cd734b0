"""What if: who would gain and who would lose a placement's clusters if a label, a taint or a count changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from i4q_ai.cluster import Cluster, Taint, as_taint
from i4q_ai.errors import NotFoundError, nearest
from i4q_ai.placement import Placement
from i4q_ai.placing.evaluate import Decision, Verdict, evaluate
from i4q_ai.placing.rules import AnyRule, as_rule
from i4q_ai.thing import FrozenDict, Thing, is_label_key, is_label_value

Effect = Literal["gains", "loses", "keeps", "out"]
"""What a supposed change does to one cluster."""


def _as_taints(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {
        cluster: tuple(as_taint(taint) if isinstance(taint, str) else taint for taint in _several(taints))
        for cluster, taints in value.items()
    }


def _several(taints: Any) -> Any:
    return (taints,) if isinstance(taints, str | Taint) else taints


_LabelChanges = dict[
    Annotated[str, AfterValidator(is_label_key)],
    Annotated[str, AfterValidator(is_label_value)] | None,
]


class WhatIf(Thing):
    """A change that is only supposed.

    Args:
        labels: cluster → labels as they would be; None takes one away, others stay.
        taints: cluster → taints that it would have besides its own, each a Taint or "key=value:NoSelect".
        untaints: cluster → keys of taints that it would have no more.
        count: of the placement; "all" for no limit.
        rule: of the placement, in place of its own.

    Example:
        >>> str(WhatIf(labels={"edge-1": {"line": "press"}}, count=2))
        'edge-1 has label line=press, count is 2'
    """

    labels: Annotated[dict[str, _LabelChanges], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)
    taints: Annotated[dict[str, tuple[Taint, ...]], BeforeValidator(_as_taints), AfterValidator(FrozenDict)] = Field(
        default_factory=FrozenDict
    )
    untaints: Annotated[dict[str, tuple[str, ...]], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)
    count: Annotated[int, Field(ge=1)] | Literal["all"] | None = None
    rule: Annotated[AnyRule | None, BeforeValidator(as_rule)] = None

    def __str__(self) -> str:
        return ", ".join(self._words()) or "nothing changes"

    def _words(self) -> Iterator[str]:
        for cluster, labels in self.labels.items():
            for key, value in labels.items():
                yield f"{cluster} has no label {key}" if value is None else f"{cluster} has label {key}={value}"
        for cluster, taints in self.taints.items():
            yield from (f"{cluster} has taint {taint}" for taint in taints)
        for cluster, keys in self.untaints.items():
            yield from (f"{cluster} has no taint {key}" for key in keys)
        if self.count is not None:
            yield f"count is {self.count}"
        if self.rule is not None:
            yield f"the rule is {self.rule.text()}"

    def placement(self, present: Placement) -> Placement:
        """The placement as it would be."""
        count = present.count if self.count is None else None if self.count == "all" else self.count
        return present.replace(count=count, rule=present.rule if self.rule is None else self.rule)

    def clusters(self, present: Iterable[Cluster]) -> list[Cluster]:
        """The clusters as they would be.

        Raises:
            NotFoundError: it is about a cluster that there is not; with the nearest one.
        """
        known = list(present)
        names = {cluster.name for cluster in known}
        for name in (*self.labels, *self.taints, *self.untaints):
            if name not in names:
                raise NotFoundError(f"there is no cluster '{name}'", hint=nearest(name, names))
        return [self._cluster(cluster) for cluster in known]

    def _cluster(self, present: Cluster) -> Cluster:
        labels = {**present.labels, **self.labels.get(present.name, {})}
        added = self.taints.get(present.name, ())
        replaced = {(taint.key, taint.effect) for taint in added}
        gone = self.untaints.get(present.name, ())
        kept = (
            taint for taint in present.taints if taint.key not in gone and (taint.key, taint.effect) not in replaced
        )
        return present.replace(
            labels={key: value for key, value in labels.items() if value is not None}, taints=(*kept, *added)
        )


@dataclass(frozen=True)
class Outcome:
    """What a supposed change does to one cluster.

    Args:
        before, after: what is decided about it without and with the change, and why.
    """

    before: Verdict
    after: Verdict

    @property
    def cluster(self) -> str:
        """Its name."""
        return self.after.cluster

    @property
    def effect(self) -> Effect:
        """Whether it gains or loses it, keeps it, or stays out."""
        if self.before.selected == self.after.selected:
            return "keeps" if self.after.selected else "out"
        return "gains" if self.after.selected else "loses"


@dataclass(frozen=True)
class Simulation:
    """What a supposed change would do; nothing was changed.

    Args:
        supposed: the change.
        before, after: the decisions without and with it.
    """

    supposed: WhatIf
    before: Decision
    after: Decision

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Of every cluster, by name."""
        return tuple(Outcome(*pair) for pair in zip(self.before.verdicts, self.after.verdicts, strict=True))

    @property
    def gains(self) -> tuple[str, ...]:
        """Clusters that would gain it."""
        return self._having("gains")

    @property
    def losses(self) -> tuple[str, ...]:
        """Clusters that would lose it."""
        return self._having("loses")

    @property
    def stays(self) -> tuple[str, ...]:
        """Clusters that have it and would keep it, maybe in another group."""
        return self._having("keeps")

    def _having(self, effect: Effect) -> tuple[str, ...]:
        return tuple(each.cluster for each in self.outcomes if each.effect == effect)

    def __str__(self) -> str:
        from i4q_ai import display

        return display.simulation(self).text()

    def _repr_html_(self) -> str:
        from i4q_ai import display

        return display.simulation(self).html()


def simulate(
    placement: Placement,
    clusters: Iterable[Cluster],
    *,
    change: WhatIf,
    current: Set[str] = frozenset(),
    now: datetime,
) -> Simulation:
    """Decide twice: as things are, and as they would be.

    Args:
        placement: as it is.
        clusters: as they are.
        change: what is supposed.
        current: the clusters that have it now, where it is deployed; they keep it, where a count leaves some out.
        now: the time, with a time zone, by which scores end.

    Raises:
        NotFoundError: the change is about a cluster that there is not; with the nearest one.
    """
    known = list(clusters)
    before = evaluate(placement, known, current=current, now=now)
    had = frozenset(before.selected)
    after = evaluate(change.placement(placement), change.clusters(known), current=had, now=now)
    return Simulation(change, before, after)
