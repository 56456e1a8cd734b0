"""Cluster: a place that can run things."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from i4q_ai.errors import InvalidError
from i4q_ai.placing import quantities
from i4q_ai.thing import Document, FrozenDict, Labels, Name, Thing, is_label_key

Effect = Literal["NoSelect", "PreferNoSelect", "NoSelectIfNew"]
"""What a taint does to placements that do not tolerate it."""


@lru_cache(maxsize=4096)  # thousands of clusters have the same few
def _is_amount(value: str) -> str:
    if quantities.parse(value) < 0:
        raise ValueError(f"{value!r} is less than nothing")
    return value


Amounts = Annotated[dict[str, Annotated[str, AfterValidator(_is_amount)]], AfterValidator(FrozenDict)]
"""Name of a resource → how much, as a Kubernetes quantity."""


def is_score_name(value: str) -> str:
    """The name of a score: `resource/score`, by the grammar of label keys with a prefix."""
    if "/" not in value:
        raise ValueError(f"{value!r} is no score: resource/score, as in model-score/accuracy")
    return is_label_key(value)


class Taint(Thing):
    """Keeps placements away from a cluster, unless they tolerate it.

    Args:
        key: by the grammar of label keys.
        value: anything up to 1024 characters.
        effect: NoSelect (leave now), NoSelectIfNew (stay if you are there), PreferNoSelect (only a wish).
    """

    key: Annotated[str, AfterValidator(is_label_key)]
    value: str = Field(default="", max_length=1024)
    effect: Effect = "NoSelect"

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


def as_taint(taint: Taint | str) -> Taint:
    """A taint from its text `key[=value]:effect`.

    Example:
        >>> as_taint("dedicated=vision:NoSelect").effect
        'NoSelect'
    """
    if isinstance(taint, Taint):
        return taint
    left, colon, effect = taint.rpartition(":")
    if not colon:
        raise InvalidError(f"'{taint}' is no taint", hint="key=value:NoSelect, or NoSelectIfNew, PreferNoSelect")
    key, _, value = left.partition("=")
    return Taint.parse({"key": key, "value": value, "effect": effect}, where=f"taint '{taint}'")


class Condition(Thing):
    """Something that is so, or not, since when and why.

    Args:
        type: for instance "Available".
        status: "True", "False" or "Unknown".
        reason: one CamelCase word.
        message: for people.
        since: when it became so.
    """

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str = ""
    message: str = ""
    since: datetime | None = None


class Score(Thing):
    """How good a cluster is at something, as somebody has measured; placements may prefer by it.

    Args:
        value: a whole number, -100 to 100; 0 is what a cluster without the score has.
        valid_until: when it ends, with a time zone; None for never.
    """

    value: Annotated[int, Field(strict=True, ge=-100, le=100)]
    valid_until: AwareDatetime | None = Field(default=None, alias="validUntil")

    def ended(self, now: datetime) -> bool:
        """Whether it counts no more."""
        return self.valid_until is not None and now > self.valid_until


Scores = Annotated[dict[Annotated[str, AfterValidator(is_score_name)], Score], AfterValidator(FrozenDict)]
"""Name of a score, `resource/score` → what it is."""


class Cluster(Document):
    """A place that can run things: an embedded one, a Kubernetes cluster, a managed cluster of a hub.

    Args:
        name: a DNS label, unique in its hub.
        labels: what people say of it; rules select by them.
        claims: what the cluster says of itself (a serial number, a platform); values are free text.
        resources: allocatable, as Kubernetes quantities: {"cpu": "4", "memory": "8Gi"}.
        capacity: of all that there is, where somebody says so besides; None where nobody does.
        kube_version: as "v1.34.0"; None where there is no Kubernetes.
        taints: keep placements away.
        scores: {"resource/score": how good it is at that}; placements prefer by them.
        conditions: what is known of its state.
    """

    name: Name
    labels: Labels = Field(default_factory=FrozenDict)
    claims: Annotated[dict[str, str], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)
    resources: Amounts = Field(default_factory=FrozenDict)
    capacity: Amounts | None = None
    kube_version: str | None = Field(default=None, alias="kubeVersion", pattern=r"^v?[0-9]+(\.[0-9]+)*")
    taints: tuple[Taint, ...] = ()
    scores: Scores = Field(default_factory=FrozenDict)
    conditions: tuple[Condition, ...] = ()

    @property
    def available(self) -> Condition:
        """The condition "Available"; Unknown if nobody has said."""
        for condition in self.conditions:
            if condition.type == "Available":
                return condition
        return Condition(type="Available", status="Unknown", reason="NeverSeen")


def rescored(
    present: Mapping[str, Score], resource: str, values: Mapping[str, int], until: datetime | None
) -> dict[str, Score]:
    """A cluster's scores, with all of one resource replaced.

    Args:
        present: as they are.
        resource: whose scores are replaced; those that it does not have any more are gone.
        values: score → value.
        until: when the new ones end; None for never.
    """
    kept = {name: score for name, score in present.items() if name.partition("/")[0] != resource}
    return {**kept, **{f"{resource}/{name}": Score(value=value, valid_until=until) for name, value in values.items()}}
