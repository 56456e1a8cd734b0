"""A label that takes a cluster from one version group to another: what runs there is held while the hub moves it.

The hub takes away what the one order does not mean any more, and makes what the other means, both at once and in any
order. Whoever changes a label here holds the objects by a work of the cluster's own until the other order has them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from i4q_ai.backends.base import Record
from i4q_ai.cluster import Cluster
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ForbiddenError
from i4q_ai.manifests import Object, selector
from i4q_ai.placing.evaluate import evaluate
from i4q_ai.spec import Spec
from i4q_ai_ocm import feedback, managed, state
from i4q_ai_ocm.arranging import Arrangement
from i4q_ai_ocm.hub import HubObjects
from i4q_ai_ocm.state import PARENT, Key, Order
from i4q_ai_ocm.turn import Turn
from i4q_ai_ocm.writing import Writing

log = logging.getLogger(__name__)

Records = Callable[[Key, Deadline], Record | None]


@dataclass(frozen=True)
class Move:
    """A deployment whose order for a cluster changes.

    Args:
        turn: in which the cluster is held.
        cluster: that moves.
        left: the order that it leaves.
        group: where it goes.
    """

    turn: Turn
    cluster: str
    left: Order
    group: str


class Moving:
    """Moves clusters from group to group.

    Args:
        objects: of the hub.
        record: of a deployment.
        writing: of the hub.
    """

    def __init__(self, objects: HubObjects, record: Records, writing: Writing) -> None:
        self._objects = objects
        self._record = record
        self._writing = writing

    def label(
        self, found: Object, labels: Mapping[str, str | None], change: Callable[[], Cluster], deadline: Deadline
    ) -> Cluster:
        """Change a cluster's labels, and have it keep what runs there.

        Args:
            found: the ManagedCluster.
            labels: that change; None takes one away.
            change: changes them.
            deadline: when to give up.
        """
        before = managed.cluster(found)
        merged = {key: value for key, value in {**before.labels, **labels}.items() if value is not None}
        try:
            moves = [*self._moves(before, before.replace(labels=merged), deadline)]
        except ForbiddenError as error:
            log.info("what runs on cluster %s is not held while its labels change: %s", before.name, error)
            moves = []
        held = [self._hold(move, deadline) for move in moves]
        changed = change()
        for move in held:
            self._let_go(move, deadline)
        return changed

    def _moves(self, before: Cluster, after: Cluster, deadline: Deadline) -> Iterator[Move]:
        """What moves with the labels of a cluster that is there, and has no work of its own already."""
        if before.available.status != "True" or before.labels == after.labels:
            return
        ours = selector(hub=self._objects.home.hub(deadline))
        found = self._objects.home.api.list("ManifestWork", before.name, labels=ours, deadline=deadline).items
        for key in sorted({state.key_of(each) for each in found if PARENT in each["metadata"]["labels"]}):
            record = self._record(key, deadline)
            spec = Spec.parse(record.data) if record else None
            if spec is None or spec.deleted or not spec.placement.groups:
                continue
            there = self._objects.state(key, deadline)
            group = evaluate(spec.placement, [after], current={after.name}, now=datetime.now(UTC)).selected.get(
                after.name
            )
            left = next((each for each in there.orders.values() if after.name in each.parts), None)
            if left is None or group in (None, left.group) or after.name in there.works:
                continue
            told = Arrangement(works={after.name: left.told.item}, kept=frozenset(there.orders))
            yield Move(Turn(key, there, {}, told, spec, spec.owner), after.name, left, str(group))

    def _hold(self, move: Move, deadline: Deadline) -> Move:
        turn = self._writing.hold(move.turn, {move.cluster: move.left.told.item}, deadline)
        return Move(turn, move.cluster, move.left, move.group)

    def _let_go(self, move: Move, deadline: Deadline) -> None:
        """Let the other order have it; where there is none, a roll-out is on its way, which goes on from the work."""
        order = move.turn.state.orders.get(move.group)
        if order is None:
            return
        namespace = move.turn.key[0]
        old, new = ({f"{namespace}.{each['metadata']['name']}" for each in one.objects} for one in (move.left, order))

        def over(found: Mapping[str, Object]) -> bool:
            parents = {each["metadata"]["labels"].get(PARENT): each for each in found.values()}
            there = all(parent in parents and feedback.is_applied(parents[parent]) for parent in new)
            return there and not old & parents.keys()

        labels = selector(*move.turn.key, hub=self._objects.home.hub(deadline))
        if not self._objects.until("ManifestWork", move.cluster, labels, over, deadline):
            log.warning("%s/%s: the hub has not moved cluster %s; a refresh goes on", *move.turn.key, move.cluster)
            return
        orders = Arrangement(orders={move.group: order.told.item})
        groups = {move.cluster: move.group}
        turn = Turn(move.turn.key, move.turn.state, groups, orders, move.turn.spec, move.turn.owner)
        self._writing.let_go(turn, move.cluster, deadline)
