"""Rules: data that says which clusters are meant; composed with `&`, `|`, `~`, compared by value, written to YAML."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from i4q_ai.errors import RuleError
from i4q_ai.placing import quantities
from i4q_ai.thing import Name as NameText
from i4q_ai.thing import Thing, is_label_key, is_label_value

if TYPE_CHECKING:
    from fractions import Fraction

    from i4q_ai.cluster import Cluster

Presence = Literal["In", "NotIn", "Exists", "DoesNotExist"]
"""The operators of Kubernetes' label selectors; NotIn and DoesNotExist are met by an absent key."""
Order = Literal["==", "!=", ">=", ">", "<=", "<"]

_KUBE_VERSION = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?", re.ASCII)


def _is_quantity(value: str) -> str:
    quantities.parse(value)
    return value


def _is_kube_version(value: str) -> str:
    if not _KUBE_VERSION.fullmatch(value):
        raise ValueError(f"{value!r} is no version of Kubernetes, as '1.34' or 'v1.34.2' are")
    return value


def kube_version(text: str) -> tuple[int, int, int, int]:
    """A version of Kubernetes as numbers that compare; a pre-release comes before its release.

    Example:
        >>> kube_version("v1.34.0-rc.1") < kube_version("1.34") < kube_version("v1.34.1+k3s1")
        True
    """
    found = _KUBE_VERSION.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no version of Kubernetes")
    return int(found[1]), int(found[2] or 0), int(found[3] or 0), 0 if found[4] else 1


def _holds(left: Any, operator: Order, right: Any) -> bool:
    match operator:
        case "==":
            return bool(left == right)
        case "!=":
            return bool(left != right)
        case ">=":
            return bool(left >= right)
        case ">":
            return bool(left > right)
        case "<=":
            return bool(left <= right)
    return bool(left < right)


def refuse_bool(_: object) -> bool:
    """What `and`, `or`, `not` and `if` meet: a rule has no truth, and must not lose a clause silently."""
    raise RuleError("a rule is neither true nor false", hint="compose rules with &, | and ~, not with and, or, not")


class Composable:
    """What can stand on either side of `&` and `|`: a rule, or a builder that stands for one."""

    @abstractmethod
    def rule(self) -> AnyRule:
        """The rule it stands for."""

    def __and__(self, other: Composable) -> AllOf:
        return AllOf(all=(*_parts(self, AllOf), *_parts(other, AllOf)))

    def __or__(self, other: Composable) -> AnyOf:
        return AnyOf(any=(*_parts(self, AnyOf), *_parts(other, AnyOf)))

    def __invert__(self) -> AnyRule:
        rule = self.rule()
        return rule.not_ if isinstance(rule, Not) else Not(not_=rule)

    def __rand__(self, other: object) -> NoReturn:
        raise _no_rule(other)

    __ror__ = __rand__
    __bool__ = refuse_bool


class Rule(Composable, Thing):
    """What all rules share: `matches` judges a cluster, `text` says the rule in one line."""

    def rule(self) -> AnyRule:
        """The rule itself (builders make theirs)."""
        return self  # type: ignore[return-value]

    @abstractmethod
    def matches(self, cluster: Cluster) -> bool:
        """Whether the cluster is meant."""

    @abstractmethod
    def text(self) -> str:
        """The rule in one line, for people."""

    def found(self, cluster: Cluster) -> str:  # noqa: ARG002 - what most rules look at
        """What the cluster has instead, for people."""
        return ""

    def decided(self, cluster: Cluster) -> str:
        """The clause that decided about the cluster, for people."""
        found = self.found(cluster)
        return f"{self.text()} ({found})" if found and not self.matches(cluster) else self.text()

    def __str__(self) -> str:
        return self.text()


def _selected(mapping: Mapping[str, str], key: str, operator: Presence, values: tuple[str, ...]) -> bool:
    match operator:
        case "In":
            return mapping.get(key) in values
        case "NotIn":
            return mapping.get(key) not in values
        case "Exists":
            return key in mapping
    return key not in mapping


