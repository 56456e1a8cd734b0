"""What an expression is made of: the parts that are asked by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from i4q_ai.placing.cel.looks import Path

Evaluate = Callable[[Mapping[str, Any]], Any]
"""From a cluster, or what can be seen of it, to a result."""


@dataclass(frozen=True)
class Term:
    """A part that is asked by itself.

    Args:
        evaluate: gives its result for a cluster, or for what `looks.seeing` leaves of it.
        looks: what it looks at; `()` is everything.
        scored: whether it looks at scores, too.
    """

    evaluate: Evaluate
    looks: tuple[Path, ...]
    scored: bool


@dataclass(frozen=True)
class Junction:
    """Parts of which all must be true, or one.

    Args:
        every: all.
        parts: the parts.
    """

    every: bool
    parts: tuple[Part, ...]


Part = Term | Junction
