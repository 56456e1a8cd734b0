"""What a hub is told so that clusters take folders from Git: object for object what the console makes. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from i4q_ai.backends.base import Subscription
from i4q_ai.placement import REST
from i4q_ai_ocm.settings import Git
from i4q_ai_ocm.subscribing import names, placementrules
from i4q_ai_ocm.subscribing.things import (
    GROUP,
    REFRESHED,
    Application,
    AppSub,
    Channel,
    Reference,
    Requirement,
    Selector,
    Where,
)
from i4q_ai_ocm.subscribing.translating import write
from i4q_ai_ocm.translate import placements
from i4q_ai_ocm.translate.about import NOTHING

Object = dict[str, Any]

COMMIT = "i4q.ai/commit"
"""Annotation of a Subscription: the commit for which clusters were last told to look."""
GROUPED = "i4q.ai/group"
"""Annotation of a Subscription: its group."""
SUBSCRIPTIONS = f"{GROUP}/subscriptions"
"""Annotation of an Application by which the console draws it."""


_PIN, _DEPTH = f"{GROUP}/git-desired-commit", f"{GROUP}/git-clone-depth"
_NEUTRAL = {f"{GROUP}/git-path": ".", f"{GROUP}/reconcile-option": "merge", f"{GROUP}/reconcile-rate": "medium"}


@dataclass(frozen=True)
class Group:
    """What one group of a placement needs.

    Args:
        name: of the group.
        placement: the Placement or PlacementRule.
        subscription: that its clusters take.
    """

    name: str
    placement: Object
    subscription: Object

    def with_refresh(self, time: str | None, present: Mapping[str, str] = NOTHING) -> Group:
        """The same, with another time for which clusters are told to look; None for none.

        What a cluster was told by an annotation it never forgets: work agents add and change annotations, and take none
        away. So whatever has been said stays said, by a value that means as good as nothing.

        Args:
            time: for which they are told.
            present: annotations of the Subscription as it lies on the hub.
        """
        about = self.subscription["metadata"]
        marks = {key: value for key, value in about["annotations"].items() if key != REFRESHED}
        marks |= {REFRESHED: time} if time else {}
        marks |= {key: value for key, value in _NEUTRAL.items() if key in present and key not in marks}
        if _PIN in present and _PIN not in marks:
            marks |= {_PIN: marks.get(COMMIT, present[_PIN]), _DEPTH: present.get(_DEPTH, "20")}
        return Group(self.name, self.placement, {**self.subscription, "metadata": {**about, "annotations": marks}})


@dataclass(frozen=True)
class Bundle:
    """All that a hub is told.

    Args:
        channel: to take from; shared by all who take from that repository.
        application: by which people see it.
        groups: of the placement.
        bindings: of the sets from which it chooses.
    """

    channel: Channel
    application: Object
    groups: tuple[Group, ...]
    bindings: tuple[Object, ...]

    def objects(self) -> list[Object]:
        """In the order in which they are written."""
        spaces = [self.channel.namespace, self.application["metadata"]["namespace"]]
        return [*(_namespace(each) for each in spaces), write(self.channel), *self.bindings, *self.owned()]

    def owned(self) -> list[Object]:
        """Those that are of this publication alone."""
        placements = [each.placement for each in self.groups]
        return [*placements, self.application, *(each.subscription for each in self.groups)]


def bundle(
    wanted: Subscription,
    git: Git,
    source: Channel,
    *,
    sets: Sequence[str] = (),
    labels: Mapping[str, str] = NOTHING,
    only: Set[str] | None = None,
) -> Bundle:
    """The objects for one subscription of ours.

    Args:
        wanted: what clusters shall take.
        git: how, by the hub's settings.
        source: the channel of that repository.
        sets: ManagedClusterSets to choose from.
        labels: by which our objects are known.
        only: groups that have something to take already; all without.

    Raises:
        InvalidError: the namespace leaves no room for names.
        UnsupportedError: a rule that the hub cannot say.
    """
    app = names.application(wanted.name)
    known = {**labels, "app": app}
    groups = tuple(
        _group(wanted, group, git, source, sets, known)
        for group in wanted.placement.group_names
        if only is None or group in only
    )
    drawn = ",".join(f"{wanted.namespace}/{each.subscription['metadata']['name']}" for each in groups)
    application = Application(
        namespace=wanted.namespace,
        name=app,
        labels=known,
        annotations={SUBSCRIPTIONS: drawn},
        kinds=({"group": GROUP, "kind": "Subscription"},),
        descriptor={},
        selector=Selector(match_expressions=(Requirement(key="app", operator="In", values=(app,)),)),
    )
    bindings = () if git.placement_rules else tuple(placements.binding(wanted.namespace, one) for one in sets)
    return Bundle(source, write(application), groups, bindings)


def new_channel(
    repo: str, git: Git, *, labels: Mapping[str, str] = NOTHING, name: str = "", apart: bool = False
) -> Channel:
    """The Channel of a repository, called as the console would.

    Args:
        repo: its URL.
        git: the hub's settings.
        labels: of the channel.
        name: another one.
        apart: there is another repository's of that name, so that this one's has a hash.
    """
    name = name or names.channel("Git", repo, apart=apart)
    return Channel(
        namespace=names.channel_namespace(name),
        name=name,
        labels=dict(labels),
        type="Git",
        pathname=repo,
        secret=Reference(name=git.secret) if git.secret else None,
        config_map=Reference(name=git.config_map) if git.config_map else None,
        insecure=True if git.insecure else None,
        rate=git.rate,
    )


def _group(
    wanted: Subscription,
    group: str,
    git: Git,
    channel: Channel,
    sets: Sequence[str],
    labels: Mapping[str, str],
) -> Group:
    name = names.placement(wanted.name, group)
    if git.placement_rules:
        rule = placementrules.rule(wanted.namespace, name, wanted.placement, group)
        place = write(rule.replace(labels=dict(labels)))
    else:
        place = placements.placement(wanted.namespace, name, wanted.placement, group, sets=sets, labels=labels)
    marks = {COMMIT: wanted.commit} if wanted.commit else {}
    told = AppSub(
        namespace=wanted.namespace,
        name=names.subscription(wanted.namespace, wanted.name, group),
        labels=dict(labels),
        annotations={**marks, GROUPED: group} if group != REST else marks,
        channel=f"{channel.namespace}/{channel.name}",
        where=Where(ref=Reference(kind=place["kind"], name=name)),
        path=wanted.folder(group) or None,
        branch=wanted.branch,
        commit=wanted.commit if wanted.pinned else None,
        depth=str(git.depth) if wanted.pinned else None,
        option=git.option,
        rate="off" if git.rate == "off" else None,
        window=git.window,
        overrides=git.overrides,
    )
    return Group(group, place, write(told))


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
