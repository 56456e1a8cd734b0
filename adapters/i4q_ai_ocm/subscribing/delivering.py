"""Deployments delivered by Git: what a turn says is pushed, and the hub has its clusters take it by themselves.

In place of standing orders that bring objects there are standing looks, which bring back how the objects are. All else
is as ever: whoever asks how a deployment is asks the same works.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from i4q_ai import yamls
from i4q_ai.backends.base import Subscription
from i4q_ai.deadline import Deadline
from i4q_ai.desired import Item
from i4q_ai.errors import UnsupportedError
from i4q_ai.gitops import Source, repository
from i4q_ai.manifests import Object, Site, selector
from i4q_ai.manifests.naming import KIND
from i4q_ai.manifests.publishable import Form, group_folder, rendered
from i4q_ai.placement import REST, Placement
from i4q_ai_ocm.hub import HubObjects
from i4q_ai_ocm.placing import Placing
from i4q_ai_ocm.settings import Git
from i4q_ai_ocm.state import GROUP, MEANT, TOLD, Key
from i4q_ai_ocm.subscribing import looks, pitfalls
from i4q_ai_ocm.subscribing import names as naming
from i4q_ai_ocm.subscribing.hub import Subscribing
from i4q_ai_ocm.translate import names
from i4q_ai_ocm.turn import Turn

log = logging.getLogger(__name__)

_PATIENCE = 10.0
"""Seconds within which clusters take away what they took; those that are away take longer."""
_FORM: Form = "kustomize"
"""The agents read a kustomization whole or not at all; of plain files, one that they cannot read is gone for them."""


class Delivering:
    """Carries turns out by Git.

    Args:
        objects: of the hub, whose settings say where in Git.
        placing: of the hub.
        subscribing: of the hub.
    """

    def __init__(self, objects: HubObjects, placing: Placing, subscribing: Subscribing) -> None:
        self._objects = objects
        self._placing = placing
        self._subscribing = subscribing

    def check(self, key: Key, where: Placement, follows: bool, deadline: Deadline) -> None:
        """Refuse a placement before anything is pushed.

        Raises:
            UnsupportedError: the hub has no Subscriptions, or nothing that reports of them.
            OwnedError, NotFoundError, InvalidError: as of `Subscribing.check`.
        """
        if not follows:
            raise UnsupportedError(
                "the hub's ManifestWorkReplicaSets do not run, by which it would report what was delivered by Git",
                hint="switch that on, or take delivery: orders",
            )
        self._subscribing.check(self._told(key, where, ""), deadline)

    def write(self, turn: Turn, deadline: Deadline) -> None:
        """Bring Git and the hub to what a turn says; what is there already is not written again.

        Raises:
            EditedError: somebody has changed our files in Git; nothing was touched.
            ForbiddenError, UnreachableError, ConflictError: of the repository, or of the hub.
        """
        wanted = _wanted(turn)
        if not wanted:
            self._take_back(turn, deadline)
            return
        spec = turn.spec
        assert spec is not None, "only a spec wants something"
        groups = dict.fromkeys([*spec.placement.group_names, *turn.state.orders])
        folders = {group: folder(turn.key, group) for group in groups}
        texts = {group: rendered(item, self._site(turn.key), form=_FORM) for group, item in wanted.items()}
        told = self._told(turn.key, spec.placement, turn.owner)
        self._subscribing.check(told, deadline, groups=frozenset(wanted))
        for group, files in texts.items():
            for trap in pitfalls.scopes(turn.key[0], _objects(files)):
                log.warning("%s/%s, group %s: %s", *turn.key, group, trap)
        commit = self._push(
            turn.key, {folders[group]: texts.get(group) for group in folders}, _message(turn, wanted), deadline
        )
        self._subscribing.subscribe(told.replace(commit=commit), deadline, groups=frozenset(wanted))
        for group, item in wanted.items():
            self._look(turn, group, item, texts[group], deadline)
        for group, order in turn.state.orders.items():
            if group not in wanted:
                for each in order.objects:
                    self._objects.delete(each, deadline)

    def repair(self, key: Key, deadline: Deadline) -> None:
        """Have clusters take once more what they should have."""
        self._subscribing.refresh(*key, deadline)

    def _take_back(self, turn: Turn, deadline: Deadline) -> None:
        """The files go first: where Git is away nothing is touched, and whoever deletes does so again.

        What somebody has changed in them goes, too; history has it. What clusters took goes before what reports it.
        """
        namespace, name = turn.key
        groups = {*turn.state.orders, REST, *(turn.spec.placement.group_names if turn.spec else ())}
        gone = {folder(turn.key, group): None for group in groups}
        self._push(turn.key, gone, f"{namespace}/{name}: gone", deadline, force=True)
        self._subscribing.unsubscribe(namespace, name, deadline)
        if not self._subscribing.gone(namespace, name, _PATIENCE, deadline):
            log.info("%s/%s: not every cluster has taken away yet what it took", namespace, name)
        for order in turn.state.orders.values():
            for each in order.objects:
                self._objects.delete(each, deadline)

    def _told(self, key: Key, where: Placement, owner: str) -> Subscription:
        git = self._git
        return Subscription(
            namespace=key[0], name=key[1], repo=git.repo or "", branch=git.branch, placement=where, owner=owner,
            folders={group: f"{git.path}/{folder(key, group)}".lstrip("/") for group in where.group_names},
        )  # fmt: skip

    def _push(
        self,
        key: Key,
        folders: Mapping[str, Mapping[str, str] | None],
        message: str,
        deadline: Deadline,
        *,
        force: bool = False,
    ) -> str:
        git = self._git
        source = Source(repo=git.repo or "", branch=git.branch, path=git.path)
        made = repository.write(source, folders, message=message, author=git.author, force=force, deadline=deadline)
        if made.changed:
            log.info("%s/%s: commit %s", *key, made.id)
        return made.id

    def _look(self, turn: Turn, group: str, item: Item, files: Mapping[str, str], deadline: Deadline) -> None:
        assert turn.spec is not None, "only a spec wants something"
        known = turn.state.orders.get(group)
        told = turn.told(item, known.told if known else None)
        marks = {
            TOLD: told.dump(),
            GROUP: group,
            MEANT: self._placing.mark(turn.key, turn.spec.placement, group),
        }
        wanted = looks.look(
            turn.key[0],
            names.order(*turn.key, group),
            naming.placement(turn.key[1], group),
            naming.subscription(*turn.key, group),
            delivered=_objects(files),
            digest=item.digest,
            labels={**selector(*turn.key, hub=self._objects.home.hub(deadline)), KIND: item.kind},
            annotations=marks,
        )
        self._objects.write(wanted, known.objects[0] if known else None, deadline)

    @property
    def _git(self) -> Git:
        git = self._objects.settings.git
        assert git is not None, "checked with the settings"
        return git

    def _site(self, key: Key) -> Site:
        settings = self._objects.settings
        return Site(
            cluster="git",
            namespace=key[0],
            hub="git",
            image=settings.image or "",
            pull_secrets=settings.pull_secrets,
            plain_http=settings.plain_http,
        )


def folder(key: Key, group: str) -> str:
    """The folder of a group of a deployment, below that of the settings.

    Example:
        >>> folder(("factory", "tool-wear"), "*")
        'factory/tool-wear/_rest'
    """
    return f"{key[0]}/{key[1]}/{group_folder(group)}"


def _wanted(turn: Turn) -> dict[str, Item]:
    """Group → what its clusters shall have.

    A Subscription is of a whole group: where its clusters shall have several things, that is the newest of them.
    """
    if turn.spec is None:
        if turn.arrangement.works:
            raise UnsupportedError(
                f"'{turn.key[0]}/{turn.key[1]}' is delivered by Git, to whole groups of a placement",
                hint="single clusters cannot be told",
            )
        return {}
    found = {group: turn.state.orders[group].told.item for group in turn.arrangement.kept}
    found.update(turn.arrangement.orders)
    for cluster, item in turn.arrangement.works.items():
        group = turn.groups.get(cluster)
        if group is not None and (group not in found or found[group].revision < item.revision):
            found[group] = item
    return {group: found[group] for group in turn.spec.placement.group_names if group in found}


def _message(turn: Turn, wanted: Mapping[str, Item]) -> str:
    """What changes, for people who read the history."""
    told = []
    for group, item in wanted.items():
        before = turn.state.orders[group].told.item.version if group in turn.state.orders else ""
        if before != item.version:
            where = "" if group == REST else f" ({group})"
            told.append(f"{before} → {item.version}{where}" if before else f"{item.version}{where}")
    return f"{turn.key[0]}/{turn.key[1]}: {', '.join(told) or 'as it should be'}"


def _objects(files: Mapping[str, str]) -> list[Object]:
    found = (each for name, text in files.items() for each in yamls.load_all(text, where=name))
    return [each for each in found if each["kind"] != "Kustomization"]
