"""Placements on the hub: written, and waited for until the hub has decided."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence, Set

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, MissingDependencyError, OwnedError
from i4q_ai.manifests import Object
from i4q_ai.placement import Placement
from i4q_ai.placing.scheduler import check
from i4q_ai_ocm import managed, rights
from i4q_ai_ocm.hub import HubObjects, marked
from i4q_ai_ocm.state import PLACEMENT, Key, Order
from i4q_ai_ocm.translate import names, placements

log = logging.getLogger(__name__)


class Placing:
    """Placements of a hub.

    Args:
        objects: of the hub.
    """

    def __init__(self, objects: HubObjects) -> None:
        self._objects = objects

    def check(self, key: Key, where: Placement, deadline: Deadline) -> None:
        """Refuse a placement that the hub would take for one that selects nobody, or that is in somebody's way.

        Raises:
            RuleError: it would select nobody; each mistake with its field.
            UnsupportedError: a rule or toleration that OCM cannot say.
            InvalidError: the namespace leaves no room for names.
            OwnedError: a Placement of that name is somebody else's.
        """
        sets = self._sets(deadline)
        for group in where.group_names:
            vet(self._wanted(key, where, group, {}), sets)
            self._require_ours(key[0], names.order(*key, group), deadline)

    def write(self, key: Key, where: Placement, group: str, labels: Mapping[str, str], deadline: Deadline) -> str:
        """Make or change the Placement of a version group, bound to the sets it may use; its name.

        Raises:
            RuleError, OwnedError: as `check`; nothing was written.
        """
        wanted = self._wanted(key, where, group, labels)
        namespace, name = key[0], str(wanted["metadata"]["name"])
        vet(wanted, self._sets(deadline))
        self._require_ours(namespace, name, deadline)
        for one in self._objects.settings.sets:
            self._bind(namespace, one, deadline)
        self._objects.ensure(wanted, deadline)
        return name

    def mark(self, key: Key, where: Placement, group: str) -> str:
        """Of the Placement of a group: another one if it means something else."""
        return marked(self._wanted(key, where, group, {}))

    def differs(self, key: Key, where: Placement, orders: Mapping[str, Order]) -> bool:
        """Whether orders follow a placement that is not this one any more."""
        groups = where.group_names
        return any(
            group not in groups or order.meant != self.mark(key, where, group) for group, order in orders.items()
        )

    def settled(self, namespace: str, name: str, members: Set[str], deadline: Deadline) -> bool:
        """Wait until the hub has decided as we have; False if it has not within its time.

        It then decided otherwise, or is not there: it will tell clusters as it decides.
        """
        chosen: list[str] = []

        def _same(found: Mapping[str, Object]) -> bool:
            chosen[:] = sorted(
                one["clusterName"] for each in found.values() for one in each.get("status", {}).get("decisions") or ()
            )
            return bool(found) and set(chosen) == set(members)

        if self._objects.until("PlacementDecision", namespace, {PLACEMENT: name}, _same, deadline):
            return True
        log.warning("the hub chose %s for placement %s/%s, not %s", chosen, namespace, name, sorted(members))
        return False

    def drop(self, key: Key, group: str, deadline: Deadline) -> None:
        """Delete the Placement of a group."""
        self._objects.home.api.delete("Placement", key[0], names.order(*key, group), deadline=deadline)

    def _wanted(self, key: Key, where: Placement, group: str, labels: Mapping[str, str]) -> Object:
        sets = self._objects.settings.sets
        return placements.placement(key[0], names.order(*key, group), where, group, sets=sets, labels=labels)

    def _sets(self, deadline: Deadline) -> list[str]:
        found = self._objects.home.api.list("ManagedClusterSet", None, deadline=deadline).items
        return [each["metadata"]["name"] for each in found]

    def _require_ours(self, namespace: str, name: str, deadline: Deadline) -> None:
        found = self._objects.home.api.get("Placement", namespace, name, deadline=deadline)
        if found is not None and not managed.OURS.items() <= (found["metadata"].get("labels") or {}).items():
            raise OwnedError(f"the Placement '{namespace}/{name}' is not ours", hint="delete it, or take another name=")

    def _bind(self, namespace: str, one: str, deadline: Deadline) -> None:
        if self._objects.home.api.get("ManagedClusterSetBinding", namespace, one, deadline=deadline) is None:
            try:
                with rights.told():
                    self._objects.home.create(placements.binding(namespace, one), deadline)
            except ConflictError:
                log.debug("set %s has been bound to %s meanwhile", one, namespace)


def vet(wanted: Object, sets: Sequence[str]) -> None:
    """Refuse what the scheduler cannot read: it would take the model from every cluster."""
    name = wanted["metadata"]["name"]
    try:
        found = check(wanted, sets=sets)
    except MissingDependencyError as error:
        log.warning("the CEL of placement %s is not checked before it is written: %s", name, error)
        found = check(_without_cel(wanted), sets=sets)
    found.require_none(name)


def _without_cel(wanted: Object) -> Object:
    predicates = [
        {"requiredClusterSelector": {key: value for key, value in selector.items() if key != "celSelector"}}
        for selector in (each["requiredClusterSelector"] for each in wanted["spec"].get("predicates", ()))
    ]
    return {**wanted, "spec": {**wanted["spec"], "predicates": predicates}}
