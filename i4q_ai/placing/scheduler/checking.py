"""What is wrong with a Placement before anybody applies it: a typo in one makes the scheduler evict every model.

The scheduler takes an unreadable placement for one that selects nobody. So everything that it, or the API server,
refuses is an error here, and everything that both accept and ignore is a warning.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from i4q_ai.errors import RuleError, UnsupportedError, nearest
from i4q_ai.placing import cel
from i4q_ai.placing.scheduler import reading, scores, selectors, tolerations

_GROUP_NAME = re.compile(r"[a-zA-Z0-9][-A-Za-z0-9_.]{0,61}[a-zA-Z0-9]", re.ASCII)
_GROUP_SIZE = re.compile(r"(100|[1-9][0-9]?)%|[1-9][0-9]*", re.ASCII)
_EFFECTS = ("NoSelect", "PreferNoSelect", "NoSelectIfNew")
_OPERATORS = ("Equal", "Exists")
_TYPES = ("BuiltIn", "AddOn")
_WEIGHTS = range(-10, 11)
_IGNORED = {
    "spreadPolicy": "no version of the scheduler spreads yet",
    "sortBy": "no version of the scheduler sorts by it yet",
    "scoreRateLimit": "no version of the scheduler limits rates yet",
}
_KNOWN = (
    "clusterSets",
    "numberOfClusters",
    "predicates",
    "prioritizerPolicy",
    "tolerations",
    "decisionStrategy",
    *_IGNORED,
)


class Finding(NamedTuple):
    """One thing that is wrong.

    Args:
        path: of the field, as in `spec.tolerations[0].key`.
        what: is wrong with it.
        hint: what to do; empty if nobody knows.
    """

    path: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.what}" + (f" (hint: {self.hint})" if self.hint else "")


class Findings(NamedTuple):
    """Everything found in a placement.

    Args:
        errors: it would be refused, or select nobody.
        warnings: it does something else than it says.
    """

    errors: tuple[Finding, ...]
    warnings: tuple[Finding, ...]

    def require_none(self, name: str) -> None:
        """Go on only without errors.

        Args:
            name: of the placement, for the message.

        Raises:
            RuleError: there are some; each with its field.
        """
        if self.errors:
            told = "; ".join(map(str, self.errors))
            raise RuleError(f"placement {name!r} is not applied: {told}", hint="nothing was changed")


def check(
    placement: Mapping[str, Any], *, sets: Collection[str] | None = None, bindings: Collection[str] | None = None
) -> Findings:
    """Read a Placement object as strictly as possible.

    Args:
        placement: the object.
        sets: names of the ManagedClusterSets that exist; None: not checked.
        bindings: names of the ManagedClusterSetBindings in its namespace; None: not checked.

    Raises:
        MissingDependencyError: it has CEL expressions, and the extra `cel` is not installed.

    Example:
        >>> check({"metadata": {"name": "p"}, "spec": {"numberOfClusters": -1}}).errors[0].path
        'spec.numberOfClusters'
    """
    spec = placement.get("spec") or {}
    policy = spec.get("prioritizerPolicy") or {}
    errors = (
        *_count(spec),
        *_predicates(spec),
        *_tolerations(spec),
        *_prioritizers(policy),
        *_groups(spec),
        *_sets(spec, sets, bindings),
    )
    return Findings(errors, tuple(_warnings(spec, policy)))


def _count(spec: Mapping[str, Any]) -> Iterator[Finding]:
    count = spec.get("numberOfClusters")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 0):
        yield Finding("spec.numberOfClusters", f"{count!r} is no number from 0 on", "leave it out for all clusters")


def _predicates(spec: Mapping[str, Any]) -> Iterator[Finding]:
    for number, each in enumerate(spec.get("predicates") or ()):
        path = f"spec.predicates[{number}].requiredClusterSelector"
        selector = each.get("requiredClusterSelector") or {}
        yield from _selectors(path, selector)
        for place, expression in enumerate((selector.get("celSelector") or {}).get("celExpressions") or ()):
            yield from _cel(f"{path}.celSelector.celExpressions[{place}]", expression)


def _cel(path: str, expression: str) -> Iterator[Finding]:
    try:
        cel.compile(expression)
    except RuleError as error:
        yield Finding(path, error.what, error.hint)
    except UnsupportedError as error:
        if isinstance(error, ImportError):
            raise
        # the hub may well know it; nobody is evicted by what cannot be judged here
        return


def _selectors(path: str, selector: Mapping[str, Any]) -> Iterator[Finding]:
    for part in ("labelSelector", "claimSelector"):
        for key, value in ((selector.get(part) or {}).get("matchLabels") or {}).items():
            where = f"{path}.{part}.matchLabels"
            yield from _requirement(where, selectors.Requirement(key, "In", (value,)), whole=True)
        for number, each in enumerate((selector.get(part) or {}).get("matchExpressions") or ()):
            (requirement,) = selectors.read({"matchExpressions": [each]})
            yield from _requirement(f"{path}.{part}.matchExpressions[{number}]", requirement)


def _requirement(path: str, requirement: selectors.Requirement, *, whole: bool = False) -> Iterator[Finding]:
    for field, fault in requirement.faults():
        yield Finding(path if whole else f"{path}.{field}", fault)


def _tolerations(spec: Mapping[str, Any]) -> Iterator[Finding]:
    for number, each in enumerate(spec.get("tolerations") or ()):
        path = f"spec.tolerations[{number}]"
        operator, effect = each.get("operator") or "Equal", each.get("effect") or ""
        if operator not in _OPERATORS:
            yield Finding(f"{path}.operator", f"{operator!r} is no operator", nearest(operator, _OPERATORS))
        if effect and effect not in _EFFECTS:
            yield Finding(f"{path}.effect", f"{effect!r} is no effect", nearest(effect, _EFFECTS))
        if each.get("key") and selectors.key_fault(each["key"]):
            yield Finding(f"{path}.key", selectors.key_fault(each["key"]))
        (read,) = reading.read({"metadata": {"name": ""}, "spec": {"tolerations": [each]}}).tolerations
        if tolerations.fault(read):
            yield Finding(path, tolerations.fault(read))


def _prioritizers(policy: Mapping[str, Any]) -> Iterator[Finding]:
    mode = policy.get("mode") or "Additive"
    if mode not in scores.MODES:
        yield Finding("spec.prioritizerPolicy.mode", f"{mode!r} is no mode", nearest(mode, scores.MODES))
    for number, each in enumerate(policy.get("configurations") or ()):
        path = f"spec.prioritizerPolicy.configurations[{number}]"
        weight = each.get("weight", 1)
        if weight not in _WEIGHTS:
            yield Finding(f"{path}.weight", f"{weight!r} is not from -10 to 10")
        yield from _coordinate(f"{path}.scoreCoordinate", each.get("scoreCoordinate"))


def _coordinate(path: str, coordinate: Mapping[str, Any] | None) -> Iterator[Finding]:
    if coordinate is None:
        yield Finding(path, "is missing")
        return
    kind = coordinate.get("type") or "BuiltIn"
    if kind not in _TYPES:
        yield Finding(f"{path}.type", f"{kind!r} is no type", nearest(kind, _TYPES))
    elif kind == "BuiltIn" and coordinate.get("builtIn") not in scores.BUILT_IN:
        name = str(coordinate.get("builtIn") or "")
        yield Finding(f"{path}.builtIn", f"{name!r} is no built-in score", nearest(name, scores.BUILT_IN))
    elif kind == "AddOn":
        add_on = coordinate.get("addOn") or {}
        missing = [name for name in ("resourceName", "scoreName") if not add_on.get(name)]
        yield from (Finding(f"{path}.addOn.{name}", "is missing") for name in missing)


def _groups(spec: Mapping[str, Any]) -> Iterator[Finding]:
    path = "spec.decisionStrategy.groupStrategy"
    strategy = (spec.get("decisionStrategy") or {}).get("groupStrategy") or {}
    size = strategy.get("clustersPerDecisionGroup", "100%")
    if not _GROUP_SIZE.fullmatch(str(size)) or (isinstance(size, str) and not size.endswith("%")):
        yield Finding(
            f"{path}.clustersPerDecisionGroup", f"{size!r} is neither a number from 1 on nor 1% to 100%", "25% or 10"
        )
    for number, each in enumerate(strategy.get("decisionGroups") or ()):
        name = each.get("groupName") or ""
        if not _GROUP_NAME.fullmatch(name):
            yield Finding(
                f"{path}.decisionGroups[{number}].groupName",
                f"{name!r} is no name of a group: 2 to 63 of A-Z a-z 0-9 - _ . with a letter or digit at both ends",
            )
        yield from _selectors(
            f"{path}.decisionGroups[{number}].groupClusterSelector", each.get("groupClusterSelector") or {}
        )


def _sets(spec: Mapping[str, Any], sets: Collection[str] | None, bindings: Collection[str] | None) -> Iterator[Finding]:
    for number, name in enumerate(spec.get("clusterSets") or ()):
        path = f"spec.clusterSets[{number}]"
        if sets is not None and name not in sets:
            yield Finding(path, f"there is no ManagedClusterSet {name!r}", nearest(name, sets))
        elif bindings is not None and name not in bindings:
            yield Finding(path, f"set {name!r} is not bound to the namespace", "make a ManagedClusterSetBinding")
    known = bindings if sets is None or bindings is None else set(bindings) & set(sets)
    if known is not None and not known:
        yield Finding("spec", "no set is bound to the namespace, so no cluster can be selected", "bind one")


def _warnings(spec: Mapping[str, Any], policy: Mapping[str, Any]) -> Iterator[Finding]:
    for name in spec:
        if name in _IGNORED:
            yield Finding(f"spec.{name}", f"is accepted and ignored: {_IGNORED[name]}", "leave it out")
        elif name not in _KNOWN:
            yield Finding(f"spec.{name}", "is no field of a Placement, and is dropped", nearest(name, _KNOWN))
    for name in ("sortBy", "scoreRateLimit"):
        if name in policy:
            yield Finding(
                f"spec.prioritizerPolicy.{name}", f"is accepted and ignored: {_IGNORED[name]}", "leave it out"
            )
    strategy = (spec.get("decisionStrategy") or {}).get("groupStrategy") or {}
    for number, each in enumerate(strategy.get("decisionGroups") or ()):
        if (each.get("groupClusterSelector") or {}).get("celSelector"):
            path = f"spec.decisionStrategy.groupStrategy.decisionGroups[{number}].groupClusterSelector.celSelector"
            yield Finding(path, "is dropped: groups take labels and claims only", "leave it out")
    if spec.get("numberOfClusters") == 0:
        yield Finding("spec.numberOfClusters", "0 selects nobody", "leave it out for all clusters")
