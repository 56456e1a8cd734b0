"""The hub's own staged roll-out, on request only; settings that it would take to mean something else are refused.

The hub counts a value of nothing, or of more than there are clusters, as if it had not been given; a percentage it
rounds up. And a cluster that has not applied its work holds a slot without any deadline: one that is out of reach
stops everybody behind it, once all slots are held so.
"""

from __future__ import annotations

import math
import re
from typing import Any

from i4q_ai.errors import InvalidError

Size = int | str
"""A number of clusters, or a percentage as "25%"."""

_PERCENTAGE = re.compile(r"([0-9]{1,3})%")


def progressive(
    *,
    clusters: int,
    max_concurrency: Size,
    progress_deadline: float,
    max_failures: Size = 0,
    soak: float = 0,
    away: int = 0,
) -> dict[str, Any]:
    """The strategy of a ManifestWorkReplicaSet that goes on cluster by cluster, in the order of their names.

    Args:
        clusters: how many the Placement has.
        max_concurrency: how many may be on their way at once.
        progress_deadline: seconds until a cluster that has the work and is not done counts as failed; full seconds.
        max_failures: how many may fail before it stops; 0 for none.
        soak: seconds that a cluster which is done still holds its slot; full seconds.
        away: how many of the clusters are out of reach now.

    Raises:
        InvalidError: the hub would take a value to mean something else, or the roll-out would never end.

    Example:
        >>> progressive(clusters=10, max_concurrency="25%", progress_deadline=300)["progressive"]["maxConcurrency"]
        '25%'
    """
    if clusters < 1:
        raise InvalidError("a staged roll-out to no cluster", hint="check the placement with hub.explain(…)")
    slots = _size("max_concurrency", max_concurrency, clusters)
    if slots < 1:
        raise InvalidError(
            f"max_concurrency={max_concurrency!r} is no cluster, which the hub takes as all {clusters}",
            hint="1 is the least",
        )
    if away >= slots:
        raise InvalidError(
            f"{away} clusters are out of reach, and each would hold one of {slots} slots until it is back",
            hint=f"take max_concurrency={away + 1} or more, or i4q.Rollout, which goes on without them",
        )
    _check_failures(max_failures, clusters)
    if progress_deadline <= 0:
        raise InvalidError(
            f"progress_deadline={progress_deadline!r} gives no time",
            hint="seconds that a good version needs at the slowest cluster, and some more",
        )
    return {
        "type": "Progressive",
        "progressive": {
            "maxConcurrency": max_concurrency,
            "maxFailures": max_failures,
            "minSuccessTime": f"{_seconds('soak', soak)}s",
            "progressDeadline": f"{_seconds('progress_deadline', progress_deadline)}s",
        },
    }


def _check_failures(given: Size, clusters: int) -> None:
    allowed = _size("max_failures", given, clusters)
    if allowed < 1 and given != 0:
        raise InvalidError(f"max_failures={given!r} allows none", hint="write 0 if that is meant")


def _size(name: str, given: Size, clusters: int) -> int:
    """How many clusters the hub takes it for."""
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise InvalidError(f"{name}={given!r} is neither a number nor a percentage")
    if isinstance(given, str):
        return _share(name, given, clusters)
    if given < 0:
        raise InvalidError(f"{name}={given} is less than nothing")
    if given > clusters:
        fallback = f"all {clusters}" if name == "max_concurrency" else "0"
        raise InvalidError(
            f"{name}={given} is more than the {clusters} clusters there are, which the hub takes as {fallback}",
            hint=f"take {clusters} or less",
        )
    return given


def _share(name: str, given: str, clusters: int) -> int:
    found = _PERCENTAGE.fullmatch(given)
    if not found or int(found[1]) > 100:
        raise InvalidError(f"{name}={given!r} is no percentage, as '25%' is", hint="a number needs no quotes")
    exact = int(found[1]) * clusters / 100
    taken = math.ceil(exact)
    if name == "max_failures" and 0 < exact < 1:
        raise InvalidError(
            f"max_failures={given!r} of {clusters} clusters is less than one, which the hub rounds up to one",
            hint="write 1 or 0",
        )
    return taken


def _seconds(name: str, given: float) -> int:
    """The hub reads one number with one unit."""
    if not math.isfinite(given) or given < 0 or given != int(given):
        raise InvalidError(f"{name}={given!r} is no number of full seconds", hint="as 300 for five minutes")
    return int(given)
