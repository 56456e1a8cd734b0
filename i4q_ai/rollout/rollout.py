"""How a change reaches the clusters, as data: the order of groups, and what may go on and go wrong at once."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from i4q_ai.thing import Thing

_PERCENT = re.compile(r"(100|[1-9]?[0-9])%")
_NEEDS_STAGED = ("stages", "max_concurrency", "maxConcurrency", "soak", "max_failures", "maxFailures")


def _is_share(value: Any) -> Any:
    if isinstance(value, str) and not _PERCENT.fullmatch(value):
        raise ValueError(f"{value!r} is no share: a number as 2, or a percentage as '25%', from '0%' to '100%'")
    if isinstance(value, bool) or not isinstance(value, int | str | None):
        raise ValueError(f"{value!r} is no share: a number as 2, or a percentage as '25%'")
    if isinstance(value, int) and value < 0:
        raise ValueError(f"{value} clusters are less than none")
    return value


def _lets_somebody_change(value: Any) -> Any:
    if _is_share(value) in (0, "0%"):
        raise ValueError("a roll-out that may change nobody never ends; 1 is one after the other, none is no limit")
    return value


def _shown(least: int) -> WithJsonSchema:
    number = {"type": "integer", "minimum": least}
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": f"^({_PERCENT.pattern})$"}]})


Concurrency = Annotated[int | str, BeforeValidator(_lets_somebody_change), _shown(1)]
"""How many clusters at once: a number, or a percentage of the stage's clusters, rounded up."""
Failures = Annotated[int | str, BeforeValidator(_is_share), _shown(0)]
"""How many clusters may fail: a number, or a percentage of the stage's clusters, rounded down."""


class Rollout(Thing):
    """How a change reaches the clusters.

    Args:
        strategy: "all" at once, or "staged": group by group, the next one when the one before is good. It is "staged"
            without being said when anything below is.
        stages: names of groups in order, `"*"` for the rest; without it, the placement's groups, then `"*"`.
        max_concurrency: how many clusters of a stage are changed at once: 2, or "25%" of the stage's clusters, rounded
            up; None for all of them.
        soak: seconds that a cluster must have been Ready before it counts as good.
        max_failures: how many clusters of a stage may fail: 1, or "10%" of the stage's clusters, rounded down. When one
            more does, the roll-out halts.

    Example:
        >>> Rollout(max_concurrency="25%", soak=30).concurrency(10)
        3
    """

    strategy: Literal["all", "staged"] = "all"
    stages: tuple[str, ...] = ()
    max_concurrency: Concurrency | None = Field(default=None, alias="maxConcurrency")
    soak: float = Field(default=0, ge=0, le=366 * 86400)
    max_failures: Failures = Field(default=0, alias="maxFailures")

    @model_validator(mode="before")
    @classmethod
    def _staged_where_it_must_be(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        given = [name for name in _NEEDS_STAGED if data.get(name)]
        if given and data.get("strategy", "staged") == "all":
            raise ValueError(f"strategy 'all' has no {given[0]}; leave it out, or make it 'staged'")
        return {**data, "strategy": "staged"} if given else data

    def concurrency(self, size: int) -> int:
        """How many clusters of a stage may be changed at once.

        Args:
            size: how many clusters the stage has.
        """
        if self.max_concurrency is None:
            return size
        if isinstance(self.max_concurrency, int):
            return self.max_concurrency
        return max(1, math.ceil(_percent(self.max_concurrency) * size / 100))

    def failures(self, size: int) -> int:
        """How many clusters of a stage may fail.

        Args:
            size: how many clusters the stage has.
        """
        if isinstance(self.max_failures, int):
            return self.max_failures
        return _percent(self.max_failures) * size // 100


def _percent(share: str) -> int:
    return int(share.removesuffix("%"))
