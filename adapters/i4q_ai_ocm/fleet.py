"""The Fleet: the managed clusters of a hub, told by Placements, ManifestWorkReplicaSets and ManifestWorks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from i4q_ai.backends.base import Action, Assignment, Difference, Needs, Outcome, Pulled, Sight, Subscription
from i4q_ai.cluster import Cluster, Taint
from i4q_ai.deadline import Deadline
from i4q_ai.errors import UnreachableError, UnsupportedError
from i4q_ai.placement import Placement
from i4q_ai.status import Observation
from i4q_ai_kubectl import reaching
from i4q_ai_ocm import condensing, rights, state
from i4q_ai_ocm.hub import HubObjects
from i4q_ai_ocm.joining import Joining
from i4q_ai_ocm.moving import Records
from i4q_ai_ocm.roster import Roster
from i4q_ai_ocm.seeing import Seeing
from i4q_ai_ocm.settings import Access
from i4q_ai_ocm.subscribing.hub import Subscribing
from i4q_ai_ocm.telling import Telling


class OcmFleet:
    """The managed clusters of a hub.

    Args:
        objects: of the hub.
        roster: of its clusters.
        record: of a deployment.
        follows: whether the hub follows standing orders.
    """

    def __init__(
        self, objects: HubObjects, roster: Roster, record: Records, follows: Callable[[Deadline], bool]
    ) -> None:
        self._objects = objects
        self._roster = roster
        self._subscribing = Subscribing(objects, follows, source="publication")
        self._telling = Telling(objects, record, follows, Subscribing(objects, follows, source="deployment"))
        self._seeing = Seeing(objects, roster)
        self._joining = Joining(objects, roster)
        self._forwards = reaching.Forwards()

    def close(self) -> None:
        """Let go of threads and connections; whatever runs goes on."""
        self._forwards.close()
        self._roster.close()
        self._objects.close()

    # what clusters are

    def clusters(self, *, deadline: Deadline) -> list[Cluster]:
        """All clusters of the sets that count, by name, with a condition "Available"."""
        return self._roster.clusters(deadline)

    def add(self, cluster: Cluster, *, deadline: Deadline) -> Cluster:
        """Make a cluster known and accept it; it is available once its agent has joined.

        Raises:
            ConflictError: there is one of that name.
        """
        with rights.told():
            return self._roster.add(cluster, deadline)

    def join(
        self,
        cluster: Cluster,
        *,
        kubeconfig: str | None,
        context: str | None,
        namespace: str | None,
        deadline: Deadline,
    ) -> Cluster:
        """Accept a cluster, and have its klusterlet operator make the agent by which it joins.

        Raises:
            ConflictError: a cluster of that name has joined, or this one belongs to another already.
            UnreachableError: it does not answer.
            UnsupportedError: nobody said which cluster, it has no klusterlet operator, or nothing to ask the hub by;
                or what only other backends know is asked for.
        """
        deadline.check()
        hint = f"i4q cluster import {cluster.name} --print prints what it needs"
        if kubeconfig is None and context is None:
            raise UnsupportedError(f"nobody said how cluster '{cluster.name}' is reached", hint=f"--kubeconfig; {hint}")
        if namespace is not None or cluster.claims:
            what = "one namespace for everything" if namespace is not None else "claims from outside"
            raise UnsupportedError(
                f"a managed cluster takes no {what}", hint="leave that out; its agent says the claims"
            )
        with rights.told():
            return self._joining.join(cluster, Access(kubeconfig=kubeconfig, context=context), deadline)

    def needs(self, name: str, *, deadline: Deadline) -> Needs:
        """What a cluster must have so that its agent asks this hub to be let in."""
        deadline.check()
        return self._joining.needs(name)

    def remove(self, name: str, *, deadline: Deadline) -> None:
        """Let the hub forget a cluster, with all it was told.

        Raises:
            NotFoundError: there is none of that name.
        """
        self._roster.remove(name, deadline)

    def annotate(
        self,
        name: str,
        *,
        labels: Mapping[str, str | None] | None = None,
        taints: Sequence[Taint] | None = None,
        deadline: Deadline,
    ) -> Cluster:
        """Change labels (None takes one away; others stay) or set all taints; the hub follows at once.

        What runs on a cluster that goes from one version group to another is kept.

        Raises:
            NotFoundError: there is no such cluster.
        """

        def change() -> Cluster:
            return self._roster.annotate(name, labels, taints, deadline)

        with rights.told():
            if not labels or self._objects.settings.delivery == "subscription":
                return change()
            return self._telling.moving.label(self._roster.one(name, deadline), labels, change, deadline)

    def score(
        self,
        resource: str,
        scores: Mapping[str, Mapping[str, int]],
        *,
        until: datetime | None,
        deadline: Deadline,
    ) -> None:
        """Replace what one resource says of clusters; the hub follows by itself.

        Raises:
            NotFoundError: there is no such cluster; nothing was written.
            OwnedError: the scores of that name are somebody else's.
        """
        self._roster.score(resource, scores, until, deadline)

    def stop(self, name: str, *, deadline: Deadline) -> None:
        """Refused: a managed cluster is not ours to stop.

        Raises:
            UnsupportedError: always.
        """
        deadline.check()
        raise UnsupportedError(f"cluster '{name}' is not ours to stop", hint=f"i4q cluster taint {name} …:NoSelect")

    def start(self, name: str, *, deadline: Deadline) -> None:
        """Refused, as `stop`.

        Raises:
            UnsupportedError: always.
        """
        deadline.check()
        raise UnsupportedError(f"cluster '{name}' is not ours to start")

    # what they are told

    def assigned(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Assignment]:
        """What clusters have been told to run: of one deployment, of a namespace, or all."""
        return state.assignments(self._objects.states(namespace, name, deadline, keep=condensing.work))

    def check(self, placement: Placement, *, namespace: str, name: str, deadline: Deadline) -> None:
        """Refuse a placement of which the hub would make nothing, before anything is written.

        Raises:
            RuleError, UnsupportedError, InvalidError: the hub would not understand it, or select nobody.
            OwnedError: a Placement of that name is somebody else's.
        """
        self._telling.check((namespace, name), placement, deadline)

    def apply(self, actions: Sequence[Action], *, force: bool = False, deadline: Deadline) -> list[Outcome]:  # noqa: ARG002
        """Tell the hub, which tells its clusters; one that is away gets it when it is back.

        What somebody else changed at the edge is always taken back by the work agent, so `force` changes nothing; an
        action that repairs has it do so at once.
        """
        names = {each["metadata"]["name"] for each in self._objects.managed(deadline)} if actions else set()
        known = [action for action in actions if action.cluster in names]
        errors = self._telling.apply(known, deadline)
        unknown = {
            action.cluster: f"there is no cluster '{action.cluster}'" for action in actions if action not in known
        }
        return [
            Outcome(action, unknown.get(action.cluster) or errors.get((action.item.namespace, action.item.name), ""))
            for action in actions
        ]

    def catch_up(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Assignment]:
        """Finish what was broken off half-way; clusters that come back ask the hub by themselves."""
        return self._telling.catch_up(namespace, name, deadline)

    def forget(self, namespace: str, name: str, deadline: Deadline) -> None:
        """Leave nothing on the hub of a deployment whose record goes."""
        self._telling.forget(namespace, name, deadline)

    def compare(self, assignments: Sequence[Assignment], *, deadline: Deadline) -> list[Difference]:  # noqa: ARG002
        """Refused: what lies at the edge is the work agent's to compare, and it takes drift back by itself.

        Raises:
            UnsupportedError: always.
        """
        deadline.check()
        raise UnsupportedError(
            "a hub does not show what lies on its clusters, object by object",
            hint="the work agent takes drift back within minutes, repair() at once",
        )

    # what they take from Git by themselves

    def check_subscription(self, subscription: Subscription, *, deadline: Deadline) -> None:
        """Refuse what the hub's Subscriptions could not do, before anything is pushed; touches nothing.

        Raises:
            RuleError, InvalidError, OwnedError, UnsupportedError: it would not be followed, or is in somebody's way.
            NotFoundError: the Secret that the settings name is not there.
        """
        self._subscribing.check(subscription, deadline)

    def subscribe(self, subscription: Subscription, *, deadline: Deadline) -> None:
        """Tell the hub by Application, Channel, Placement and Subscription; clusters look at once.

        Raises:
            RuleError, InvalidError, OwnedError, UnsupportedError, NotFoundError: as `check_subscription`.
        """
        self._subscribing.subscribe(subscription, deadline)

    def unsubscribe(self, namespace: str, name: str, *, deadline: Deadline) -> None:
        """Take all of that back but namespaces; clusters take away what they took."""
        self._subscribing.unsubscribe(namespace, name, deadline)

    def pulled(self, namespace: str, name: str, *, deadline: Deadline) -> list[Pulled]:
        """What clusters say, as the hub knows it."""
        return self._subscribing.pulled(namespace, name, deadline)

    # what they say

    def observe(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Observation]:
        """What clusters say, as their agents report it to the hub."""
        return self._seeing.observe(namespace, name, deadline)

    def look(self, *, namespace: str, name: str, deadline: Deadline) -> Sight:
        """What `clusters`, `assigned` and `observe` give of one deployment, from one reading of the hub."""
        return self._seeing.look(namespace, name, deadline)

    def watch(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> Iterator[list[Observation]]:
        """What `observe` says: at once, then whenever it, a cluster or a record changes; ends at the deadline."""
        return self._seeing.watch(namespace, name, deadline)

    def reach(self, cluster: str, namespace: str, name: str, *, deadline: Deadline) -> str:
        """The base URL at which something answers, through a port-forward.

        Raises:
            NotFoundError: there is no such cluster.
            UnreachableError: it does not run, or nobody said how to reach the cluster from here.
        """
        self._roster.one(cluster, deadline)
        told = self._objects.state((namespace, name), deadline).told.get(cluster)
        if told is None:
            raise UnreachableError(f"'{namespace}/{name}' is not on cluster '{cluster}'")
        return self._forwards.url(self._pods(cluster, namespace, deadline), told.item, deadline)

    def logs(
        self, cluster: str, namespace: str, name: str, *, lines: int = 100, follow: bool = False, deadline: Deadline
    ) -> Iterator[str]:
        """The last lines of the log of its newest pod; with `follow`, also what comes until the deadline.

        Raises:
            NotFoundError: there is no such cluster.
            UnreachableError: no pod of it is there, or nobody said how to reach the cluster from here.
        """
        self._roster.one(cluster, deadline)
        pods = self._pods(cluster, namespace, deadline)
        return reaching.logs(pods, namespace, name, lines=lines, follow=follow, deadline=deadline)

    def _pods(self, cluster: str, namespace: str, deadline: Deadline) -> reaching.Pods:
        return reaching.Pods(self._roster.api(cluster), cluster, namespace, self._objects.home.hub(deadline))
