"""Builders: rules written as comparisons.

A builder makes a rule by comparison; one that stands alone means "is there":

    >>> (Label("line") == "cnc") & ~Label("retired") | Name("edge-9")  # doctest: +ELLIPSIS
    AnyOf(...)
"""

from __future__ import annotations

from abc import abstractmethod

from i4q_ai.errors import RuleError
from i4q_ai.placing.rules import (
    AnyRule,
    ClaimRule,
    Composable,
    KubeVersionRule,
    LabelRule,
    NameRule,
    Order,
    Presence,
    ResourceRule,
    refuse_bool,
)


class _Selector(Composable):
    """A builder over a map of texts."""

    def __init__(self, key: str) -> None:
        self._key = key

    @abstractmethod
    def _make(self, operator: Presence, *values: str) -> AnyRule:
        """The rule with this operator."""

    def rule(self) -> AnyRule:
        """The builder alone: the key is there."""
        return self.exists()

    def is_in(self, *values: str) -> AnyRule:
        """The value is one of these."""
        return self._make("In", *values)

    def not_in(self, *values: str) -> AnyRule:
        """The value is none of these, or the key is absent."""
        return self._make("NotIn", *values)

    def exists(self) -> AnyRule:
        """The key is there."""
        return self._make("Exists")

    def absent(self) -> AnyRule:
        """The key is not there."""
        return self._make("DoesNotExist")

    def __eq__(self, value: object) -> AnyRule:  # type: ignore[override]
        return self._make("In", _text(value))

    def __ne__(self, value: object) -> AnyRule:  # type: ignore[override]
        return self._make("NotIn", _text(value))

    __hash__ = None  # type: ignore[assignment]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise RuleError(f"labels and claims are compared with text, not with {value!r}", hint=f'write "{value}"')
    return value


class Label(_Selector):
    """Builds rules over a label: `Label("line") == "cnc"`, `.is_in("a", "b")`, `.exists()`, `.absent()`.

    Args:
        key: by Kubernetes' grammar.
    """

    def _make(self, operator: Presence, *values: str) -> LabelRule:
        return LabelRule(label=self._key, operator=operator, values=values)


class Claim(_Selector):
    """Builds rules over a claim: `Claim("platform.open-cluster-management.io") == "AWS"`.

    Args:
        key: the claim's name.
    """

    def _make(self, operator: Presence, *values: str) -> ClaimRule:
        return ClaimRule(claim=self._key, operator=operator, values=values)


class _Ordered:
    """A builder over something that has an order; it is no rule by itself."""

    @abstractmethod
    def _make(self, operator: Order, value: object) -> AnyRule:
        """The rule with this operator."""

    def __eq__(self, value: object) -> AnyRule:  # type: ignore[override]
        return self._make("==", value)

    def __ne__(self, value: object) -> AnyRule:  # type: ignore[override]
        return self._make("!=", value)

    def __ge__(self, value: object) -> AnyRule:
        return self._make(">=", value)

    def __gt__(self, value: object) -> AnyRule:
        return self._make(">", value)

    def __le__(self, value: object) -> AnyRule:
        return self._make("<=", value)

    def __lt__(self, value: object) -> AnyRule:
        return self._make("<", value)

    __hash__ = None  # type: ignore[assignment]
    __bool__ = refuse_bool


class Resource(_Ordered):
    """Builds rules over allocatable resources: `Resource("memory") >= "1Gi"`.

    Args:
        name: "cpu", "memory", "nvidia.com/gpu", …
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def _make(self, operator: Order, value: object) -> ResourceRule:
        return ResourceRule(resource=self._name, operator=operator, value=str(value))


class KubeVersion(_Ordered):
    """Builds rules over the version of Kubernetes: `KubeVersion() >= "1.33"`."""

    def _make(self, operator: Order, value: object) -> KubeVersionRule:
        return KubeVersionRule(version=str(value), operator=operator)


def Name(*clusters: str) -> NameRule:  # noqa: N802 - reads as the other builders do
    """The rule for these clusters by name: `Name("edge-1", "edge-2")`."""
    return NameRule(clusters=clusters)
