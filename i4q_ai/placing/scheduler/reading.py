"""A Placement object as a value, with the defaults that the API server adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from i4q_ai.errors import RuleError
from i4q_ai.placing.scheduler import selectors
from i4q_ai.placing.scheduler.selectors import Selector


@dataclass(frozen=True)
class Predicate:
    """Clauses that must all hold."""

    labels: Selector
    claims: Selector
    cel: tuple[str, ...]


@dataclass(frozen=True)
class Toleration:
    """A taint that is no hindrance; `seconds` is for how long after the taint was added."""

    key: str
    operator: str
    value: str
    effect: str
    seconds: int | None


@dataclass(frozen=True)
class Prioritizer:
    """A score and its weight; `type`, `built_in` and `add_on` are None where the object has no scoreCoordinate."""

    type: str | None
    built_in: str
    add_on: tuple[str, str] | None
    weight: int

    @property
    def name(self) -> str:
        """As the scheduler calls it."""
        return self.built_in if self.add_on is None else "AddOn/" + "/".join(self.add_on)


@dataclass(frozen=True)
class DecisionGroup:
    """A named part of the chosen clusters."""

    name: str
    labels: Selector
    claims: Selector


@dataclass(frozen=True)
class Spec:
    """What a Placement asks for."""

    namespace: str
    name: str
    uid: str
    cluster_sets: tuple[str, ...]
    count: int | None
    predicates: tuple[Predicate, ...]
    tolerations: tuple[Toleration, ...]
    mode: str
    prioritizers: tuple[Prioritizer, ...]
    group_size: int | str
    groups: tuple[DecisionGroup, ...]


def read(placement: Mapping[str, Any]) -> Spec:
    """A Placement object as a value.

    Args:
        placement: as the API server gives it, or as somebody wrote it.

    Raises:
        RuleError: `numberOfClusters` is negative; the scheduler itself would crash.
    """
    metadata, spec = placement["metadata"], placement.get("spec") or {}
    policy = spec.get("prioritizerPolicy") or {}
    strategy = (spec.get("decisionStrategy") or {}).get("groupStrategy") or {}
    count = spec.get("numberOfClusters")
    if count is not None and count < 0:
        raise RuleError(
            f"placement {metadata['name']!r} asks for {count} clusters, on which the scheduler crashes",
            hint="numberOfClusters is 0 or more; leave it out for all",
        )
    return Spec(
        namespace=metadata.get("namespace", ""),
        name=metadata["name"],
        uid=metadata.get("uid", ""),
        cluster_sets=tuple(spec.get("clusterSets") or ()),
        count=count,
        predicates=tuple(_predicate(each) for each in spec.get("predicates") or ()),
        tolerations=tuple(_toleration(each) for each in spec.get("tolerations") or ()),
        mode=policy.get("mode") or "Additive",
        prioritizers=tuple(_prioritizer(each) for each in policy.get("configurations") or ()),
        group_size=strategy.get("clustersPerDecisionGroup", "100%"),
        groups=tuple(_group(each) for each in strategy.get("decisionGroups") or ()),
    )


def _predicate(given: Mapping[str, Any]) -> Predicate:
    selector = given.get("requiredClusterSelector") or {}
    return Predicate(
        labels=selectors.read(selector.get("labelSelector")),
        claims=selectors.read(_expressions(selector.get("claimSelector"))),
        cel=tuple((selector.get("celSelector") or {}).get("celExpressions") or ()),
    )


def _toleration(given: Mapping[str, Any]) -> Toleration:
    return Toleration(
        key=given.get("key") or "",
        operator=given.get("operator") or "Equal",
        value=given.get("value") or "",
        effect=given.get("effect") or "",
        seconds=given.get("tolerationSeconds"),
    )


def _prioritizer(given: Mapping[str, Any]) -> Prioritizer:
    weight = given.get("weight")
    coordinate = given.get("scoreCoordinate")
    add_on = (coordinate or {}).get("addOn")
    return Prioritizer(
        type=None if coordinate is None else coordinate.get("type") or "BuiltIn",
        built_in=(coordinate or {}).get("builtIn") or "",
        add_on=None if add_on is None else (add_on.get("resourceName") or "", add_on.get("scoreName") or ""),
        weight=1 if weight is None else weight,
    )


def _group(given: Mapping[str, Any]) -> DecisionGroup:
    selector = given.get("groupClusterSelector") or {}
    return DecisionGroup(
        name=given.get("groupName") or "",
        labels=selectors.read(selector.get("labelSelector")),
        claims=selectors.read(_expressions(selector.get("claimSelector"))),
    )


def _expressions(claims: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return {"matchExpressions": (claims or {}).get("matchExpressions")}
