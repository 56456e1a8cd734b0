"""A Placement that somebody else wrote, read as one of ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from i4q_ai.errors import UnsupportedError
from i4q_ai.placement import Placement, Toleration
from i4q_ai.placing import preferring
from i4q_ai.placing.scheduler import check
from i4q_ai_ocm.translate import rules
from i4q_ai_ocm.translate.placements import AWAY

_READ = ("clusterSets", "numberOfClusters", "predicates", "prioritizerPolicy", "tolerations")
_HINT = "give the clusters by rules: Placement(name, Label(…) == …)"


def read_placement(found: Mapping[str, Any]) -> Placement:
    """What a Placement object means, to deploy by.

    Which sets it chooses from is not read: these are the hub's settings.

    Args:
        found: the object, as `kubectl get placement NAME -o yaml` shows it.

    Raises:
        RuleError: the scheduler would take it for one that selects nobody, for a typo in CEL for instance; each
            mistake with its field.
        UnsupportedError: it says something that no placement of ours can.

    Example:
        >>> expression = 'managedCluster.metadata.name in ["edge-1"]'
        >>> selector = {"celSelector": {"celExpressions": [expression]}}
        >>> read_placement({"metadata": {"name": "first"}, "spec": {
        ...     "predicates": [{"requiredClusterSelector": selector}]}}).rule
        NameRule(clusters=('edge-1',))
    """
    name, spec = found["metadata"]["name"], found.get("spec") or {}
    check(found).require_none(name)
    unread = sorted(key for key, value in spec.items() if value and key not in _READ)
    if unread:
        raise UnsupportedError(f"placement '{name}' has {', '.join(unread)}, which no placement here has", hint=_HINT)
    policy = spec.get("prioritizerPolicy") or {}
    return Placement(
        name=name,
        rule=rules.rule(spec.get("predicates") or ()),
        count=spec.get("numberOfClusters"),
        tolerations=tuple(_tolerations(spec)),
        prefer=dict(_preferences(name, policy)),
    )


def _tolerations(spec: Mapping[str, Any]) -> Iterator[Toleration]:
    for each in spec.get("tolerations") or ():
        if each.get("key") not in AWAY:  # which ours tolerate anyhow
            yield Toleration.parse(each)


def _preferences(name: str, policy: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    if policy.get("mode") == "Exact":
        raise UnsupportedError(f"placement '{name}' prefers in mode Exact, ours in mode Additive alone", hint=_HINT)
    names = {built_in: ours for ours, built_in in preferring.RESOURCES.items()}
    for each in policy.get("configurations") or ():
        coordinate, weight = each["scoreCoordinate"], each.get("weight", 1)
        built_in = coordinate.get("builtIn")
        if built_in in names:
            yield names[built_in], weight
        elif coordinate.get("addOn"):
            yield f"{coordinate['addOn']['resourceName']}/{coordinate['addOn']['scoreName']}", weight
        elif (built_in, weight) not in (("Steady", 1), ("Balance", 0)):
            raise UnsupportedError(f"placement '{name}' weighs {built_in} by {weight}, ours do not", hint=_HINT)
