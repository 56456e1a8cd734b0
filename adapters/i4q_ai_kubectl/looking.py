"""Looking at a cluster: the lists that its status needs, and no more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.kube import Api
from i4q_ai.manifests import selector
from i4q_ai.manifests.order import ORDER
from i4q_ai_kubectl import observing
from i4q_ai_kubectl.ledger import Row
from i4q_ai_kubectl.observing import Look, There

_WATCHED = ("Deployment", "ConfigMap")
_OTHERS = tuple(kind for kind in ORDER if kind not in ("Namespace", *_WATCHED))


def look(api: Api, hub: str, rows: dict[str, list[Row]], deadline: Deadline) -> Look:
    """See what a cluster has.

    Args:
        api: of the cluster.
        hub: the id that our objects carry.
        rows: namespace there → rows whose objects lie in it.
        deadline: when to give up.
    """
    if not rows:
        api.version(deadline=deadline)
    seen = Look()
    for namespace, told in rows.items():
        seen = _merged(seen, _look(api, hub, namespace, told, deadline))
    return seen


def everything(api: Api, namespace: str, deadline: Deadline) -> Look:
    """See all of ours in a namespace, whichever hub it belongs to: for when nobody can say what should be there."""
    labels = selector()
    kinds = ("Deployment", "Pod", "ConfigMap")
    return observing.sort(*(api.list(kind, namespace, labels=labels, deadline=deadline).items for kind in kinds))


def _look(api: Api, hub: str, namespace: str, rows: list[Row], deadline: Deadline) -> Look:
    labels = selector(hub=hub)
    deployments = api.list("Deployment", namespace, labels=labels, deadline=deadline).items
    leaving = [row for row in rows if row.item is None and not row.gone]
    reads = [row for row in rows if row.item is None or getattr(row.item, "flavour", "") == "files"]
    pods: Iterable[dict[str, Any]] = ()
    if leaving or reads or not all(_settled(each) for each in deployments):
        pods = api.list("Pod", namespace, labels=labels, deadline=deadline).items
    maps = api.list("ConfigMap", namespace, labels=labels, deadline=deadline).items if reads else ()
    seen = observing.sort(deployments, pods, maps)
    others = {row.key: _others(api, hub, namespace, row, deadline) for row in leaving if row.delivered}
    there = {key: replace(seen.there.get(key, There()), others=kinds) for key, kinds in others.items() if kinds}
    return replace(seen, there={**seen.there, **there})


def _others(api: Api, hub: str, namespace: str, row: Row, deadline: Deadline) -> tuple[str, ...]:
    """Kinds of objects of a removed deployment that are still there, or on their way out."""
    labels = selector(row.namespace, row.name, hub=hub)
    kinds = [kind for kind in _OTHERS if kind in row.left]
    return tuple(kind for kind in kinds if api.list(kind, namespace, labels=labels, deadline=deadline).items)


def _settled(deployment: dict[str, Any]) -> bool:
    """Whether its pods have nothing to add."""
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    counts = [status.get(name, 0) for name in ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas")]
    fresh = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    return fresh and all(count == wanted for count in counts)


def _merged(one: Look, other: Look) -> Look:
    return Look({**one.there, **other.there}, (*one.reports, *other.reports))
