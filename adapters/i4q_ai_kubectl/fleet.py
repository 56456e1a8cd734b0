"""The Fleet: clusters of an inventory, told by their ledgers at home and by server-side apply."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from i4q_ai.backends.base import Action, Assignment, Difference, Needs, Outcome, Sight
from i4q_ai.backends.gitless import Gitless
from i4q_ai.cluster import Cluster, Taint
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, UnreachableError, UnsupportedError
from i4q_ai.manifests.order import ORDER
from i4q_ai.placement import Placement
from i4q_ai.status import Observation
from i4q_ai_kubectl import delivering, facts, reaching
from i4q_ai_kubectl.inventory import Entry
from i4q_ai_kubectl.ledger import Ledger, key_of
from i4q_ai_kubectl.roster import Roster
from i4q_ai_kubectl.seeing import Seeing
from i4q_ai_kubectl.telling import Records, Telling

log = logging.getLogger(__name__)


class KubectlFleet(Gitless):
    """The clusters of an inventory.

    Args:
        roster: of them.
        record: of a deployment.
    """

    def __init__(self, roster: Roster, record: Records) -> None:
        self._roster = roster
        self._telling = Telling(roster, record)
        self._seeing = Seeing(roster)
        self._forwards = reaching.Forwards()

    def close(self) -> None:
        """Let go of threads and connections; whatever runs goes on."""
        self._forwards.close()
        self._seeing.close()
        self._roster.close()

    # what clusters are

    def clusters(self, *, deadline: Deadline) -> list[Cluster]:
        """All clusters by name, with a condition "Available"."""
        known = self._roster.home.ledgers(deadline)

        def describe(entry: Entry) -> Cluster:
            return self._roster.describe(entry, known.get(entry.name, Ledger(cluster=entry.name)), deadline)

        return self._roster.each(self._roster.entries(), describe)

    def add(self, cluster: Cluster, *, deadline: Deadline) -> Cluster:
        """Refused: a cluster joins with its kubeconfig.

        Raises:
            ConflictError: there is one of that name.
            UnsupportedError: always otherwise.
        """
        deadline.check()
        self._refuse_known(cluster.name)
        raise UnsupportedError(
            f"cluster '{cluster.name}' cannot be added without a way to reach it",
            hint=f"i4q cluster import {cluster.name} --kubeconfig FILE",
        )

    def join(
        self,
        cluster: Cluster,
        *,
        kubeconfig: str | None,
        context: str | None,
        namespace: str | None,
        deadline: Deadline,
    ) -> Cluster:
        """Check that a cluster can be reached, read what it is, and write it into the inventory.

        Raises:
            ConflictError: there is one of that name.
            UnreachableError: nothing answers; nothing was written.
        """
        self._refuse_known(cluster.name)
        entry = Entry(
            name=cluster.name, kubeconfig=kubeconfig, context=context, namespace=namespace, labels=cluster.labels,
            claims=cluster.claims, taints=cluster.taints,
        )  # fmt: skip
        with self._roster.contacts.open(entry) as api:
            found = facts.read(api, deadline)
        self._roster.admit(entry, found, deadline)
        return self._roster.describe(entry, self._roster.ledger(entry.name, deadline), deadline)

    def needs(self, name: str, *, deadline: Deadline) -> Needs:  # noqa: ARG002 - of the port
        """Nothing: a cluster is told from outside, with the rights of its kubeconfig."""
        deadline.check()
        return Needs(steps=("a user with the rights that `python -m i4q_ai_kubectl.rbac` prints, and its kubeconfig",))

    def remove(self, name: str, *, deadline: Deadline) -> None:
        """Take everything of ours from a cluster, then forget it, in the inventory too.

        Raises:
            NotFoundError: there is none of that name.
            UnreachableError: it cannot be reached, so it would keep what it has.
        """
        entry, hub = self._roster.entry(name), self._roster.home.hub(deadline)
        ledger = self._roster.ledger(name, deadline)
        every = tuple(kind for kind in ORDER if kind != "Namespace")
        for row in ledger.of(None, None):
            site = self._roster.site(entry, ledger, row.namespace, row.owner, hub)
            gone = row.model_copy(update={"item": None, "left": every})
            delivering.deliver(self._roster.contacts.api(entry), site, gone, deadline=deadline)
        self._roster.dismiss(name, deadline)

    def annotate(
        self,
        name: str,
        *,
        labels: Mapping[str, str | None] | None = None,
        taints: Sequence[Taint] | None = None,
        deadline: Deadline,
    ) -> Cluster:
        """Change labels (None takes one away; others stay) or set all taints; kept in home from then on.

        Raises:
            NotFoundError: there is no such cluster.
        """
        entry = self._roster.entry(name)
        seed = entry.cluster()
        # What cannot be a cluster is refused before it is written.
        self._roster.ledger(name, deadline).annotated(seed, labels, taints).described(seed)
        changed = self._roster.home.change(name, lambda ledger: ledger.annotated(seed, labels, taints), deadline)
        return self._roster.describe(entry, changed, deadline)

    def score(
        self,
        resource: str,
        scores: Mapping[str, Mapping[str, int]],
        *,
        until: datetime | None,
        deadline: Deadline,
    ) -> None:
        """Replace what one resource says of clusters; kept in home.

        Raises:
            NotFoundError: there is no such cluster; nothing was written.
        """
        for name in scores:
            self._roster.entry(name)

        def write(name: str) -> None:
            self._roster.home.change(name, lambda ledger: ledger.scored(resource, scores[name], until), deadline)

        self._roster.each([*scores], write)

    def stop(self, name: str, *, deadline: Deadline) -> None:
        """Refused: a Kubernetes cluster is not ours to stop.

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
        known = self._roster.home.ledgers(deadline)
        told = [(cluster, row.item) for cluster in sorted(known) for row in known[cluster].of(namespace, name)]
        return [Assignment(cluster=cluster, item=item) for cluster, item in told if item is not None]

    def check(self, placement: Placement, *, namespace: str, name: str, deadline: Deadline) -> None:
        """Nothing to do: placements are decided here, by the rules as they are."""

    def apply(self, actions: Sequence[Action], *, force: bool = False, deadline: Deadline) -> list[Outcome]:
        """Write down what clusters are told, then deliver it; a cluster that is away gets it when it is back."""
        known = [action for action in actions if action.cluster in self._roster.inventory.names]
        errors = self._telling.apply(known, force=force, deadline=deadline)
        unknown = {
            action.cluster: f"there is no cluster '{action.cluster}'" for action in actions if action not in known
        }
        return [
            Outcome(action, unknown.get(action.cluster) or errors.get((action.cluster, key_of(action.item)), ""))
            for action in actions
        ]

    def catch_up(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Assignment]:
        """Deliver what clusters have been told already and have not got yet."""
        return self._telling.catch_up(namespace, name, deadline)

    def compare(self, assignments: Sequence[Assignment], *, deadline: Deadline) -> list[Difference]:
        """What applying would change on clusters within reach, by a dry-run of their API servers."""
        return self._telling.compare(assignments, deadline)

    # what they say

    def observe(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> list[Observation]:
        """What clusters say; without home, what their objects say by themselves."""
        return self._seeing.observe(namespace, name, deadline)

    def look(self, *, namespace: str, name: str, deadline: Deadline) -> Sight:
        """What `clusters`, `assigned` and `observe` give of one deployment."""
        return Sight(
            self.clusters(deadline=deadline),
            self.assigned(namespace=namespace, name=name, deadline=deadline),
            self.observe(namespace=namespace, name=name, deadline=deadline),
        )

    def watch(
        self, *, namespace: str | None = None, name: str | None = None, deadline: Deadline
    ) -> Iterator[list[Observation]]:
        """What `observe` says: at once, then whenever it, a cluster or a record changes; ends at the deadline.

        While somebody watches, a cluster that comes back gets what it has missed.
        """

        def deliver() -> None:
            try:
                self._telling.catch_up(namespace, name, deadline, refused=False)
            except UnreachableError as error:
                log.warning("home is out of reach, so nothing is delivered: %s", error)

        return self._seeing.watch(namespace, name, deadline, before=deliver)

    def reach(self, cluster: str, namespace: str, name: str, *, deadline: Deadline) -> str:
        """The base URL at which something answers, through a port-forward.

        Raises:
            NotFoundError: there is no such cluster.
            UnreachableError: it does not run, or the cluster is away.
        """
        entry, hub = self._roster.entry(cluster), self._roster.home.hub(deadline)
        row = self._roster.ledger(cluster, deadline).row((namespace, name))
        if row is None or row.item is None:
            raise UnreachableError(f"'{namespace}/{name}' is not on cluster '{cluster}'")
        pods = reaching.Pods(self._roster.contacts.api(entry), cluster, entry.namespace or namespace, hub)
        return self._forwards.url(pods, row.item, deadline)

    def logs(
        self, cluster: str, namespace: str, name: str, *, lines: int = 100, follow: bool = False, deadline: Deadline
    ) -> Iterator[str]:
        """The last lines of the log of its newest pod; with `follow`, also what comes until the deadline.

        Raises:
            NotFoundError: there is no such cluster.
            UnreachableError: no pod of it is there.
        """
        entry, hub = self._roster.entry(cluster), self._roster.home.hub(deadline)
        pods = reaching.Pods(self._roster.contacts.api(entry), cluster, entry.namespace or namespace, hub)
        return reaching.logs(pods, namespace, name, lines=lines, follow=follow, deadline=deadline)

    # inside

    def _refuse_known(self, name: str) -> None:
        if name in self._roster.names:
            raise ConflictError(f"there is a cluster '{name}' already", hint="give the new one another name")