def _selector_text(what: str, key: str, operator: Presence, values: tuple[str, ...]) -> str:
    match operator:
        case "In" | "NotIn" if len(values) == 1:
            return f"{what} {key} {'==' if operator == 'In' else '!='} {values[0]}"
        case "In" | "NotIn":
            return f"{what} {key} {'in' if operator == 'In' else 'not in'} ({', '.join(values)})"
        case "Exists":
            return f"{what} {key} exists"
    return f"{what} {key} is absent"


def _check_values(operator: Presence, values: tuple[str, ...]) -> None:
    if operator in ("In", "NotIn") and not values:
        raise ValueError(f"operator {operator} needs values")
    if operator in ("Exists", "DoesNotExist") and values:
        raise ValueError(f"operator {operator} takes no values")


class LabelRule(Rule):
    """Selects by a label, as Kubernetes' selectors do."""

    label: Annotated[str, AfterValidator(is_label_key)]
    operator: Presence = "In"
    values: tuple[Annotated[str, AfterValidator(is_label_value)], ...] = ()

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        _check_values(self.operator, self.values)
        return self

    def matches(self, cluster: Cluster) -> bool:
        """Whether the cluster's label is as asked."""
        return _selected(cluster.labels, self.label, self.operator, self.values)

    def text(self) -> str:
        """As `label line == cnc`."""
        return _selector_text("label", self.label, self.operator, self.values)

    def found(self, cluster: Cluster) -> str:
        """The label's value there."""
        return f"is {cluster.labels[self.label]}" if self.label in cluster.labels else "has no such label"


class ClaimRule(Rule):
    """Selects by what the cluster says of itself."""

    claim: str = Field(min_length=1, max_length=253)
    operator: Presence = "In"
    values: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        _check_values(self.operator, self.values)
        return self

    def matches(self, cluster: Cluster) -> bool:
        """Whether the cluster's claim is as asked."""
        return _selected(cluster.claims, self.claim, self.operator, self.values)

    def text(self) -> str:
        """As `claim platform == AWS`."""
        return _selector_text("claim", self.claim, self.operator, self.values)

    def found(self, cluster: Cluster) -> str:
        """The claim's value there."""
        return f"is {cluster.claims[self.claim]}" if self.claim in cluster.claims else "has no such claim"


class ResourceRule(Rule):
    """Selects by what the cluster has to give; a cluster that does not say is not met."""

    resource: str = Field(min_length=1)
    operator: Order
    value: Annotated[str, AfterValidator(_is_quantity)]

    def _amount(self, cluster: Cluster) -> Fraction | None:
        text = cluster.resources.get(self.resource)
        return None if text is None else quantities.parse(text)

    def matches(self, cluster: Cluster) -> bool:
        """Whether the cluster has as much as asked."""
        amount = self._amount(cluster)
        return amount is not None and _holds(amount, self.operator, quantities.parse(self.value))

    def text(self) -> str:
        """As `resource memory >= 1Gi`."""
        return f"resource {self.resource} {self.operator} {self.value}"

    def found(self, cluster: Cluster) -> str:
        """The amount there."""
        return f"is {cluster.resources[self.resource]}" if self.resource in cluster.resources else "does not say"


class KubeVersionRule(Rule):
    """Selects by the version of Kubernetes; a cluster without one is not met."""

    version: Annotated[str, AfterValidator(_is_kube_version)] = Field(alias="kubeVersion")
    operator: Order

    def matches(self, cluster: Cluster) -> bool:
        """Whether the cluster's version is as asked."""
        have = cluster.kube_version
        return have is not None and _holds(kube_version(have), self.operator, kube_version(self.version))

    def text(self) -> str:
        """As `kubeVersion >= 1.33`."""
        return f"kubeVersion {self.operator} {self.version}"

    def found(self, cluster: Cluster) -> str:
        """The version there."""
        return f"is {cluster.kube_version}" if cluster.kube_version else "has no Kubernetes"


