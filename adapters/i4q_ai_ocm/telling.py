"""Telling clusters by objects on the hub: what is new first, what is old after, and no running pod is lost between."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, datetime

from i4q_ai.backends.base import Record
from i4q_ai.cluster import Cluster
from i4q_ai.deadline import Deadline
from i4q_ai.desired import Item
from i4q_ai.errors import ConflictError, I4qError, NotFoundError
from i4q_ai.placement import Placement
from i4q_ai.placing.evaluate import evaluate
from i4q_ai.plan import Action, Assignment
from i4q_ai.spec import Spec
from i4q_ai_ocm import condensing
from i4q_ai_ocm.arranging import Arrangement, arrange
from i4q_ai_ocm.hub import HubObjects
from i4q_ai_ocm.moving import Moving, Records
from i4q_ai_ocm.placing import Placing
from i4q_ai_ocm.state import Key, State, Told
from i4q_ai_ocm.subscribing.delivering import Delivering
from i4q_ai_ocm.subscribing.hub import Subscribing
from i4q_ai_ocm.turn import Turn
from i4q_ai_ocm.writing import Writing

log = logging.getLogger(__name__)

_ROUNDS = 6
"""How often it is begun anew because somebody else was faster, or what went before is not quite gone."""
_FIRST_PAUSE = 0.05


class Telling:
    """What clusters are told.

    Args:
        objects: of the hub.
        record: of a deployment.
        follows: whether the hub follows standing orders.
        subscribing: has clusters take from Git.
    """

    def __init__(
        self,
        objects: HubObjects,
        record: Records,
        follows: Callable[[Deadline], bool],
        subscribing: Subscribing,
    ) -> None:
        self._objects = objects
        self._record = record
        self._follows = follows
        self._placing = Placing(objects)
        self._writing = Writing(objects, self._placing)
        self._delivering = (
            Delivering(objects, self._placing, subscribing) if objects.settings.delivery == "subscription" else None
        )
        self.moving = Moving(objects, record, self._writing)

    def check(self, key: Key, where: Placement, deadline: Deadline) -> None:
        """Refuse a placement before anything is written; as `Placing.check`."""
        self._placing.check(key, where, deadline)
        if self._delivering is not None:
            self._delivering.check(key, where, self._follows(deadline), deadline)

    def apply(self, actions: Sequence[Action], deadline: Deadline) -> dict[Key, str]:
        """Tell clusters; deployment → why it was refused."""
        by_key: dict[Key, list[Action]] = {}
        for action in actions:
            by_key.setdefault((action.item.namespace, action.item.name), []).append(action)
        errors: dict[Key, str] = {}
        for key, some in by_key.items():
            try:
                self._apply(key, some, deadline)
                self._repair(key, {each.cluster for each in some if each.before == each.after}, deadline)
            except I4qError as error:
                log.warning("%s/%s could not be told: %s", *key, error)
                errors[key] = str(error)
        return errors

    def catch_up(self, namespace: str | None, name: str | None, deadline: Deadline) -> list[Assignment]:
        """Finish what was broken off, and have the hub follow the placement of the record.

        Clusters that come back need nobody, and a placement that means the same clusters tells none of them anything.
        """
        again = []
        for key, state in self._objects.states(namespace, name, deadline, keep=condensing.work).items():
            if state.untidy or self._follows_another(key, state, deadline):
                self._apply(key, [], deadline)
                again += [Assignment(cluster=cluster, item=told.item) for cluster, told in state.told.items()]
        return again

    def _follows_another(self, key: Key, state: State, deadline: Deadline) -> bool:
        """Whether the hub follows a placement that the record has not any more."""
        live = _live(self._record(key, deadline)) if state.orders else None
        return live is not None and self._placing.differs(key, live.placement, state.orders)

    def forget(self, namespace: str, name: str, deadline: Deadline) -> None:
        """Take orders back that nobody follows any more: of a deployment whose record goes."""
        key = (namespace, name)
        self._write(Turn(key, self._objects.state(key, deadline), {}, Arrangement(), None, ""), deadline)

    def _repair(self, key: Key, clusters: Set[str], deadline: Deadline) -> None:
        """Have agents apply at once what clusters were told already; by themselves they do so every few minutes."""
        if clusters and self._delivering is not None:
            self._delivering.repair(key, deadline)
        elif clusters:
            state = self._objects.state(key, deadline)
            works = [work for cluster in clusters for work in state.parts(cluster)]
            self._objects.each(works, lambda work: self._objects.nudge(work, deadline))

    def _apply(self, key: Key, actions: Sequence[Action], deadline: Deadline) -> None:
        for left in reversed(range(_ROUNDS)):
            turn = self._turn(key, actions, deadline)
            if turn is None:
                return
            try:
                self._write(turn, deadline)
            except (ConflictError, NotFoundError) as error:
                if not left:
                    raise
                log.debug("%s/%s: somebody else was faster: %s", *key, error)
                deadline.pause(_FIRST_PAUSE * 2 ** (_ROUNDS - left))
            else:
                return

    def _write(self, turn: Turn, deadline: Deadline) -> None:
        if self._delivering is not None:
            self._delivering.write(turn, deadline)
        else:
            self._writing.write(turn, deadline)

    def _turn(self, key: Key, actions: Sequence[Action], deadline: Deadline) -> Turn | None:
        record, state = self._record(key, deadline), self._objects.state(key, deadline)
        told = state.told
        fresh = [action for action in actions if not _late(action, record, told.get(action.cluster))]
        if actions and not fresh:
            return None
        desired = {cluster: each.item for cluster, each in told.items()}
        for action in fresh:
            if action.after is None:
                desired.pop(action.cluster, None)
            else:
                desired[action.cluster] = action.after
        live = _live(record)
        scored = live is not None and any("/" in name for name in live.placement.prefer)
        clusters = self._objects.clusters(deadline, scores=None if scored else {}) if live is not None else []
        groups = _groups(live, clusters, frozenset(told))
        arrangement = arrange(
            state,
            desired,
            live if live is not None and self._follows(deadline) else None,
            groups,
            touched=_touched(
                fresh, desired, whole=live is not None and self._placing.differs(key, live.placement, state.orders)
            ),
            key=key,
            revision=record.revision if record else 0,
        )
        away = frozenset(each.name for each in clusters if each.available.status != "True")
        owner = Spec.parse(record.data).owner if record else "i4q"
        return Turn(key, state, groups, arrangement, live, owner, away)


def _groups(spec: Spec | None, clusters: Sequence[Cluster], current: frozenset[str]) -> dict[str, str]:
    """Cluster → group, as the hub will decide."""
    if spec is None:
        return {}
    return evaluate(spec.placement, clusters, current=current, now=datetime.now(UTC)).selected


def _live(record: Record | None) -> Spec | None:
    """What is wanted; None without a record, and of a deployment that is on its way out."""
    spec = Spec.parse(record.data) if record else None
    return spec if spec is not None and not spec.deleted else None


def _touched(actions: Sequence[Action], desired: Mapping[str, Item], *, whole: bool) -> set[str]:
    """Whose turn it is: everybody's, where nobody in particular is told or all groups are meant anew."""
    return {*desired} if whole or not actions else {action.cluster for action in actions}


def _late(action: Action, record: Record | None, told: Told | None) -> bool:
    """Whether an action is a slow writer's: the cluster, or the record, is of another revision by now."""
    behind = told is not None and action.revision < told.item.revision
    return behind or (record is not None and record.revision != action.revision)
