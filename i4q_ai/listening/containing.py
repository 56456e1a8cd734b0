"""Whether a placement rule reaches no further than another one, for every cluster there may ever be."""

from __future__ import annotations

from i4q_ai.placing.rules import AllOf, AnyOf, AnyRule, ClaimRule, LabelRule, NameRule


def within(rule: AnyRule | None, bound: AnyRule) -> bool:
    """Whether every cluster that meets a rule meets the bound too.

    It is never wrong when it says yes; it says no where that cannot be seen from how the two are written.

    Args:
        rule: of a placement; None is every cluster.
        bound: that it must keep to.

    Example:
        >>> from i4q_ai import Label
        >>> within(((Label("line") == "cnc") & (Label("ring") == "first")).rule(), (Label("line") == "cnc").rule())
        True
        >>> within(((Label("line") == "cnc") | (Label("ring") == "first")).rule(), (Label("line") == "cnc").rule())
        False
    """
    if rule is None:
        return False
    if rule == bound:
        return True
    if isinstance(bound, AllOf):
        return not [each for each in bound.all if not within(rule, each)]
    if isinstance(rule, AnyOf):
        return not [each for each in rule.any if not within(each, bound)]
    if isinstance(rule, AllOf) and [each for each in rule.all if within(each, bound)]:
        return True
    if isinstance(bound, AnyOf):
        return bool([each for each in bound.any if within(rule, each)])
    return _narrower(rule, bound)


def _narrower(rule: AnyRule, bound: AnyRule) -> bool:
    if isinstance(rule, NameRule) and isinstance(bound, NameRule):
        return set(rule.clusters) <= set(bound.clusters)
    if isinstance(rule, LabelRule) and isinstance(bound, LabelRule) and rule.label == bound.label:
        return _selects_less(rule, bound)
    if isinstance(rule, ClaimRule) and isinstance(bound, ClaimRule) and rule.claim == bound.claim:
        return _selects_less(rule, bound)
    return False


def _selects_less(rule: LabelRule | ClaimRule, bound: LabelRule | ClaimRule) -> bool:
    values, allowed = set(rule.values), set(bound.values)
    match rule.operator, bound.operator:
        case "In", "In":
            return values <= allowed
        case "In", "NotIn":
            return not values & allowed
        case "In", "Exists":
            return True
        case "NotIn", "NotIn":
            return allowed <= values
        case "DoesNotExist", "NotIn":
            return True
    return False
