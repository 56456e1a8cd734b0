"""Label and claim selectors: checked as Kubernetes checks them, then sets of positions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any, NamedTuple

from i4q_ai.placing.scheduler.keys import Keys

_NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", re.ASCII)
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


class Requirement(NamedTuple):
    """One clause about one key."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.operator in ("Exists", "DoesNotExist"):
            return f"{self.key} {self.operator}"
        return f"{self.key} {self.operator} [{', '.join(self.values)}]"

    def faults(self) -> list[tuple[str, str]]:
        """What Kubernetes refuses about it: field, and what is wrong."""
        found = [("key", fault)] if (fault := key_fault(self.key)) else []
        if self.operator not in _OPERATORS:
            found.append(("operator", f"{self.operator!r} is none of {', '.join(_OPERATORS)}"))
        if self.operator in ("In", "NotIn") and not self.values:
            found.append(("values", f"{self.operator} needs at least one"))
        if self.operator in ("Exists", "DoesNotExist") and self.values:
            found.append(("values", f"{self.operator} takes none"))
        found += [("values", fault) for value in self.values if (fault := value_fault(value))]
        return found

    def select(self, keys: Keys, everyone: int) -> int:
        """Who meets it; an absent key meets NotIn and DoesNotExist."""
        if self.operator == "Exists":
            return keys.exists(self.key)
        if self.operator == "DoesNotExist":
            return everyone & ~keys.exists(self.key)
        meant = reduce(or_, (keys.equal(self.key, value) for value in self.values), 0)
        return meant if self.operator == "In" else everyone & ~meant


Selector = tuple[Requirement, ...]


def read(selector: Mapping[str, Any] | None) -> Selector:
    """The clauses of a selector: `matchLabels`, then `matchExpressions`; all must hold."""
    given = selector or {}
    labels = given.get("matchLabels") or {}
    expressions = given.get("matchExpressions") or ()
    return (
        *(Requirement(key, "In", (value,)) for key, value in labels.items()),
        *(
            Requirement(each.get("key", ""), each.get("operator", ""), tuple(each.get("values") or ()))
            for each in expressions
        ),
    )


def select(selector: Selector, keys: Keys, everyone: int) -> int:
    """Who meets every clause."""
    return reduce(and_, (requirement.select(keys, everyone) for requirement in selector), everyone)


def faults(selector: Sequence[Requirement]) -> list[str]:
    """What Kubernetes refuses about a selector."""
    return [f"{requirement}: {fault}" for requirement in selector for _, fault in requirement.faults()]


def key_fault(key: str) -> str:
    """Why it is no label key; empty if it is one."""
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > 253 or not _SUBDOMAIN.fullmatch(prefix)):
        return f"{key!r}: {prefix!r} before the slash is no DNS name"
    return "" if _NAME.fullmatch(name) else f"{key!r} is no label key"


def value_fault(value: str) -> str:
    """Why it is no label value; empty if it is one."""
    return "" if not value or _NAME.fullmatch(value) else f"{value!r} is no label value: 63 of A-Z a-z 0-9 - _ ."
