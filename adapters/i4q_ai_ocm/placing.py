"""Placements on the hub: written, and waited for until the hub has decided."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Set

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, DeadlineError
from i4q_ai.placement import Placement
from i4q_ai_ocm import rights
from i4q_ai_ocm.hub import HubObjects
from i4q_ai_ocm.state import PLACEMENT, Key, Object
from i4q_ai_ocm.translate import names, placements

log = logging.getLogger(__name__)

Test = Callable[[Mapping[str, Object]], bool]
"""Whether objects, by name, are as they should be."""

PATIENCE = 10.0
"""Seconds within which a hub decides; it takes a fraction of one."""


class Placing:
    """Placements of a hub.

    Args:
        objects: of the hub.
    """

    def __init__(self, objects: HubObjects) -> None:
        self._objects = objects

    def write(self, key: Key, where: Placement, group: str, labels: Mapping[str, str], deadline: Deadline) -> str:
        """Make or change the Placement of a version group, bound to the sets it may use; its name."""
        namespace = key[0]
        for one in self._objects.settings.sets:
            self._bind(namespace, one, deadline)
        name = names.order(*key, group)
        wanted = placements.placement(
            namespace, name, where, group, sets=self._objects.settings.sets, labels=labels, annotations={}
        )
        self._objects.ensure(wanted, deadline)
        return name

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

        try:
            self.until("PlacementDecision", namespace, {PLACEMENT: name}, _same, deadline)
        except DeadlineError:
            deadline.check()
            log.warning("the hub chose %s for placement %s/%s, not %s", chosen, namespace, name, sorted(members))
            return False
        return True

    def until(
        self,
        kind: str,
        namespace: str | None,
        labels: Mapping[str, str],
        good: Test,
        deadline: Deadline,
    ) -> None:
        """Wait until objects are as they should be.

        Raises:
            DeadlineError: they are not, within the hub's time.
        """
        short = Deadline.after(max(0.001, deadline.left(PATIENCE)), f"waiting for {kind}")
        found: dict[str, Object] = {}
        for event in self._objects.home.api.watch(kind, namespace, labels=labels, deadline=short):
            if event.type == "RESYNC":
                found = {_id(each): each for each in event.items}
            elif event.type == "DELETED":
                found.pop(_id(event.object), None)
            elif event.type != "BOOKMARK":
                found[_id(event.object)] = event.object
            if good(found):
                return
        raise DeadlineError(f"{kind} in {namespace} did not become as they should within {PATIENCE:g} s")

    def drop(self, key: Key, group: str, deadline: Deadline) -> None:
        """Delete the Placement of a group."""
        self._objects.home.api.delete("Placement", key[0], names.order(*key, group), deadline=deadline)

    def _bind(self, namespace: str, one: str, deadline: Deadline) -> None:
        if self._objects.home.api.get("ManagedClusterSetBinding", namespace, one, deadline=deadline) is None:
            try:
                with rights.told():
                    self._objects.home.create(placements.binding(namespace, one), deadline)
            except ConflictError:
                log.debug("set %s has been bound to %s meanwhile", one, namespace)


def _id(found: Object) -> str:
    return f"{found['metadata'].get('namespace', '')}/{found['metadata']['name']}"
