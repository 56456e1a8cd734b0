"""Seeing what clusters say through their hub: looked at when somebody asks, followed while somebody watches."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from i4q_ai.backends.base import Sight
from i4q_ai.cluster import Cluster
from i4q_ai.deadline import Deadline
from i4q_ai.errors import I4qError
from i4q_ai.kube import Api
from i4q_ai.kube.listing import Keep, Listing, whole
from i4q_ai.kube.transport import uncollected
from i4q_ai.manifests import Object, selector
from i4q_ai.status import Observation
from i4q_ai_kubectl.watching import Bell, Stream
from i4q_ai_ocm import condensing, feedback, managed, observing, state
from i4q_ai_ocm.hub import HubObjects
from i4q_ai_ocm.observing import Around, Known
from i4q_ai_ocm.roster import Roster
from i4q_ai_ocm.state import Key, State

log = logging.getLogger(__name__)

T = TypeVar("T")

_PATIENCE = 3.0
"""Seconds for a cluster that is asked for its pods; the hub has said already how it is."""
_KEPT: dict[str, Keep] = {"ManagedCluster": condensing.cluster, "ManifestWork": condensing.work}
_TOLD = ("ManifestWork", "ManifestWorkReplicaSet", "PlacementDecision")

Pods = Callable[[str, Key], Sequence[Object] | None]
"""Cluster and deployment → its pods; None where they cannot be seen."""


@dataclass(frozen=True)
class Found:
    """The objects of a hub at one moment."""

    clusters: Sequence[Object]
    states: Mapping[Key, State]


class Seeing:
    """What clusters say.

    Args:
        objects: of the hub.
        roster: of its clusters.
    """

    def __init__(self, objects: HubObjects, roster: Roster) -> None:
        self._objects = objects
        self._roster = roster
        self._watches: dict[str | None, _Watch] = {}

    def observe(self, namespace: str | None, name: str | None, deadline: Deadline) -> list[Observation]:
        """What clusters say now."""
        states = self._objects.states(namespace, None, deadline, keep=condensing.work)
        found = Found(self._objects.managed(deadline) if states else (), states)
        return self._observe(found, name, self._ask(deadline), deadline)

    def look(self, namespace: str, name: str, deadline: Deadline) -> Sight:
        """All that there is of one deployment, from one reading of the hub, or as a watch has followed it up to now."""
        watch = self._watches.get(namespace)
        if watch is not None and watch.follow.synced and watch.changes == self._objects.home.api.changes:
            return self._followed_sight(watch, name, deadline)

        def clusters() -> tuple[list[Object], list[Cluster]]:
            members = self._objects.managed(deadline)
            return members, self._objects.clusters(deadline, found=members)

        def states() -> Mapping[Key, State]:
            return self._objects.states(namespace, None, deadline, keep=condensing.work)

        told, (members, seen) = self._objects.both(states, clusters)
        found = Found(members, told)
        return Sight(
            seen,
            state.assignments(told, name),
            self._observe(found, name, self._ask(deadline), deadline),
        )

    def watch(self, namespace: str | None, name: str | None, deadline: Deadline) -> Iterator[list[Observation]]:
        """What `observe` says: at once, then whenever it, a cluster or a record changes; ends at the deadline.

        Raises:
            ForbiddenError: the right to watch is missing.
        """
        bell, stop = Bell(), threading.Event()
        follow = _Following(bell, stop)
        hub = self._objects.home.hub(deadline)
        ours = selector(namespace, hub=hub)
        watched = [
            ("ManagedCluster", None, {}),
            ("ManagedClusterSet", None, {}),
            ("ManifestWork", None, ours),
            ("ManifestWorkReplicaSet", namespace, ours),
            ("PlacementDecision", namespace, {}),
            ("ConfigMap", namespace, selector()),
        ]
        api = self._objects.home.api
        watch = _Watch(follow, api.changes)

        def listed(each: tuple[str, str | None, dict[str, str]]) -> Listing:
            kind, inside, labels = each
            return api.list(kind, inside, labels=labels, keep=_KEPT.get(kind, whole), deadline=deadline)

        try:
            for each, begun in zip(watched, self._objects.each(watched, listed), strict=True):
                follow.begin(api, *each, begun=begun)
            self._watches[namespace] = watch
            yield self._observe(self._followed(follow), name, self._ask(deadline), deadline, watch.known)
            while not deadline.passed:
                if not bell.wait(deadline.left()):
                    return
                follow.check()
                if not follow.synced:
                    continue
                pods = self._mirror(follow, selector(hub=hub))
                yield self._observe(self._followed(follow), name, pods, deadline, watch.known)
        finally:
            stop.set()
            if self._watches.get(namespace) is watch:
                del self._watches[namespace]

    def _followed_sight(self, watch: _Watch, name: str, deadline: Deadline) -> Sight:
        """What a watch has followed; nothing was changed from here since it began, so it is no older than that."""
        found, scores = self._followed(watch.follow), self._objects.scores(deadline)
        if watch.clusters is None or watch.clusters[0] is not found.clusters or watch.clusters[1] != scores:
            watch.clusters = (
                found.clusters,
                scores,
                self._objects.clusters(deadline, found=found.clusters, scores=scores),
            )
        mirrored, ask = self._mirror(watch.follow, selector(hub=self._objects.home.hub(deadline))), self._ask(deadline)

        def pods(cluster: str, key: Key) -> Sequence[Object] | None:
            followed = mirrored(cluster, key)
            return ask(cluster, key) if followed is None else followed

        return Sight(
            watch.clusters[2],
            state.assignments(found.states, name),
            self._observe(found, name, pods, deadline, watch.known),
        )

    def _followed(self, follow: _Following) -> Found:
        def members() -> list[Object]:
            clusters, sets = follow.objects("ManagedCluster"), follow.objects("ManagedClusterSet")
            return managed.members(clusters, sets, self._objects.settings.sets)

        works, replica_sets, decisions = (follow.objects(kind) for kind in _TOLD)
        return Found(
            follow.remembered(("ManagedCluster", "ManagedClusterSet"), members),
            state.read(replica_sets, works, decisions),
        )

    def _observe(
        self,
        found: Found,
        name: str | None,
        pods: Pods,
        deadline: Deadline,
        known: dict[Key, Known] | None = None,
    ) -> list[Observation]:
        available = {each["metadata"]["name"]: managed.available(each) for each in found.clusters}
        agents = {cluster: [*feedback.reports(works)] for cluster, works in _by_cluster(found.states.values()).items()}
        observed: list[Observation] = []
        for key, one in sorted(found.states.items()):
            if name not in (None, key[1]):
                continue
            told = one.told
            around = {
                cluster: Around(
                    available[cluster],
                    agents.get(cluster, ()),
                    pods(cluster, key) if cluster in told and self._roster.reaches(cluster) else None,
                )
                for cluster in {*told, *one.leaving} & available.keys()
            }
            before = None if known is None else known.setdefault(key, {})
            with uncollected():
                observed += observing.observe(one, key, around, hub=self._objects.home.hub(deadline), known=before)
        return observed

    def _ask(self, deadline: Deadline) -> Pods:
        """Pods as they are now, of clusters that can be reached from here."""

        def ask(cluster: str, key: Key) -> Sequence[Object] | None:
            labels = selector(*key, hub=self._objects.home.hub(deadline))
            short = Deadline.after(max(0.001, deadline.left(_PATIENCE)))
            try:
                return self._roster.api(cluster).list("Pod", key[0], labels=labels, deadline=short).items
            except I4qError as error:
                deadline.check()
                log.debug("pods of cluster %s cannot be seen: %s", cluster, error)
                return None

        return ask

    def _mirror(self, follow: _Following, ours: dict[str, str]) -> Pods:
        """Pods as they are followed."""

        def look(cluster: str, key: Key) -> Sequence[Object] | None:
            stream = follow.begin(self._roster.api(cluster), "Pod", key[0], ours, of=cluster)
            if not stream.synced.is_set():
                return None
            labels = selector(*key)
            return [
                pod for pod in [*stream.objects.values()] if labels.items() <= pod["metadata"].get("labels", {}).items()
            ]

        return look


@dataclass
class _Watch:
    """A watch that goes on.

    Args:
        follow: its streams.
        changes: how many there had been from here when it began.
        known: what was observed last.
        clusters: the ManagedClusters, their scores, and the clusters that were made of them last.
    """

    follow: _Following
    changes: int
    known: dict[Key, Known] = field(default_factory=dict)
    clusters: tuple[Sequence[Object], Mapping[str, list[Object]], list[Cluster]] | None = None


class _Following:
    """The streams of one watch."""

    def __init__(self, bell: Bell, stop: threading.Event) -> None:
        self._bell, self._stop = bell, stop
        self._streams: dict[tuple[str, str, str | None], Stream] = {}
        self._remembered: dict[tuple[str, ...], tuple[list[int], Any]] = {}

    def begin(
        self,
        api: Api,
        kind: str,
        namespace: str | None,
        labels: dict[str, str],
        *,
        of: str = "",
        begun: Listing | None = None,
    ) -> Stream:
        """Follow objects, unless that is done already."""
        place = (of, kind, namespace)
        if place not in self._streams:
            keep = _KEPT.get(kind, whole)
            stream = Stream(api, kind, namespace, labels, self._bell.ring, self._stop, keep, begun)
            self._streams[place] = stream
            threading.Thread(target=stream.run, daemon=True, name=f"i4q-watch-{kind}").start()
        return self._streams[place]

    @property
    def synced(self) -> bool:
        """Whether all of the hub's objects are known."""
        return all(stream.synced.is_set() for (of, _, _), stream in self._streams.items() if not of)

    def check(self) -> None:
        """Raise what the hub refuses.

        Raises:
            ForbiddenError: the right to watch is missing.
        """
        for (of, _, _), stream in self._streams.items():
            if not of and stream.refused is not None:
                raise stream.refused

    def remembered(self, kinds: tuple[str, ...], make: Callable[[], T]) -> T:
        """What is made of kinds of objects; made anew when one of those has changed."""
        now = [each.changes for (of, kind, _), each in self._streams.items() if not of and kind in kinds]
        if kinds not in self._remembered or self._remembered[kinds][0] != now:
            self._remembered[kinds] = (now, make())
        made: T = self._remembered[kinds][1]
        return made

    def objects(self, kind: str) -> list[Object]:
        """All objects of a kind on the hub."""
        return [
            each for (of, its, _), stream in self._streams.items() if not of and its == kind
            for each in [*stream.objects.values()]
        ]  # fmt: skip


def _by_cluster(states: Iterable[State]) -> dict[str, list[Object]]:
    """Cluster → the works of all deployments there."""
    found: dict[str, list[Object]] = {}
    for one in states:
        for cluster in one.told:
            found.setdefault(cluster, []).extend(one.parts(cluster))
    return found
