"""Rules as the predicates of a Placement, and back.

Predicates are ORed; within one, labels, claims and CEL are ANDed. A rule becomes that form by the laws of Boole. What
labels and claims cannot say is CEL; a rule that would become too many predicates is one CEL expression.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from i4q_ai.errors import RuleError
from i4q_ai.placing.rules import AllOf, AnyOf, AnyRule, ClaimRule, LabelRule, Not, Presence
from i4q_ai.thing import is_label_value
from i4q_ai_ocm.translate import expressions

MOST = 16
"""Predicates; a rule that needs more is one CEL expression."""

_OPPOSITE: dict[Presence, Presence] = {
    "In": "NotIn",
    "NotIn": "In",
    "Exists": "DoesNotExist",
    "DoesNotExist": "Exists",
}
_PART = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_KEY = re.compile(rf"({_PART}(\.{_PART})*/)?[A-Za-z0-9]([A-Za-z0-9._-]{{0,61}}[A-Za-z0-9])?")

Term = tuple[AnyRule, ...]
"""Rules without AllOf and AnyOf that must all be met."""


def predicates(rule: AnyRule | None) -> list[dict[str, Any]]:
    """The `spec.predicates` of a Placement that mean the same as a rule on every cluster.

    Args:
        rule: None means all clusters.

    Raises:
        UnsupportedError: it compares with an amount that OCM does not hold exactly.

    Example:
        >>> from i4q_ai import Label
        >>> predicates((Label("line") == "cnc").rule())
        [{'requiredClusterSelector': {'labelSelector': {'matchExpressions': [{'key': 'line', 'operator': 'In', \
'values': ['cnc']}]}}}]
    """
    if rule is None:
        return []
    terms = _terms(rule, negated=False)
    if terms is None:
        return [_predicate((), [expressions.expression(rule)])]
    return [_of_term(term) for term in terms]


def _terms(rule: AnyRule, *, negated: bool) -> list[Term] | None:
    """The terms of which one must be met; None where they would be too many."""
    match rule:
        case Not():
            return _terms(rule.not_, negated=not negated)
        case AllOf():
            parts = [_terms(part, negated=negated) for part in rule.all]
            return _one_of(parts) if negated else _each_of(parts)
        case AnyOf():
            parts = [_terms(part, negated=negated) for part in rule.any]
            return _each_of(parts) if negated else _one_of(parts)
        case LabelRule() | ClaimRule() if negated:
            return [(rule.replace(operator=_OPPOSITE[rule.operator]),)]
    return [(~rule if negated else rule,)]


def _one_of(parts: Sequence[list[Term] | None]) -> list[Term] | None:
    found: list[Term] = []
    for part in parts:
        if part is None:
            return None
        found += part
    return _bounded(found)


def _each_of(parts: Sequence[list[Term] | None]) -> list[Term] | None:
    found: list[Term] | None = [()]
    for part in parts:
        if part is None or found is None:
            return None
        found = _bounded((*left, *right) for left in found for right in part)
    return found


def _bounded(terms: Iterable[Term]) -> list[Term] | None:
    """Without what stands twice, and without a term that asks more than another one."""
    kept: list[Term] = []
    for term in (tuple(dict.fromkeys(each)) for each in terms):
        if any(set(term) >= set(other) for other in kept):
            continue
        kept = [other for other in kept if not set(other) >= set(term)]
        kept.append(term)
    return kept if len(kept) <= MOST else None


def _of_term(term: Term) -> dict[str, Any]:
    selecting = [rule for rule in term if _selects(rule)]
    return _predicate(selecting, [expressions.expression(rule) for rule in term if not _selects(rule)])


def _selects(rule: AnyRule) -> bool:
    """Whether a selector can say it; OCM takes a key or value beyond the grammar of labels as a mistake."""
    match rule:
        case LabelRule():
            return _is_key(rule.label)
        case ClaimRule():
            return _is_key(rule.claim) and all(_is_value(value) for value in rule.values)
    return False


def _is_key(text: str) -> bool:
    return _KEY.fullmatch(text) is not None and len(text.rpartition("/")[0]) <= 253


def _is_value(text: str) -> bool:
    try:
        is_label_value(text)
    except ValueError:
        return False
    return True


def _predicate(selecting: Iterable[AnyRule], cel: list[str]) -> dict[str, Any]:
    labels: list[dict[str, Any]] = []
    claims: list[dict[str, Any]] = []
    for rule in selecting:
        if isinstance(rule, LabelRule):
            labels.append(_requirement(rule.label, rule.operator, rule.values))
        elif isinstance(rule, ClaimRule):
            claims.append(_requirement(rule.claim, rule.operator, rule.values))
    selector: dict[str, Any] = {}
    if labels:
        selector["labelSelector"] = {"matchExpressions": labels}
    if claims:
        selector["claimSelector"] = {"matchExpressions": claims}
    if cel:
        selector["celSelector"] = {"celExpressions": cel}
    return {"requiredClusterSelector": selector}


def _requirement(key: str, operator: Presence, values: Sequence[str]) -> dict[str, Any]:
    return {"key": key, "operator": operator, **({"values": list(values)} if values else {})}


def rule(predicates: Sequence[Mapping[str, Any]]) -> AnyRule | None:
    """The rule that predicates mean, also those that somebody else wrote.

    Args:
        predicates: `spec.predicates` of a Placement.

    Returns:
        The rule; None where every cluster is meant.

    Raises:
        UnsupportedError: CEL of a form that no rule has; the expression is in it.
        RuleError: a selector that OCM would take as a mistake, too.
    """
    found = [_read(each.get("requiredClusterSelector") or {}) for each in predicates]
    if not found or not all(found):
        return None
    read = [each[0] if len(each) == 1 else AllOf(all=each) for each in found]
    return read[0] if len(read) == 1 else AnyOf(any=tuple(read))


def _read(selector: Mapping[str, Any]) -> Term:
    """What one predicate asks; nothing if it takes every cluster."""
    labels = selector.get("labelSelector") or {}
    claims = selector.get("claimSelector") or {}
    cel = selector.get("celSelector") or {}
    return (
        *(LabelRule(label=key, values=(value,)) for key, value in (labels.get("matchLabels") or {}).items()),
        *(LabelRule(label=key, **more) for key, more in _requirements(labels)),
        *(ClaimRule(claim=key, **more) for key, more in _requirements(claims)),
        *(expressions.read(text) for text in cel.get("celExpressions") or ()),
    )


def _requirements(selector: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    for each in selector.get("matchExpressions") or ():
        if each.get("operator") not in _OPPOSITE:
            raise RuleError(f"operator {each.get('operator')!r} of key {each.get('key')!r} is none of a selector")
        yield each["key"], {"operator": each["operator"], "values": tuple(each.get("values") or ())}
