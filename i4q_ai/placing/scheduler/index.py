"""Clusters, indexed once for many placements."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import compress
from typing import Any, NamedTuple

from i4q_ai.placing.cel.looks import Path, seeing
from i4q_ai.placing.scheduler import bitsets
from i4q_ai.placing.scheduler.columns import Amounts
from i4q_ai.placing.scheduler.keys import Keys
from i4q_ai.placing.scheduler.resources import as_double

Object = Mapping[str, Any]

_LEASE = 60  # seconds, as the API server adds where none are given


class Taint(NamedTuple):
    """A taint as tolerations see it, and when it was put there (RFC 3339; empty if nobody wrote it)."""

    key: str
    value: str
    effect: str
    added: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


class Views(NamedTuple):
    """How clusters look to who sees a part of them.

    Args:
        different: every look there is.
        of: which of them each cluster has, by position.
    """

    different: list[Any]
    of: Sequence[int]


class Index:
    """What placements ask about clusters, answered by sets of positions; positions follow names.

    Args:
        clusters: ManagedCluster objects, as the API server gives them; kept, not copied.

    Example:
        >>> Index([{"metadata": {"name": "edge-1"}}]).names
        ['edge-1']
    """

    def __init__(self, clusters: Iterable[Object]) -> None:
        by_name = {cluster["metadata"]["name"]: cluster for cluster in clusters}
        self.names = sorted(by_name)
        self.objects = [by_name[name] for name in self.names]
        self.size = len(self.names)
        self.everyone = bitsets.everyone(self.size)
        self.positions = {name: position for position, name in enumerate(self.names)}
        self.labels = Keys((each["metadata"].get("labels") or {} for each in self.objects), self.size)
        self.claims = Keys((claims_of(each) for each in self.objects), self.size)
        self.deleting = self.where(lambda each: bool(each["metadata"].get("deletionTimestamp")))
        self._amounts: dict[str, Amounts] = {}
        self.views = lru_cache(maxsize=64)(self._views)

    @cached_property
    def taints(self) -> dict[Taint, int]:
        """Every taint there is → who has it."""
        places: dict[Taint, list[int]] = {}
        for position, cluster in enumerate(self.objects):
            for taint in taints_of(cluster):
                places.setdefault(taint, []).append(position)
        return {taint: bitsets.of(positions, self.size) for taint, positions in places.items()}

    @cached_property
    def seen(self) -> list[Object]:
        """The clusters as CEL expressions see them."""
        return [_seen(cluster) for cluster in self.objects]

    def _views(self, looks: tuple[Path, ...]) -> Views:
        """How clusters look to who sees these paths alone."""
        left = seeing(looks)
        codes: dict[str, int] = {}
        different: list[Any] = []
        of = array("I")
        for cluster in self.seen:
            view = left(cluster)
            code = codes.setdefault(repr(view), len(different))  # unlike equality, it tells 1, 1.0 and True apart
            if code == len(different):
                different.append(view)
            of.append(code)
        return Views(different, of)

    def where(self, holds: Callable[[Object], bool]) -> int:
        """The clusters for which something holds."""
        return bitsets.of((position for position, each in enumerate(self.objects) if holds(each)), self.size)

    def named(self, names: Iterable[str]) -> int:
        """The clusters of these names; names that no cluster has are left out."""
        known = (self.positions.get(name) for name in names)
        return bitsets.of((position for position in known if position is not None), self.size)

    def names_in(self, bits: int) -> list[str]:
        """The names of a set, in order."""
        return list(compress(self.names, bitsets.Members(bits, self.size).flags))

    def amounts(self, resource: str) -> Amounts:
        """How much of a resource each cluster can allocate; those count that state a capacity too."""
        if resource not in self._amounts:
            self._amounts[resource] = Amounts([_allocatable(each, resource) for each in self.objects])
        return self._amounts[resource]


def claims_of(cluster: Object) -> dict[str, str]:
    """Name → value of a cluster's claims."""
    claims = (cluster.get("status") or {}).get("clusterClaims") or ()
    return {claim.get("name", ""): claim.get("value", "") for claim in claims}


def taints_of(cluster: Object) -> list[Taint]:
    """A cluster's taints."""
    taints = (cluster.get("spec") or {}).get("taints") or ()
    return [
        Taint(each.get("key", ""), each.get("value", ""), each.get("effect", ""), str(each.get("timeAdded") or ""))
        for each in taints
    ]


def _allocatable(cluster: Object, resource: str) -> float | None:
    status = cluster.get("status") or {}
    amount = (status.get("allocatable") or {}).get(resource)
    if amount is None or (status.get("capacity") or {}).get(resource) is None:
        return None
    return as_double(str(amount))


def _seen(cluster: Object) -> Object:
    """As the scheduler hands it to an expression: what is empty is absent, what it always writes is there."""
    seen = {key: _without_empty(part) for key, part in cluster.items() if key not in ("apiVersion", "kind")}
    spec = {"hubAcceptsClient": False, "leaseDurationSeconds": _LEASE, **seen.get("spec", {})}
    status = {"version": {}, **seen.get("status", {}), "conditions": (cluster.get("status") or {}).get("conditions")}
    for amounts in {"allocatable", "capacity"} & status.keys():
        status[amounts] = {resource: str(amount) for resource, amount in status[amounts].items()}
    return {**seen, "spec": spec, "status": status}


def _without_empty(part: Any) -> Any:
    if not isinstance(part, Mapping):
        return part
    return {key: value for key, value in part.items() if value not in (None, "", 0, [], {}) or value is False}
