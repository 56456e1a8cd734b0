"""Rules as CEL over `managedCluster`, and back, where labels and claims as OCM selects by them cannot say it.

Writing and reading share one table of shapes. Every shape is false, and no error, on a cluster that does not say what
is asked: an error would be no match, and so would its negation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from i4q_ai.errors import UnsupportedError
from i4q_ai.placing import quantities
from i4q_ai.placing.rules import (
    AllOf,
    AnyOf,
    AnyRule,
    ClaimRule,
    KubeVersionRule,
    LabelRule,
    NameRule,
    Not,
    Order,
    ResourceRule,
    kube_version,
)

_TEXT = r'"(?:[^"\\]|\\.)*"'
_HOLES = {
    "key": _TEXT,
    "value": _TEXT,
    "values": rf"\[{_TEXT}(?:, {_TEXT})*\]",
    "order": "==|!=|>=|>|<=|<",
}


@dataclass(frozen=True)
class Shape:
    """A form of CEL with holes: `<key>`, `<value>`, `<values>`, `<order>`."""

    text: str

    def write(self, **holes: object) -> str:
        """The expression with the holes filled."""
        told = self.text
        for name, value in holes.items():
            told = told.replace(f"<{name}>", str(value) if name == "order" else _literal(value))
        return told

    def pattern(self) -> re.Pattern[str]:
        """What reads the expression back; a hole that stands twice holds the same twice."""
        parts, known = [], set()
        for part in re.split(r"(<\w+>)", self.text):
            name = part[1:-1]
            if name not in _HOLES or not part.startswith("<"):
                parts.append(re.escape(part))
            elif name in known:
                parts.append(f"(?P={name})")
            else:
                known.add(name)
                parts.append(f"(?P<{name}>{_HOLES[name]})")
        return re.compile("".join(parts), re.DOTALL)


_LABELS = "managedCluster.metadata.labels"
_STATUS = "managedCluster.status"
_CLAIMS = f"{_STATUS}.clusterClaims"
_AMOUNTS = f"{_STATUS}.allocatable"
_VERSION = f"{_STATUS}.version"

LABEL_EXISTS = Shape(f"(has({_LABELS}) && <key> in {_LABELS})")
LABEL_IN = Shape(f"(has({_LABELS}) && <key> in {_LABELS} && {_LABELS}[<key>] in <values>)")
CLAIM_EXISTS = Shape(f"(has({_STATUS}) && has({_CLAIMS}) && {_CLAIMS}.exists(c, c.name == <key>))")
CLAIM_IN = Shape(f"(has({_STATUS}) && has({_CLAIMS}) && {_CLAIMS}.exists(c, c.name == <key> && c.value in <values>))")
RESOURCE = Shape(
    f"(has({_STATUS}) && has({_AMOUNTS}) && <key> in {_AMOUNTS} && "
    f"quantity({_AMOUNTS}[<key>]).compareTo(quantity(<value>)) <order> 0)"
)
KUBE_VERSION = Shape(  # OCM has no semver that takes the "v", as Kubernetes' own CEL has
    f"(has({_STATUS}) && has({_VERSION}) && has({_VERSION}.kubernetes) && "
    f'semver({_VERSION}.kubernetes.substring({_VERSION}.kubernetes.startsWith("v") ? 1 : 0))'
    ".compareTo(semver(<value>)) <order> 0)"
)
NAME = Shape("managedCluster.metadata.name in <values>")


def expression(rule: AnyRule) -> str:
    """A rule as one CEL expression; true on the clusters that the rule matches.

    A version of Kubernetes is one of three numbers there, as every API server's is; "v1.34" would be no match.

    Raises:
        UnsupportedError: it compares with an amount that OCM does not hold exactly.
    """
    match rule:
        case AllOf():
            return _joined(" && ", rule.all)
        case AnyOf():
            return _joined(" || ", rule.any)
        case Not():
            return _negated(expression(rule.not_), closed=isinstance(rule.not_, ResourceRule | KubeVersionRule))
        case LabelRule() | ClaimRule():
            return _selector(rule)
        case ResourceRule():
            return RESOURCE.write(key=rule.resource, value=_amount(rule), order=rule.operator)
        case KubeVersionRule():
            return _version(rule)
    return NAME.write(values=rule.clusters)


def _joined(operator: str, rules: Sequence[AnyRule]) -> str:
    if len(rules) == 1:
        return expression(rules[0])
    return operator.join(
        f"({expression(rule)})" if isinstance(rule, AllOf | AnyOf) else expression(rule) for rule in rules
    )


def _selector(rule: LabelRule | ClaimRule) -> str:
    if isinstance(rule, LabelRule):
        key, exists, within = rule.label, LABEL_EXISTS, LABEL_IN
    else:
        key, exists, within = rule.claim, CLAIM_EXISTS, CLAIM_IN
    if rule.operator in ("Exists", "DoesNotExist"):
        told = exists.write(key=key)
    else:
        told = within.write(key=key, values=rule.values)
    return told if rule.operator in ("In", "Exists") else _negated(told, closed=True)


def _negated(told: str, *, closed: bool) -> str:
    """Not an expression, which may be in brackets already."""
    return f"!{told}" if closed else f"!({told})"


def _amount(rule: ResourceRule) -> str:
    amount = quantities.parse(rule.value)
    if (amount * 10**9).denominator != 1 or abs(amount) >= 2**63:
        raise UnsupportedError(
            f"'{rule.text()}' cannot be compared on an OCM hub, which rounds {rule.value}",
            hint="amounts are multiples of 1n, below 2^63",
        )
    return rule.value


def _version(rule: KubeVersionRule) -> str:
    """Pre-releases of one release are one to us; to `semver` they are many, of which `-0` is the first."""
    *release, is_release = kube_version(rule.version)
    exact = ".".join(str(part) for part in release)
    if is_release:
        return KUBE_VERSION.write(value=exact, order=rule.operator)
    first = f"{exact}-0"
    match rule.operator:
        case ">=" | "<":
            return KUBE_VERSION.write(value=first, order=rule.operator)
        case ">":
            return KUBE_VERSION.write(value=exact, order=">=")
        case "<=":
            return KUBE_VERSION.write(value=exact, order="<")
        case "==":
            both = (KUBE_VERSION.write(value=first, order=">="), KUBE_VERSION.write(value=exact, order="<"))
            return f"({' && '.join(both)})"
    either = (KUBE_VERSION.write(value=first, order="<"), KUBE_VERSION.write(value=exact, order=">="))
    return f"({' || '.join(either)})"


def _literal(value: object) -> str:
    """A CEL string or list of strings; those of JSON are a part of CEL's, as long as nothing is a surrogate pair."""
    return json.dumps(value, ensure_ascii=False)


