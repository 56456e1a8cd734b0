"""One CEL expression: compiled and type-checked once, asked of many clusters.

What OCM offers is here: `managedCluster` (a map), `managedCluster.scores('<resource>')`, `'<text>'.parseJSON()`, CEL's
standard functions, strings and optionals, and Kubernetes' quantity, semver, regex, lists, URL, IP and CIDR functions.

Not modelled: OCM's limits of cost (1,000,000 for an expression, 10,000,000 for a predicate and cluster), beyond which
a cluster does not match; Kubernetes' `format` library and `string` of an IP or CIDR, which are refused by name; `find`
and `findAll` take Python's regular expressions, which know look-around where Go's refuse it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from i4q_ai.errors import MissingDependencyError, RuleError, UnsupportedError

if TYPE_CHECKING:
    from i4q_ai.placing.cel.environment import Environment
    from i4q_ai.placing.cel.parts import Evaluate, Part

ScoreLookup = Callable[[str], Sequence[Mapping[str, Any]] | None]
"""Name of an AddOnPlacementScore → its scores, each `{"name": …, "value": …}`; None: the cluster has no such object."""

_PLACE = re.compile(r"ERROR: <input>:(\d+):(\d+): (.*)")
_NOT_MODELLED = re.compile(
    r"undeclared reference to '(format\.\w+|format)'|no matching overload for '(string)' applied to '\((?:ip|cidr)\)'"
)
_scores: ContextVar[ScoreLookup] = ContextVar("scores")


class Program:
    """A compiled expression; made by `compile`, safe to share between threads."""

    def __init__(self, expression: str, evaluate: Evaluate, rule: Part, returns: str) -> None:
        self.expression = expression
        self.rule = rule
        """Its parts, for who asks for many clusters at once."""
        self.returns = returns
        """The static type of its result: `bool`, `dyn` (known only when asked), `int` …"""
        self._evaluate = evaluate

    def __repr__(self) -> str:
        return f"Program({self.expression!r})"

    def matches(self, managed_cluster: Mapping[str, Any], scores: ScoreLookup | None = None) -> bool:
        """Whether it is true for a cluster; an error while evaluating, or a result that is no boolean, is False.

        Args:
            managed_cluster: the ManagedCluster object, as the API server gives it.
            scores: finds the cluster's AddOnPlacementScores; None: there are none.
        """
        return asked(self._evaluate, managed_cluster, scores)


def asked(evaluate: Evaluate, about: Mapping[str, Any], scores: ScoreLookup | None = None) -> bool:
    """Whether an expression, or a part of one, is true.

    Args:
        evaluate: it.
        about: the cluster, or what can be seen of it.
        scores: as for `Program.matches`.
    """
    token = _scores.set(scores or _no_scores)
    try:
        return evaluate(about) is True
    finally:
        _scores.reset(token)


def compile(expression: str, *, strict: bool = True) -> Program:  # noqa: A001 - as in re.compile
    """Parse and type-check an expression.

    Args:
        expression: CEL, over `managedCluster`.
        strict: refuse a result that can never be a boolean; the scheduler itself accepts it, and then matches nothing.

    Raises:
        RuleError: syntax or types are wrong; the message says where.
        MissingDependencyError: the extra `cel` is not installed.
        UnsupportedError: it uses a function that OCM knows and this module does not.

    Example:
        >>> compile("managedCluster.metadata.name == 'edge-1'").matches({"metadata": {"name": "edge-1"}})
        True
    """
    program = _compiled(expression)
    if strict and program.returns not in ("bool", "dyn"):
        raise RuleError(
            f"CEL expression {expression!r} gives {program.returns}, not true or false, so it matches no cluster",
            hint="compare the result with something",
        )
    return program


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Program:
    environment = _environment()
    try:
        evaluate, rule, returns = environment.compile(expression)
    except RuntimeError as error:
        raise _refusal(expression, str(error)) from None
    return Program(expression, evaluate, rule, returns)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    try:
        from i4q_ai.placing.cel.environment import Environment
    except ModuleNotFoundError as error:
        if error.name != "cel_expr_python":
            raise
        raise MissingDependencyError("a CEL expression", extra="cel") from error
    return Environment(scores=_scores_of_asked)


def _scores_of_asked(_cluster: object, resource: str) -> list[Mapping[str, Any]]:
    found = _scores.get()(resource)
    if found is None:
        raise LookupError(f"failed to get score: no AddOnPlacementScore {resource!r}")
    return [{"name": score.get("name", ""), "value": score.get("value", 0)} for score in found]


def _no_scores(_resource: str) -> None:
    return None


def _refusal(expression: str, message: str) -> RuleError | UnsupportedError:
    unknown = _NOT_MODELLED.search(message)
    if unknown:
        name = unknown[1] or unknown[2]
        return UnsupportedError(
            f"CEL expression {expression!r} uses {name!r}, which only the scheduler itself can evaluate",
            hint="write it with matches('…'), or ask the hub",
        )
    found = _PLACE.search(message)
    if not found:
        return RuleError(f"CEL expression {expression!r} does not compile: {message}")
    line, column, reason = found[1], found[2], found[3]
    return RuleError(
        f"CEL expression {expression!r} does not compile: line {line}, column {column}: {reason}",
        hint="names start at managedCluster; Kubernetes' and OCM's functions are known",
    )
