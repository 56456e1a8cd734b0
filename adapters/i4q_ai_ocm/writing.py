"""An arrangement made real, in an order in which nothing that runs is lost, and that can be broken off anywhere."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from i4q_ai.deadline import Deadline
from i4q_ai.desired import Item
from i4q_ai.errors import ConflictError, NotFoundError
from i4q_ai.manifests import Object, Site, objects, selector
from i4q_ai.manifests.naming import KIND
from i4q_ai_ocm import feedback
from i4q_ai_ocm.hub import HubObjects, Test
from i4q_ai_ocm.placing import Placing
from i4q_ai_ocm.state import GROUP, MEANT, PARENT, TOLD, Order, Told, Works
from i4q_ai_ocm.translate import names, works
from i4q_ai_ocm.turn import Turn

log = logging.getLogger(__name__)


class Writing:
    """Writes the objects of a turn.

    Args:
        objects: of the hub.
        placing: of the hub.
    """

    def __init__(self, objects: HubObjects, placing: Placing) -> None:
        self._objects = objects
        self._placing = placing

    def write(self, turn: Turn, deadline: Deadline) -> None:
        """Bring the hub to what a turn says; what is there already is not written again.

        An edge applies what it loses once more, and would undo what is new. So whoever hands over tells the same as who
        takes over: a work is changed before an order takes over from it, and after it has taken over from an order.
        A cluster that goes from one order to another is held by a work of its own meanwhile.

        Raises:
            ConflictError: somebody else changes the same objects.
        """
        moving = turn.moving()
        if moving:
            turn = self.hold(turn, moving, deadline)
        behind = turn.behind()
        if behind:
            self._works(turn, behind, deadline)
            turn = replace(turn, state=self._objects.state(turn.key, deadline))
        over = [
            order
            for group, order in turn.state.orders.items()
            if group not in turn.arrangement.orders and group not in turn.arrangement.kept
        ]
        for group, item in turn.arrangement.orders.items():
            self._order(turn, group, item, deadline)
        told = turn.state.told
        handed = {
            cluster: item
            for cluster, item in turn.arrangement.works.items()
            if any(cluster in order.parts for order in over) and cluster in told and cluster not in turn.state.works
        }
        present = {cluster: told[cluster].item for cluster in handed}
        self._works(turn, {**turn.arrangement.works, **present}, deadline)
        for group in turn.arrangement.orders:
            self._settle(turn, group, deadline)
        for order in over:
            self._drop_order(turn, order, deadline)
        self._drop_works(turn, deadline)
        if handed:
            self._works(replace(turn, state=self._objects.state(turn.key, deadline)), handed, deadline)

    def hold(self, turn: Turn, items: Mapping[str, Item], deadline: Deadline) -> Turn:
        """Give clusters works of their own that tell what they have already, so that nothing is lost with an order.

        Returns:
            The turn from what there is then.
        """
        self._works(turn, items, deadline)
        self._applied(turn, items, deadline)
        return replace(turn, state=self._objects.state(turn.key, deadline))

    def let_go(self, turn: Turn, cluster: str, deadline: Deadline) -> None:
        """Take a cluster's own works away, and leave to an order what lies there; they tell the same before."""
        while True:
            turn = replace(turn, state=self._objects.state(turn.key, deadline))
            if cluster not in turn.state.works:
                return
            try:
                self._works(turn, turn.behind(), deadline)
                own = self._objects.state(turn.key, deadline).works.get(cluster)
                for work in own.objects if own else ():
                    self._objects.delete(self._orphaned(work, deadline), deadline)
            except (ConflictError, NotFoundError):
                deadline.pause(0.02)  # its agent reports at the same time

    def _works(self, turn: Turn, wanted: Mapping[str, Item], deadline: Deadline) -> None:
        self._objects.each([*wanted.items()], lambda each: self._work(turn, each[0], each[1], deadline))

    # what is new

    def _order(self, turn: Turn, group: str, item: Item, deadline: Deadline) -> None:
        assert turn.spec is not None, "orders come from a spec"
        labels = self._labels(turn, item.kind, deadline)
        placement = self._placing.write(turn.key, turn.spec.placement, group, labels, deadline)
        known = turn.state.orders.get(group)
        told = turn.told(item, known.told if known else _of_members(turn, group))
        before = {each["metadata"]["name"]: each for each in known.objects} if known else {}
        meant = self._placing.mark(turn.key, turn.spec.placement, group)
        parts = works.split(self._manifests(turn, told.item, deadline))
        for number, part in enumerate(parts):
            name = names.part(names.order(*turn.key, group), number)
            marks = {TOLD: told.dump(), GROUP: group, MEANT: meant}
            wanted = works.replica_set(turn.key[0], name, placement, part, labels=labels, annotations=marks)
            self._objects.write(wanted, before.pop(name, None), deadline)
        for surplus in before.values():
            self._objects.delete(surplus, deadline)

    def _work(self, turn: Turn, cluster: str, item: Item, deadline: Deadline) -> None:
        known = turn.state.works.get(cluster)
        told = turn.told(item, turn.state.told.get(cluster))
        before = {each["metadata"]["name"]: each for each in known.objects} if known else {}
        labels = self._labels(turn, item.kind, deadline)
        going = {each["metadata"]["name"] for each in turn.state.leaving.get(cluster, ())}
        for number, part in enumerate(works.split(self._manifests(turn, told.item, deadline))):
            name = names.part(names.work(*turn.key), number)
            if name in going:  # of before, on a cluster that is away; a refresh tells it once that is gone
                log.warning("cluster %s has not confirmed that %s is gone, so it is told anew later", cluster, name)
                return
            wanted = works.work(cluster, name, part, labels=labels, annotations={TOLD: told.dump()})
            self._objects.write(wanted, before.pop(name, None), deadline)
        for surplus in before.values():
            self._objects.delete(surplus, deadline)

    def _settle(self, turn: Turn, group: str, deadline: Deadline) -> None:
        """Wait until the hub has chosen, and has works where they take over from those of our own.

        Where another order loses a cluster, its work alone holds what lies there until the new one was carried out.
        """
        members = {cluster for cluster, its in turn.groups.items() if its == group}
        if not self._placing.settled(turn.key[0], names.order(*turn.key, group), members, deadline):
            return
        taken_over = members & set(turn.state.works)
        if taken_over:
            first = {"metadata": {"namespace": turn.key[0], "name": names.order(*turn.key, group)}}
            others = [order for its, order in turn.state.orders.items() if its != group]
            moved = {cluster for cluster in taken_over - turn.away if any(cluster in order.parts for order in others)}

            def good(found: Mapping[str, Object]) -> bool:
                return taken_over <= found.keys() and all(feedback.is_applied(found[one]) is not None for one in moved)

            self._until_works(first, good, deadline)

    # what is old

    def _drop_works(self, turn: Turn, deadline: Deadline) -> None:
        live = {*turn.arrangement.orders, *turn.arrangement.kept}
        ordered = {cluster for cluster, group in turn.groups.items() if group in live}
        gone = [(cluster, each) for cluster, each in turn.state.works.items() if cluster not in turn.arrangement.works]

        def drop(one: tuple[str, Works]) -> None:
            for work in one[1].objects:
                self._objects.delete(self._orphaned(work, deadline) if one[0] in ordered else work, deadline)

        self._objects.each(gone, drop)

    def _drop_order(self, turn: Turn, order: Order, deadline: Deadline) -> None:
        staying = turn.staying(order)
        if staying == set(order.parts) and turn.agrees(order, staying):
            self._release(order, deadline)
        elif staying:
            self._applied(turn, staying, deadline)
        for each in order.objects:
            self._objects.delete(each, deadline)
        self._placing.drop(turn.key, order.group, deadline)
        here = staying - turn.away
        for each in order.objects:
            self._until_works(each, lambda found: not here & found.keys(), deadline)

    def _release(self, order: Order, deadline: Deadline) -> None:
        """Let an order leave everything where it is when it goes."""
        for each in order.objects:
            self._orphaned(each, deadline)
        for each in order.objects:
            self._until_works(each, lambda found: all(works.is_orphaned(one) for one in found.values()), deadline)

    def _orphaned(self, found: Object, deadline: Deadline) -> Object:
        if works.is_orphaned(found):
            return found
        return self._objects.home.api.replace(works.orphan(found), deadline=deadline)

    def _applied(self, turn: Turn, clusters: Iterable[str], deadline: Deadline) -> None:
        """Wait until clusters have what is new; one that is away may lose what is old before it has that."""
        wanted = set(clusters) - turn.away
        labels = selector(*turn.key, hub=self._objects.home.hub(deadline))

        def good(found: Mapping[str, Object]) -> bool:
            fresh = [each for each in found.values() if PARENT not in each["metadata"]["labels"]]
            there = {each["metadata"]["namespace"] for each in fresh}
            return wanted <= there - {each["metadata"]["namespace"] for each in fresh if not feedback.is_applied(each)}

        if not self._objects.until("ManifestWork", None, labels, good, deadline):
            log.warning("%s/%s: not every cluster has confirmed what is new; those may start it anew", *turn.key)

    def _until_works(self, order: Object, good: Test, deadline: Deadline) -> None:
        """Wait for the works of an order, by cluster; who keeps the hub waiting for too long, starts anew maybe."""
        parent = f"{order['metadata']['namespace']}.{order['metadata']['name']}"

        def by_cluster(found: Mapping[str, Object]) -> bool:
            return good({each["metadata"]["namespace"]: each for each in found.values()})

        if not self._objects.until("ManifestWork", None, {PARENT: parent}, by_cluster, deadline):
            log.warning("%s: its works are not as they should be in time", parent)

    # inside

    def _manifests(self, turn: Turn, item: Item, deadline: Deadline) -> Sequence[Object]:
        settings = self._objects.settings
        site = Site(
            cluster="ocm",
            namespace=turn.key[0],
            hub=self._objects.home.hub(deadline),
            image=settings.image or "",
            owner=turn.owner,
            pull_secrets=settings.pull_secrets,
            plain_http=settings.plain_http,
        )
        return objects(item, site)

    def _labels(self, turn: Turn, kind: str, deadline: Deadline) -> dict[str, str]:
        return {**selector(*turn.key, hub=self._objects.home.hub(deadline)), KIND: kind}


def _of_members(turn: Turn, group: str) -> Told | None:
    """What the group's clusters were told by works of their own."""
    told = turn.state.told
    return next((told[cluster] for cluster, its in turn.groups.items() if its == group and cluster in told), None)
