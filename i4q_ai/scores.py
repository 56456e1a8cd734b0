"""The scores of a hub's clusters: how good each is at something, published by whoever has measured it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from i4q_ai.cluster import is_score_name
from i4q_ai.errors import InvalidError, NotFoundError, UnsupportedError, nearest

if TYPE_CHECKING:
    from i4q_ai.engine import Engine

RESOURCE = "model-score"
"""Whose scores they are, if nobody says."""
MOST = 100
LONGEST = 10 * 365 * 86400.0
"""Seconds; what shall be valid for longer ends never."""


@dataclass(frozen=True)
class Published:
    """A score that a cluster has.

    Args:
        cluster: whose.
        name: `resource/score`, as placements prefer by it.
        value: -100 to 100.
        valid_until: when it ends; None for never.
        ended: it counts no more.
    """

    cluster: str
    name: str
    value: int
    valid_until: datetime | None = None
    ended: bool = False


class Scores:
    """What `hub.scores` is: published here, preferred by in placements."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list(self) -> list[Published]:
        """All scores of all clusters, by cluster and name; also those that have ended."""
        now = self._engine.clock()
        return [
            Published(cluster.name, name, score.value, score.valid_until, score.ended(now))
            for cluster in self._engine.fleet.clusters(deadline=self._engine.deadline())
            for name, score in sorted(cluster.scores.items())
        ]

    def publish(
        self,
        scores: Mapping[str, Mapping[str, int]],
        *,
        resource: str = RESOURCE,
        valid: float | None = None,
        refresh: bool = True,
    ) -> Sequence[Published]:
        """Say how good clusters are; what the resource said of these before is replaced as a whole.

        Args:
            scores: {cluster: {score: value}}, whole numbers from -100 to 100; an empty mapping takes them away.
            resource: whose scores they are: a name for who measures, or what.
            valid: seconds until they end, for scores that nobody measures any more; None for never.
            refresh: move what is deployed to where it now belongs.

        Returns:
            All scores, as `list`.

        Raises:
            InvalidError: a value, a name or the time is none; nothing was published.
            NotFoundError: there is no such cluster; with the nearest one.
            UnsupportedError: the backend keeps no scores.

        Example:
            >>> from i4q_ai import Hub
            >>> with Hub(home=home) as hub:
            ...     _ = hub.clusters.add("edge-9")
            ...     print(hub.scores.publish({"edge-9": {"accuracy": 93}})[-1].name)
            ...     hub.clusters.remove("edge-9")
            model-score/accuracy
        """
        if not self._engine.backend.capabilities.scores:
            raise UnsupportedError(f"backend '{self._engine.backend.name}' keeps no scores of clusters")
        for cluster, values in scores.items():
            _check_name(cluster, f"{resource}/any")
            for name, value in values.items():
                _check_name(cluster, f"{resource}/{name}")
                _check_value(cluster, f"{resource}/{name}", value)
        if valid is not None and not 0 < valid <= LONGEST:
            raise InvalidError(f"scores cannot be valid for {valid:g} seconds", hint="from now on; None for ever")
        self._require_known(scores)
        until = None if valid is None else self._engine.clock() + timedelta(seconds=valid)
        self._engine.fleet.score(resource, scores, until=until, deadline=self._engine.deadline())
        if refresh:
            self._engine.settle(self._engine.plan_refresh)
        return self.list()

    def _require_known(self, scores: Mapping[str, Any]) -> None:
        known = {cluster.name for cluster in self._engine.fleet.clusters(deadline=self._engine.deadline())}
        for cluster in scores:
            if cluster not in known:
                raise NotFoundError(f"there is no cluster '{cluster}' to score", hint=nearest(cluster, known))

    def __repr__(self) -> str:
        return f"<Scores of backend {self._engine.backend.name}>"

    def _repr_html_(self) -> str:
        from i4q_ai import display

        return display.scores(self.list()).html()


def _check_name(cluster: str, name: str) -> None:
    try:
        is_score_name(name)
    except ValueError as error:
        raise InvalidError(f"cluster '{cluster}': {error}") from error


def _check_value(cluster: str, name: str, value: object) -> None:
    if isinstance(value, float):
        hint = f"scores are whole numbers from -{MOST} to {MOST}; scale it, as in round({MOST} * share)"
        raise InvalidError(f"cluster '{cluster}': '{name}' is {value:g}", hint=hint)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidError(f"cluster '{cluster}': '{name}' is {value!r}, no whole number")
    if not -MOST <= value <= MOST:
        raise InvalidError(f"cluster '{cluster}': '{name}' is {value}", hint=f"scores are from -{MOST} to {MOST}")
