"""Everything a placement is decided from, made once from objects and asked many times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from i4q_ai.errors import NotFoundError, nearest
from i4q_ai.placing.scheduler.index import Index, Object
from i4q_ai.placing.scheduler.times import parse

PLACEMENT_LABEL = "cluster.open-cluster-management.io/placement"
_KINDS = ("ManagedClusterSet", "ManagedClusterSetBinding", "Placement", "PlacementDecision", "AddOnPlacementScore")


class Key(NamedTuple):
    """A namespaced name."""

    namespace: str
    name: str


class World:
    """Clusters and the objects around them. It does not change: make another one when they do.

    Args:
        index: the clusters.
        others: ManagedClusterSet, ManagedClusterSetBinding, Placement, PlacementDecision and AddOnPlacementScore
            objects; any other kind is left out.
    """

    def __init__(self, index: Index, others: Iterable[Object] = ()) -> None:
        by_kind: dict[str, list[Object]] = {kind: [] for kind in _KINDS}
        for each in others:
            by_kind.get(each.get("kind", ""), []).append(each)
        self.index = index
        self.sets = {each["metadata"]["name"]: each for each in by_kind["ManagedClusterSet"]}
        self.bindings = frozenset(key_of(each) for each in by_kind["ManagedClusterSetBinding"])
        self.placements = {key_of(each): each for each in by_kind["Placement"]}
        self.decisions = {key_of(each): each for each in by_kind["PlacementDecision"]}
        self.decided = _decided(self.decisions.values())
        self.taken = Counter(name for names in self.decided.values() for name in names)
        self._scores: dict[str, dict[str, Object]] = {}
        for each in by_kind["AddOnPlacementScore"]:
            cluster, resource = key_of(each)
            self._scores.setdefault(resource, {})[cluster] = each.get("status") or {}
        self.matching: dict[str, tuple[int, int]] = {}
        """CEL expression → who was asked, and who of them matched."""
        self.ranks: dict[Hashable, list[int]] = {}
        """Ranks by the scores that many placements share."""
        self.column = lru_cache(maxsize=64)(self._column)

    @classmethod
    def of(cls, objects: Iterable[Object]) -> World:
        """A world of objects of any kinds, as `kubectl get -o yaml` gives them; lists are opened."""
        every = list(_opened(objects))
        return cls(Index(each for each in every if each.get("kind") == "ManagedCluster"), every)

    def placement(self, namespace: str, name: str) -> Object:
        """A Placement object.

        Raises:
            NotFoundError: there is none.
        """
        found = self.placements.get(Key(namespace, name))
        if found is None:
            names = [key.name for key in self.placements if key.namespace == namespace]
            raise NotFoundError(f"no Placement {name!r} in namespace {namespace!r}", hint=nearest(name, names))
        return found

    def current(self, namespace: str, name: str) -> tuple[str, ...]:
        """The names in a placement's present decisions."""
        return self.decided.get(Key(namespace, name), ())

    def decisions_of(self, namespace: str, name: str) -> list[Object]:
        """A placement's present PlacementDecisions, in the order of their numbers."""
        found = [each for key, each in self.decisions.items() if key.namespace == namespace and _owner(each) == name]
        return sorted(found, key=_number)

    @cached_property
    def counts(self) -> list[int]:
        """In how many decisions each cluster is, by position."""
        return [self.taken[name] for name in self.index.names]

    def most_taken(self, *, without: Mapping[str, int] | None = None) -> int:
        """The most decisions that any name is in.

        Args:
            without: name → how many of its decisions are not to be counted.
        """
        spread = self._spread.copy()
        for name, mine in (without or {}).items():
            spread[self.taken[name]] -= 1
            spread[self.taken[name] - mine] += 1
        return max((count for count, names in spread.items() if names), default=0)

    @cached_property
    def _spread(self) -> Counter[int]:
        """In how many decisions → how many names are."""
        return Counter(self.taken.values())

    def scores_of(self, cluster: str, resource: str) -> list[Mapping[str, Any]] | None:
        """The scores of a cluster in one AddOnPlacementScore; None if there is no such object."""
        status = self._scores.get(resource, {}).get(cluster)
        return None if status is None else list(status.get("scores") or ())

    def _column(self, resource: str, score: str, now: datetime) -> tuple[list[int], list[int]]:
        """The values of one AddOn score, and which of them each cluster has; 0 if it has none, or none any more."""
        column = [0] * self.index.size
        for cluster, status in self._scores.get(resource, {}).items():
            position = self.index.positions.get(cluster)
            if position is None or _expired(status, now):
                continue
            values = [each.get("value", 0) for each in status.get("scores") or () if each.get("name") == score]
            column[position] = values[-1] if values else 0
        levels = sorted(set(column))
        code = {level: number for number, level in enumerate(levels)}
        return levels, [code[value] for value in column]


def key_of(each: Object) -> Key:
    """Namespace and name of an object."""
    return Key(each["metadata"].get("namespace", ""), each["metadata"]["name"])


def _opened(objects: Iterable[Object]) -> Iterable[Object]:
    for each in objects:
        if isinstance(each.get("items"), list):
            yield from _opened(each["items"])
        else:
            yield each


def _decided(decisions: Iterable[Object]) -> dict[Key, tuple[str, ...]]:
    found: dict[Key, tuple[str, ...]] = {}
    for each in decisions:
        key = Key(each["metadata"].get("namespace", ""), _owner(each))
        clusters = (each.get("status") or {}).get("decisions") or ()
        found[key] = found.get(key, ()) + tuple(decision.get("clusterName", "") for decision in clusters)
    return found


def _owner(decision: Object) -> str:
    """The name of the placement whose decision it is."""
    label: str = (decision["metadata"].get("labels") or {}).get(PLACEMENT_LABEL, "")
    return label


def _number(decision: Object) -> int:
    tail = decision["metadata"]["name"].rpartition("-")[2]
    return int(tail) if tail.isdecimal() else 0


def _expired(status: Object, now: datetime) -> bool:
    until = status.get("validUntil")
    return bool(until) and now > parse(str(until))
