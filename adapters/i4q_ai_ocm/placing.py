"""Placements on the hub: written, and waited for until the hub has decided."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Set

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError
from i4q_ai.manifests import Object
from i4q_ai.placement import Placement
from i4q_ai_ocm import rights
from i4q_ai_ocm.hub import HubObjects
from i4q_ai_ocm.state import PLACEMENT, Key
from i4q_ai_ocm.translate import names, placements

log = logging.getLogger(__name__)


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
        wanted = placements.placement(namespace, name, where, group, sets=self._objects.settings.sets, labels=labels)
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

        if self._objects.until("PlacementDecision", namespace, {PLACEMENT: name}, _same, deadline):
            return True
        log.warning("the hub chose %s for placement %s/%s, not %s", chosen, namespace, name, sorted(members))
        return False

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