def read(text: str) -> AnyRule:
    """The rule that `expression` wrote.

    Raises:
        UnsupportedError: it is CEL of another form.
    """
    reader = _Reader(text)
    rule = reader.either()
    if not reader.at_end:
        raise reader.unknown()
    return rule


class _Reader:
    """Goes over an expression from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0

    @property
    def at_end(self) -> bool:
        return self._at == len(self._text)

    def unknown(self) -> UnsupportedError:
        return UnsupportedError(
            f"the CEL expression {self._text!r} cannot be read as a rule, from character {self._at + 1} on",
            hint="rules are read from labels, claims and from CEL as this package writes it",
        )

    def either(self) -> AnyRule:
        """`a || b`."""
        rules = [self._both()]
        while self._take(" || "):
            rules.append(self._both())
        return rules[0] if len(rules) == 1 else AnyOf(any=tuple(rules))

    def _both(self) -> AnyRule:
        rules = [self._one()]
        while self._take(" && "):
            rules.append(self._one())
        return rules[0] if len(rules) == 1 else AllOf(all=tuple(rules))

    def _one(self) -> AnyRule:
        for pattern, make in _SHAPES:
            found = pattern.match(self._text, self._at)
            if found:
                self._at = found.end()
                return make(found)
        if self._take("!"):
            return ~self._one()
        if self._take("("):
            return self._closed()
        raise self.unknown()

    def _closed(self) -> AnyRule:
        rule = self.either()
        if not self._take(")"):
            raise self.unknown()
        return rule

    def _take(self, token: str) -> bool:
        if not self._text.startswith(token, self._at):
            return False
        self._at += len(token)
        return True


def _values(found: re.Match[str]) -> tuple[str, ...]:
    return tuple(json.loads(found["values"], strict=False))


def _said(found: re.Match[str], hole: str) -> str:
    return str(json.loads(found[hole], strict=False))


def _order(found: re.Match[str]) -> Order:
    return cast("Order", found["order"])


_SHAPES = (
    (LABEL_EXISTS.pattern(), lambda found: LabelRule(label=_said(found, "key"), operator="Exists")),
    (LABEL_IN.pattern(), lambda found: LabelRule(label=_said(found, "key"), values=_values(found))),
    (CLAIM_EXISTS.pattern(), lambda found: ClaimRule(claim=_said(found, "key"), operator="Exists")),
    (CLAIM_IN.pattern(), lambda found: ClaimRule(claim=_said(found, "key"), values=_values(found))),
    (
        RESOURCE.pattern(),
        lambda found: ResourceRule(resource=_said(found, "key"), value=_said(found, "value"), operator=_order(found)),
    ),
    (KUBE_VERSION.pattern(), lambda found: KubeVersionRule(version=_said(found, "value"), operator=_order(found))),
    (NAME.pattern(), lambda found: NameRule(clusters=_values(found))),
)
