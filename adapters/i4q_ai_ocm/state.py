"""What a hub's objects say that clusters have been told: standing orders, works of their own, and what is leaving.

A standing order is a ManifestWorkReplicaSet for one version group: the hub follows its Placement with nothing of ours
running. A work is a ManifestWork for one cluster, where a roll-out is staged finer than that. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from i4q_ai.desired import Item, ModelItem, WorkloadItem
from i4q_ai.manifests import Object
from i4q_ai.manifests.naming import DEPLOYMENT, KIND, NAMESPACE
from i4q_ai.plan import Assignment
from i4q_ai.status import Kind
from i4q_ai_ocm.translate import works

Key = tuple[str, str]
"""Namespace and name of a deployment."""

TOLD = "i4q.ai/told"
GROUP = "i4q.ai/group"
MEANT = "i4q.ai/meant"
PARENT = "work.open-cluster-management.io/manifestworkreplicaset"
PLACEMENT = "cluster.open-cluster-management.io/placement"


@dataclass(frozen=True)
class Told:
    """What a cluster, or each of a group, has been told.

    Args:
        item: all of it.
        time: since when.
        before: digest and version of what it had before; empty for nothing.
    """

    item: Item
    time: datetime
    before: tuple[str, str] = ("", "")

    def dump(self) -> str:
        """For an annotation."""
        data = {"item": self.item.model_dump(mode="json"), "time": self.time.isoformat(), "before": self.before}
        return json.dumps(data, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Told:
        """What `dump` wrote."""
        return _loaded(text)


@lru_cache(maxsize=256)
def _loaded(text: str) -> Told:
    """Thousands of works tell the same, in the same words."""
    data = json.loads(text)
    kinds: dict[str, type[ModelItem] | type[WorkloadItem]] = {"model": ModelItem, "workload": WorkloadItem}
    item = kinds[data["item"]["kind"]].parse(data["item"])
    return Told(item, datetime.fromisoformat(data["time"]), (data["before"][0], data["before"][1]))


@dataclass(frozen=True)
class Order:
    """A standing order for one version group.

    Args:
        objects: its ManifestWorkReplicaSets, one unless they were split for their size.
        group: the version group.
        told: what its clusters have.
        meant: a mark of the Placement by which they are meant.
        clusters: that its Placement has chosen, as the hub decided.
        parts: cluster → the ManifestWorks that the hub made there for it.
    """

    objects: tuple[Object, ...]
    group: str
    told: Told
    meant: str = ""
    clusters: frozenset[str] = frozenset()
    parts: Mapping[str, tuple[Object, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Works:
    """What one cluster was told by ManifestWorks of its own."""

    objects: tuple[Object, ...]
    told: Told


@dataclass(frozen=True)
class State:
    """All of one deployment.

    Args:
        kind: of the deployment.
        orders: by group.
        works: by cluster.
        leaving: cluster → works that are on their way out.
    """

    kind: Kind = "model"
    orders: Mapping[str, Order] = field(default_factory=dict)
    works: Mapping[str, Works] = field(default_factory=dict)
    leaving: Mapping[str, tuple[Object, ...]] = field(default_factory=dict)

    @property
    def told(self) -> dict[str, Told]:
        """Cluster → what it has been told; a work of its own counts before an order."""
        ordered = {cluster: order.told for order in self.orders.values() for cluster in order.clusters}
        return {**ordered, **{cluster: works.told for cluster, works in self.works.items()}}

    def parts(self, cluster: str) -> tuple[Object, ...]:
        """The ManifestWorks by which a cluster has what it was told."""
        if cluster in self.works:
            return self.works[cluster].objects
        return next((order.parts.get(cluster, ()) for order in self.orders.values() if cluster in order.clusters), ())

    @property
    def untidy(self) -> bool:
        """Whether a hand-over between orders and works was broken off."""
        ordered = [cluster for order in self.orders.values() for cluster in order.clusters]
        ours = [told.objects for told in self.orders.values()] + [told.objects for told in self.works.values()]
        if any(works.is_orphaned(each) for objects in ours for each in objects):
            return True
        return len(ordered) > len(set(ordered)) or bool(set(ordered) & set(self.works))


def read(replica_sets: Iterable[Object], works: Iterable[Object], decisions: Iterable[Object]) -> dict[Key, State]:
    """The state of every deployment.

    Args:
        replica_sets, works: ours.
        decisions: PlacementDecisions of the namespaces.
    """
    chosen = _chosen(decisions)
    children: dict[str, dict[str, list[Object]]] = {}
    own: dict[Key, dict[str, list[Object]]] = {}
    leaving: dict[Key, dict[str, list[Object]]] = {}
    kinds: dict[Key, Kind] = {}
    for work in works:
        key, cluster, labels = key_of(work), work["metadata"]["namespace"], work["metadata"]["labels"]
        kinds[key] = labels.get(KIND, "model")
        if "deletionTimestamp" in work["metadata"]:
            leaving.setdefault(key, {}).setdefault(cluster, []).append(work)
        elif PARENT in labels:
            children.setdefault(labels[PARENT], {}).setdefault(cluster, []).append(work)
        else:
            own.setdefault(key, {}).setdefault(cluster, []).append(work)
    orders: dict[Key, dict[str, list[Object]]] = {}
    for each in replica_sets:
        key = key_of(each)
        kinds[key] = each["metadata"]["labels"].get(KIND, "model")
        if "deletionTimestamp" not in each["metadata"]:
            orders.setdefault(key, {}).setdefault(each["metadata"]["annotations"][GROUP], []).append(each)
    return {
        key: State(
            kind,
            {group: _order(group, parts, chosen, children) for group, parts in orders.get(key, {}).items()},
            {cluster: _works(parts) for cluster, parts in own.get(key, {}).items()},
            {cluster: tuple(parts) for cluster, parts in leaving.get(key, {}).items()},
        )
        for key, kind in kinds.items()
    }


def assignments(states: Mapping[Key, State], name: str | None = None) -> list[Assignment]:
    """What clusters have been told, by cluster: of one deployment, or of all."""
    found = [
        (cluster, told.item)
        for (_, deployment), one in states.items()
        if name in (None, deployment)
        for cluster, told in one.told.items()
    ]
    return [
        Assignment(cluster=cluster, item=item)
        for cluster, item in sorted(found, key=lambda each: (each[0], each[1].namespace, each[1].name))
    ]


def key_of(found: Object) -> Key:
    """Of which deployment an object is."""
    labels = found["metadata"]["labels"]
    return labels[NAMESPACE], labels[DEPLOYMENT]


def told_by(found: Object) -> Told:
    """What an object of ours tells."""
    return Told.load(found["metadata"]["annotations"][TOLD])


def _order(
    group: str,
    parts: list[Object],
    chosen: Mapping[Key, frozenset[str]],
    children: Mapping[str, dict[str, list[Object]]],
) -> Order:
    first = parts[0]
    place = (first["metadata"]["namespace"], first["spec"]["placementRefs"][0]["name"])
    made: dict[str, list[Object]] = {}
    for each in parts:
        for cluster, there in children.get(f"{place[0]}.{each['metadata']['name']}", {}).items():
            made.setdefault(cluster, []).extend(there)
    return Order(
        tuple(parts),
        group,
        told_by(first),
        first["metadata"]["annotations"].get(MEANT, ""),
        chosen.get(place, frozenset()),
        {name: tuple(works) for name, works in made.items()},
    )


def _works(parts: list[Object]) -> Works:
    return Works(tuple(parts), told_by(parts[0]))


def _chosen(decisions: Iterable[Object]) -> dict[Key, frozenset[str]]:
    found: dict[Key, set[str]] = {}
    for placement, cluster in _decided(decisions):
        found.setdefault(placement, set()).add(cluster)
    return {key: frozenset(clusters) for key, clusters in found.items()}


def _decided(decisions: Iterable[Object]) -> Iterator[tuple[Key, str]]:
    for each in decisions:
        placement = (each["metadata"].get("labels") or {}).get(PLACEMENT)
        for decision in each.get("status", {}).get("decisions") or ():
            yield (each["metadata"]["namespace"], str(placement)), decision["clusterName"]