class NameRule(Rule):
    """Selects clusters by name."""

    clusters: tuple[NameText, ...] = Field(min_length=1)

    def matches(self, cluster: Cluster) -> bool:
        """Whether the cluster is one of them."""
        return cluster.name in self.clusters

    def text(self) -> str:
        """As `name in (edge-1, edge-2)`."""
        return f"name == {self.clusters[0]}" if len(self.clusters) == 1 else f"name in ({', '.join(self.clusters)})"


class AllOf(Rule):
    """Every one of them: `a & b`."""

    all: tuple[AnyRule, ...] = Field(min_length=1)

    def matches(self, cluster: Cluster) -> bool:
        """Whether all are met."""
        return not any(not rule.matches(cluster) for rule in self.all)

    def text(self) -> str:
        """As `a and b`."""
        return " and ".join(_bracketed(rule) for rule in self.all)

    def decided(self, cluster: Cluster) -> str:
        """The first clause that is not met; the whole if all are."""
        for rule in self.all:
            if not rule.matches(cluster):
                return rule.decided(cluster)
        return self.text()


class AnyOf(Rule):
    """At least one of them: `a | b`."""

    any: tuple[AnyRule, ...] = Field(min_length=1)

    def matches(self, cluster: Cluster) -> bool:
        """Whether one is met."""
        return len([rule for rule in self.any if rule.matches(cluster)]) > 0

    def text(self) -> str:
        """As `a or b`."""
        return " or ".join(_bracketed(rule) for rule in self.any)

    def decided(self, cluster: Cluster) -> str:
        """The first clause that is met; all if none is."""
        for rule in self.any:
            if rule.matches(cluster):
                return rule.decided(cluster)
        return "none of: " + "; ".join(rule.decided(cluster) for rule in self.any)


class Not(Rule):
    """Not this: `~a`."""

    not_: AnyRule = Field(alias="not")

    def matches(self, cluster: Cluster) -> bool:
        """Whether the inner rule is not met."""
        return not self.not_.matches(cluster)

    def text(self) -> str:
        """As `not a`."""
        return f"not {_bracketed(self.not_)}"


def _bracketed(rule: Rule) -> str:
    return f"({rule.text()})" if isinstance(rule, AllOf | AnyOf) else rule.text()


_BY_FIELD = {
    "label": "label",
    "claim": "claim",
    "resource": "resource",
    "kubeVersion": "kubeVersion",
    "version": "kubeVersion",
    "clusters": "clusters",
    "all": "all",
    "any": "any",
    "not": "not",
    "not_": "not",
}


def _which(data: Any) -> str | None:
    fields = data if isinstance(data, Mapping) else type(data).model_fields if isinstance(data, Rule) else ()
    return next((_BY_FIELD[field] for field in fields if field in _BY_FIELD), None)


def as_rule(value: Any) -> Any:
    """The rule that a builder stands for; anything else as it is."""
    return value.rule() if isinstance(value, Composable) else value


AnyRule = Annotated[
    Annotated[LabelRule, Tag("label")]
    | Annotated[ClaimRule, Tag("claim")]
    | Annotated[ResourceRule, Tag("resource")]
    | Annotated[KubeVersionRule, Tag("kubeVersion")]
    | Annotated[NameRule, Tag("clusters")]
    | Annotated[AllOf, Tag("all")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[Not, Tag("not")],
    Discriminator(
        _which,
        custom_error_type="rule",
        custom_error_message="a rule has a field label, claim, resource, kubeVersion, clusters, all, any or not",
    ),
]
"""Any rule, told apart by the field that only it has."""


def _no_rule(value: object) -> RuleError:
    return RuleError(f"{value!r} is no rule", hint='rules are made as (Label("line") == "cnc") & …; mind the brackets')


def _parts(value: Composable, kind: type[AllOf] | type[AnyOf]) -> tuple[AnyRule, ...]:
    if not isinstance(value, Composable):
        raise _no_rule(value)
    rule = value.rule()
    if isinstance(rule, kind):
        return rule.all if isinstance(rule, AllOf) else rule.any
    return (rule,)
