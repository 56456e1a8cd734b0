"""Placement: which clusters are meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from i4q_ai.cluster import Effect, is_score_name
from i4q_ai.errors import nearest
from i4q_ai.placing.rules import AnyRule, as_rule
from i4q_ai.thing import Document, FrozenDict, Name, Thing, is_label_key

REST = "*"
"""The group of all clusters that no named group has taken."""


class Toleration(Thing):
    """Lets a placement have clusters with a taint.

    Args:
        key: of the taint; empty, with operator Exists, for all.
        operator: "Equal" compares the value, "Exists" does not.
        value: of the taint.
        effect: of the taint; None for all.
    """

    key: Annotated[str, AfterValidator(lambda key: is_label_key(key) if key else key)] = ""
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str = ""
    effect: Effect | None = None


class Group(Thing):
    """A part of a placement's clusters that can have another version.

    Args:
        name: a DNS label.
        rule: which of the placement's clusters; groups are asked in order, the first match takes the cluster.
    """

    name: Name
    rule: Annotated[AnyRule, BeforeValidator(as_rule)]


def _as_groups(value: Any) -> Any:
    if isinstance(value, Mapping):
        return tuple(Group(name=name, rule=as_rule(rule)) for name, rule in value.items())
    return value


def _are_different(groups: tuple[Group, ...]) -> tuple[Group, ...]:
    names = [group.name for group in groups]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the group '{name}' stands twice")
    return groups


PREFERABLE = ("cpu", "memory")
"""Resources that clusters may be preferred by; everything else is a score, `resource/score`."""


def _is_preferable(name: str) -> str:
    if name in PREFERABLE:
        return name
    if "/" not in name:
        known = "cpu, memory, or resource/score"
        raise ValueError(f"{name!r} is nothing to prefer by: {known}; {nearest(name, PREFERABLE)}")
    return is_score_name(name)


def _is_weight(weight: int) -> int:
    if not weight:
        raise ValueError("a weight of 0 prefers nothing; leave it out")
    return weight


_Preferences = dict[
    Annotated[str, AfterValidator(_is_preferable)],
    Annotated[int, Field(strict=True, ge=-10, le=10), AfterValidator(_is_weight)],
]


class Placement(Document):
    """A rule, a count and groups: which clusters are meant.

    Args:
        name: a DNS label; may be given without its key.
        rule: which clusters; None means all. May be given without its key.
        count: how many of them at most (in each group, where there are groups); None means all.
        groups: {name: rule} in order; they partition the clusters, `"*"` is the rest.
        tolerations: taints that do not keep it away.
        prefer: {what: weight}, which clusters come first where a count leaves some out. What is "cpu" or "memory"
            (-100 for the cluster that has least, 100 for the one that has most) or a score, "resource/score"; weights
            are -10 to 10. A cluster that has it already gets 100 points besides.

    Example:
        >>> from i4q_ai import Label, Resource
        >>> str(Placement("cnc", (Label("line") == "cnc") & (Resource("memory") >= "1Gi"), count=2))
        'cnc: label line == cnc and resource memory >= 1Gi, 2 at most'
    """

    name: Name
    rule: Annotated[AnyRule | None, BeforeValidator(as_rule)] = None
    count: int | None = Field(default=None, ge=1)
    groups: Annotated[tuple[Group, ...], BeforeValidator(_as_groups), AfterValidator(_are_different)] = ()
    tolerations: tuple[Toleration, ...] = ()
    prefer: Annotated[_Preferences, AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)

    def __init__(self, name: Any = None, rule: Any = None, **fields: Any) -> None:
        given = {"name": name, "rule": rule}
        super().__init__(**{key: value for key, value in given.items() if value is not None}, **fields)

    @property
    def group_names(self) -> tuple[str, ...]:
        """The named groups in order, then `"*"`."""
        return (*(group.name for group in self.groups), REST)

    def check_group(self, name: str) -> None:
        """Refuse a group that is none of this placement's.

        Raises:
            ValueError: with the nearest one.
        """
        if name not in self.group_names:
            raise ValueError(f"placement '{self.name}' has no group '{name}'; {nearest(name, self.group_names)}")

    def __str__(self) -> str:
        text = f"{self.name}: {'every cluster' if self.rule is None else self.rule.text()}"
        if self.count:
            text += f", {self.count} at most"
        if self.prefer:
            text += f", by {' + '.join(f'{weight} × {name}' for name, weight in sorted(self.prefer.items()))}"
        return text
