"""The port behind the hub: a Store that remembers and a Fleet that acts. A backend is one of each.

Whoever writes a backend implements these protocols (nothing has to be inherited), names a factory as an entry point
in the group `i4q_ai.backends`, and lets `i4q_ai.testing.BackendContract` judge it. All calls take a deadline; none
returns or raises anything that is not of this package or the standard library.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pydantic import Field

from i4q_ai.backends.subscriptions import Pulled, Subscription
from i4q_ai.capabilities import Capabilities
from i4q_ai.cluster import Cluster, Taint
from i4q_ai.deadline import Deadline
from i4q_ai.placement import Placement
from i4q_ai.plan import Action, Assignment, Difference
from i4q_ai.status import Observation
from i4q_ai.thing import Thing

__all__ = [
    "Action", "Assignment", "Backend", "Capabilities", "Difference", "Factory", "Fleet", "Needs", "Outcome", "Pulled",
    "Record", "Sight", "Store", "Subscription",
]  # fmt: skip


class Record(Thing):
    """Something the store remembers.

    Args:
        kind: of record: "deployment", "lease", …
        namespace, name: with the kind, its key.
        revision: 1 when it is made, one more with each change; 0 for a record that is not stored yet.
        data: JSON.
        time: when this revision was written, by the store's clock.
    """

    kind: str
    namespace: str
    name: str
    revision: int = 0
    data: dict[str, Any] = Field(default_factory=dict)
    time: datetime | None = None


class Store(Protocol):
    """Remembers records, each with its history; a change says which revision it was made from."""

    def list(self, kind: str, *, namespace: str | None = None, deadline: Deadline) -> list[Record]:
        """The present revision of all records of a kind, by name; of one namespace, or of all."""

    def get(self, kind: str, namespace: str, name: str, *, deadline: Deadline) -> Record | None:
        """The present revision of a record; None if there is none."""

    def put(self, record: Record, *, expected: int, deadline: Deadline) -> Record:
        """Write a record, if the stored one still has the expected revision.

        Args:
            record: its revision and time are set by the store.
            expected: the revision it was made from; 0 if it must not exist yet.
            deadline: when to give up.

        Raises:
            ConflictError: the stored revision is another one.
        """

    def remove(self, kind: str, namespace: str, name: str, *, expected: int, deadline: Deadline) -> None:
        """Forget a record and its history, if it still has the expected revision; nothing if it is gone.

        Raises:
            ConflictError: the stored revision is another one.
        """

    def history(self, kind: str, namespace: str, name: str, *, deadline: Deadline) -> Sequence[Record]:
        """The revisions of a record that are kept (at least the last 10), oldest first, the present one last."""


@dataclass(frozen=True)
class Outcome:
    """How an action went: `error` is empty when it was taken (a cluster that is away takes it when it is back)."""

    action: Action
    error: str = ""


@dataclass(frozen=True)
class Needs:
    """What a cluster must have before it can join.

    Args:
        objects: to apply there, in this order; no credentials are among them.
        steps: what is to be done beside that, each in one line.
    """

    objects: tuple[dict[str, Any], ...] = ()
    steps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sight:
    """All that a fleet shows of one deployment at one moment.

    Args:
        clusters: all of them, as `Fleet.clusters` gives them.
        assigned: what they have been told of it, as `Fleet.assigned` does.
        observed: what they say of it, as `Fleet.observe` does.
    """

    clusters: Sequence[Cluster]
    assigned: Sequence[Assignment]
    observed: Sequence[Observation]


class Fleet(Protocol):
    """The clusters: what they are, what they are told, what they say."""

    def clusters(self, *, deadline: Deadline) -> list[Cluster]:
        """All clusters by name, with a condition "Available"."""

    def add(self, cluster: Cluster, *, deadline: Deadline) -> Cluster:
        """Make a cluster known.

        Raises:
            ConflictError: there is one of that name.
        """

    def join(
        self,
        cluster: Cluster,
        *,
        kubeconfig: str | None,
        context: str | None,
        namespace: str | None,
        deadline: Deadline,
    ) -> Cluster:
        """Make a Kubernetes cluster known that is there already, after a look at it.

        Args:
            cluster: name, labels, claims and taints; what it can be asked, it is asked.
            kubeconfig: a file; None for the default one.
            context: in it; None for the current one.
            namespace: in which everything lies there; None for the deployment's.
            deadline: when to give up.

        Raises:
            ConflictError: there is one of that name.
            UnreachableError: it does not answer.
            UnsupportedError: `capabilities.joins` is false.
        """

    def needs(self, name: str, *, deadline: Deadline) -> Needs:
        """What a Kubernetes cluster must have before it can join under a name; touches nothing.

        Raises:
            UnsupportedError: `capabilities.joins` is false.
        """

    def remove(self, name: str, *, deadline: Deadline) -> None:
        """Forget a cluster, with all it was told.

        Raises:
            NotFoundError: there is none of that name.
        """

    def annotate(
        self,
        name: str,
        *,
        labels: Mapping[str, str | None] | None = None,
        taints: Sequence[Taint] | None = None,
        deadline: Deadline,
    ) -> Cluster:
        """Change labels (None takes one away; others stay) or set all taints.

        Raises:
            NotFoundError: there is no such cluster.
        """

    def score(
        self,
        resource: str,
        scores: Mapping[str, Mapping[str, int]],
        *,
        until: datetime | None,
        deadline: Deadline,
    ) -> None:
        """Replace what one resource says of clusters; what it says of others stays.

        Args:
            resource: whose scores they are.
            scores: cluster → score → value, -100 to 100; no scores take those away that were there.
            until: when they end; None for never.
            deadline: when to give up.

        Raises:
            NotFoundError: there is no such cluster.
            UnsupportedError: `capabilities.scores` is false.
        """

    def stop(self, name: str, *, deadline: Deadline) -> None:
        """Stop a cluster with all that runs there; it stays stopped until `start`.

        Raises:
            UnsupportedError: `capabilities.stop` is false.
        """

    def start(self, name: str, *, deadline: Deadline) -> None:
        """Start a stopped cluster; it catches up with what it has been told since."""

    def assigned(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Assignment]:
        """What clusters have been told to run: of one deployment, of a namespace, or all."""

    def check(self, placement: Placement, *, namespace: str, name: str, deadline: Deadline) -> None:
        """Refuse a placement that cannot be followed here, before anything is written; touches nothing.

        Args:
            placement: of a deployment that is about to be told, or told anew.
            namespace, name: of the deployment.
            deadline: when to give up.

        Raises:
            RuleError, UnsupportedError, InvalidError: it cannot be said here, or would select nobody.
            OwnedError: what it would write is somebody else's.
        """

    def apply(self, actions: Sequence[Action], *, force: bool = False, deadline: Deadline) -> list[Outcome]:
        """Tell clusters; idempotent, in any order, each action by itself; returns when told, not when done.

        An action whose `before` is its `after` repairs: the cluster is told again what it should have.

        Args:
            actions: what to tell.
            force: take over what somebody else has changed there.
            deadline: when to give up.
        """

    def catch_up(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Assignment]:
        """Tell clusters again what did not reach them: they were away, or whoever told them was killed.

        Returns:
            What was told again; nothing where clusters ask by themselves.
        """

    def compare(self, assignments: Sequence[Assignment], *, deadline: Deadline) -> list[Difference]:
        """What would change on clusters if they were told this now, object by object; touches nothing.

        Raises:
            UnsupportedError: `capabilities.compare` is false.
        """

    def check_subscription(self, subscription: Subscription, *, deadline: Deadline) -> None:
        """Refuse what `subscribe` could not do, before anything is pushed; touches nothing.

        Args:
            subscription: its commit does not matter.
            deadline: when to give up.

        Raises:
            RuleError, InvalidError: the placement cannot be said here, or would select nobody.
            OwnedError: what it would write is somebody else's.
            UnsupportedError: `capabilities.gitops` is false, or the control plane cannot follow that repository.
        """

    def subscribe(self, subscription: Subscription, *, deadline: Deadline) -> None:
        """Have the clusters of a placement take folders from Git by themselves, now and whenever the branch moves.

        Idempotent; told again after a push, clusters take the new commit at once. Returns when the hub is told.

        Args:
            subscription: all of it; what an earlier one of that name had more is taken back.
            deadline: when to give up.

        Raises:
            RuleError, InvalidError, OwnedError, UnsupportedError: as `check_subscription`.
        """

    def unsubscribe(self, namespace: str, name: str, *, deadline: Deadline) -> None:
        """Have clusters follow no more, which takes away there what they took; nothing if nobody follows.

        Raises:
            UnsupportedError: `capabilities.gitops` is false.
        """

    def pulled(self, namespace: str, name: str, *, deadline: Deadline) -> list[Pulled]:
        """What clusters say of what they take by themselves, by cluster; those on their way out are Removing.

        Raises:
            UnsupportedError: `capabilities.gitops` is false.
        """

    def observe(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Observation]:
        """What clusters say: one observation for everything that was told, and for everything that is still there.

        A cluster out of reach says Offline, with the digest that it ran when it was last heard of. A removed item is
        observed (Removing, or Offline) until the cluster has confirmed that it is gone.
        """

    def look(self, *, namespace: str, name: str, deadline: Deadline) -> Sight:
        """What `clusters`, `assigned` and `observe` give of one deployment, at once."""

    def watch(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> Iterator[list[Observation]]:
        """What `observe` says: at once, then whenever it, a cluster or a record changes; ends at the deadline."""

    def reach(self, cluster: str, namespace: str, name: str, *, deadline: Deadline) -> str:
        """The base URL at which something answers, as seen from here.

        Raises:
            UnreachableError: it cannot be reached from here, or does not run.
        """

    def logs(
        self, cluster: str, namespace: str, name: str, *, lines: int = 100, follow: bool = False, deadline: Deadline
    ) -> Iterator[str]:
        """The last lines of its log; with `follow`, also what comes until the deadline.

        Raises:
            UnreachableError: there is no log within reach.
        """


class Backend(Protocol):
    """A Store and a Fleet, and what they can do."""

    @property
    def name(self) -> str:
        """As in the registry."""

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""

    @property
    def store(self) -> Store:
        """What remembers."""

    @property
    def fleet(self) -> Fleet:
        """What acts."""

    def close(self) -> None:
        """Let go of connections; nothing that runs is stopped."""


class Factory(Protocol):
    """What an entry point names."""

    def __call__(self, address: str, /, **options: Any) -> Backend:
        """Open a backend.

        Args:
            address: what stands behind `://`; empty if nothing does.
            options: keywords of `Hub(…)` that the hub itself does not know; unknown ones are a TypeError.
        """
