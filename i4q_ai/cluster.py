"""Cluster: a place that can run things."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from i4q_ai.errors import InvalidError
from i4q_ai.placing import quantities
from i4q_ai.thing import Document, FrozenDict, Labels, Name, Thing, is_label_key

Effect = Literal["NoSelect", "PreferNoSelect", "NoSelectIfNew"]
"""What a taint does to placements that do not tolerate it."""


def _is_amount(value: str) -> str:
    if quantities.parse(value) < 0:
        raise ValueError(f"{value!r} is less than nothing")
    return value


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


class Cluster(Document):
    """A place that can run things: an embedded one, a Kubernetes cluster, a managed cluster of a hub.

    Args:
        name: a DNS label, unique in its hub.
        labels: what people say of it; rules select by them.
        claims: what the cluster says of itself (a serial number, a platform); values are free text.
        resources: allocatable, as Kubernetes quantities: {"cpu": "4", "memory": "8Gi"}.
        kube_version: as "v1.34.0"; None where there is no Kubernetes.
        taints: keep placements away.
        conditions: what is known of its state.
    """

    name: Name
    labels: Labels = Field(default_factory=FrozenDict)
    claims: Annotated[dict[str, str], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)
    resources: Annotated[dict[str, Annotated[str, AfterValidator(_is_amount)]], AfterValidator(FrozenDict)] = Field(
        default_factory=FrozenDict
    )
    kube_version: str | None = Field(default=None, alias="kubeVersion", pattern=r"^v?[0-9]+(\.[0-9]+)*")
    taints: tuple[Taint, ...] = ()
    conditions: tuple[Condition, ...] = ()

    @property
    def available(self) -> Condition:
        """The condition "Available"; Unknown if nobody has said."""
        for condition in self.conditions:
            if condition.type == "Available":
                return condition
        return Condition(type="Available", status="Unknown", reason="NeverSeen")
