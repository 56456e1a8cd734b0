"""The hub's Subscriptions: written so that clusters take folders from Git by themselves, and taken back."""

from __future__ import annotations

import logging
from collections.abc import Callable, Set
from dataclasses import replace
from datetime import UTC, datetime
from typing import Literal

from i4q_ai.backends.base import Pulled, Subscription
from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, ForbiddenError, OwnedError, UnsupportedError
from i4q_ai.manifests import Object
from i4q_ai_ocm import rights
from i4q_ai_ocm.hub import HubObjects
from i4q_ai_ocm.placing import vet
from i4q_ai_ocm.settings import Git
from i4q_ai_ocm.subscribing import looks, pitfalls, placementrules
from i4q_ai_ocm.subscribing.channels import Channels
from i4q_ai_ocm.subscribing.making import COMMIT, GROUPED, Bundle, bundle
from i4q_ai_ocm.subscribing.objects import Owned
from i4q_ai_ocm.subscribing.pulling import Pulling
from i4q_ai_ocm.subscribing.things import APPLICATION, PLACEMENT, REFRESHED, RULE, SUBSCRIPTION, AppSub
from i4q_ai_ocm.subscribing.translating import read
from i4q_ai_ocm.translate import names as ordering

log = logging.getLogger(__name__)

_SOURCE = "i4q.ai/source"
"""Label: whether a publication or a deployment is what the object is of."""
_LOOK = 0.1
"""Seconds between two looks at what is on its way out; it takes a fraction of a second where all is well."""
_KINDS = {"Subscription": SUBSCRIPTION, "Application": APPLICATION, "PlacementRule": RULE, "Placement": PLACEMENT}


class Subscribing:
    """The Subscriptions of a hub.

    Args:
        objects: of the hub.
        follows: whether the hub follows standing orders, and so looks.
        source: from what they come; what comes from the one is not the other's to change.
    """

    def __init__(
        self, objects: HubObjects, follows: Callable[[Deadline], bool], *, source: Literal["publication", "deployment"]
    ) -> None:
        self._objects = objects
        self._source = source
        self._follows = follows
        self._owned = Owned(objects)
        self._channels = Channels(self._owned)
        self._pulling = Pulling(self._owned)

    def check(self, wanted: Subscription, deadline: Deadline, *, groups: Set[str] | None = None) -> Bundle:
        """Refuse what could not be told, before anything is written.

        Args:
            wanted: what shall be told.
            deadline: when to give up.
            groups: that have something to take already; all without.

        Returns:
            What would be told.

        Raises:
            UnsupportedError: the hub has no Subscriptions, its settings do not say how, or a rule it cannot say.
            RuleError, InvalidError: the placement would select nobody; no room for names.
            OwnedError: objects of these names are somebody else's.
            NotFoundError: the Secret or ConfigMap of the settings is not there.
        """
        git = self._git(wanted.namespace, wanted.name)
        made = self._made(wanted, git, groups, deadline)
        if git.placement_rules:
            log.warning("%s/%s: %s", wanted.namespace, wanted.name, placementrules.WARNING)
        else:
            found = self._owned.api.list("ManagedClusterSet", None, deadline=deadline).items
            for group in made.groups:
                vet(group.placement, [each["metadata"]["name"] for each in found])
        for each in made.owned():
            self._require_ours(each, wanted, deadline)
        self._channels.check(made.channel, deadline)
        for trap in dict.fromkeys(
            each for group in made.groups for each in pitfalls.told(read(group.subscription, AppSub), made.channel)
        ):
            log.warning("%s/%s: %s", wanted.namespace, wanted.name, trap)
        return made

    def subscribe(self, wanted: Subscription, deadline: Deadline, *, groups: Set[str] | None = None) -> None:
        """Have the clusters of a placement take folders from Git; told of another commit, they look at once.

        Args:
            wanted, deadline, groups: as for `check`.

        Raises:
            UnsupportedError, RuleError, InvalidError, OwnedError, NotFoundError: as `check`.
        """
        made = self._refreshed(self.check(wanted, deadline, groups=groups), deadline)
        self._channels.put(made.channel, deadline)
        for each in made.bindings:
            self._bind(each, deadline)
        for each in made.owned():
            self._owned.put(_KINDS[each["kind"]], each, deadline)
        self._look(wanted, made, deadline)
        self._drop(wanted.namespace, wanted.name, made, deadline)
        self._channels.keep(made.channel, deadline)

    def unsubscribe(self, namespace: str, name: str, deadline: Deadline) -> None:
        """Have clusters follow no more; they take away what they took.

        Raises:
            ForbiddenError: a right is missing.
        """
        self._git(namespace, name)
        self._drop(namespace, name, None, deadline)

    def refresh(self, namespace: str, name: str, deadline: Deadline) -> None:
        """Have clusters look now, whether there is something new or not."""
        labels = self._owned.labels(namespace, name, deadline)
        for each in self._owned.listed(SUBSCRIPTION, namespace, labels, deadline):
            about = each["metadata"]
            marks = {**(about.get("annotations") or {}), REFRESHED: _now()}
            self._owned.put(SUBSCRIPTION, {**each, "metadata": {**about, "annotations": marks}}, deadline)

    def gone(self, namespace: str, name: str, patience: float, deadline: Deadline) -> bool:
        """Wait until the hub tells no cluster of it any more; False if that takes longer than so many seconds."""
        short = Deadline.after(max(0.001, deadline.left(patience)))
        while self._pulling.pulled(namespace, name, deadline):
            if short.passed:
                return False
            deadline.pause(_LOOK)
        return True

    def pulled(self, namespace: str, name: str, deadline: Deadline) -> list[Pulled]:
        """What clusters say, by cluster."""
        self._git(namespace, name)
        return self._pulling.pulled(namespace, name, deadline)

    # writing

    def _made(self, wanted: Subscription, git: Git, groups: Set[str] | None, deadline: Deadline) -> Bundle:
        return bundle(
            wanted,
            git,
            self._channels.of(wanted.repo, git, deadline),
            sets=self._objects.settings.sets,
            labels={**self._owned.labels(wanted.namespace, wanted.name, deadline), _SOURCE: self._source},
            only=groups,
        )

    def _refreshed(self, made: Bundle, deadline: Deadline) -> Bundle:
        """With the time for which clusters are told to look, where there is something new."""
        now, groups = _now(), []
        for group in made.groups:
            present = self._owned.find(SUBSCRIPTION, group.subscription, deadline)
            marks = (present["metadata"].get("annotations") or {}) if present else {}
            groups.append(group.with_refresh(_refresh(present, group.subscription, now), marks))
        return replace(made, groups=tuple(groups))

    def _bind(self, wanted: Object, deadline: Deadline) -> None:
        if self._owned.find(wanted["kind"], wanted, deadline) is None:
            try:
                with rights.told():
                    self._objects.home.create(wanted, deadline)
            except ConflictError:
                log.debug("set %s has been bound meanwhile", wanted["metadata"]["name"])

    def _look(self, wanted: Subscription, made: Bundle, deadline: Deadline) -> None:
        """Looks at the edge, where the hub carries them there; a PlacementRule is none that they could follow."""
        if made.groups[0].placement["kind"] == "PlacementRule" or not self._follows(deadline):
            return
        labels = self._owned.looking(wanted.namespace, wanted.name, deadline)
        found = self._owned.listed("ManifestWorkReplicaSet", wanted.namespace, labels, deadline)
        present = {each["metadata"]["name"]: each for each in found}
        for group in made.groups:
            subscription = group.subscription["metadata"]["name"]
            look = looks.look(
                wanted.namespace,
                ordering.order(wanted.namespace, f"look-{wanted.name}", group.name),
                group.placement["metadata"]["name"],
                subscription,
                labels=labels,
                annotations={GROUPED: subscription},
            )
            try:
                self._objects.write(look, present.get(look["metadata"]["name"]), deadline)
            except ConflictError:
                log.debug("%s/%s: somebody else has told the hub to look just now", wanted.namespace, wanted.name)

    # taking back

    def _drop(self, namespace: str, name: str, made: Bundle | None, deadline: Deadline) -> None:
        """Take away what is ours and is not wanted any more: what clusters take first, then by what they are chosen."""
        labels = self._owned.labels(namespace, name, deadline)
        stay = {(each["kind"], each["metadata"]["name"]) for each in (made.owned() if made else ())}
        channels: set[str] = set()
        for kind, key in _KINDS.items():
            for each in self._owned.listed(key, namespace, labels, deadline):
                about = each["metadata"]
                if (kind, about["name"]) in stay:
                    continue
                self._owned.api.delete(key, namespace, about["name"], uid=about["uid"], deadline=deadline)
                if kind == "Subscription":
                    channels.add(str(each["spec"]["channel"]))
                    self._drop_works(namespace, about["name"], deadline)
        looking = self._owned.looking(namespace, name, deadline)
        for each in self._owned.listed("ManifestWorkReplicaSet", namespace, looking, deadline):
            if ("Subscription", each["metadata"]["annotations"].get(GROUPED)) not in stay:
                self._objects.delete(each, deadline)
        for channel in channels:
            self._channels.drop(channel, deadline)

    def _drop_works(self, namespace: str, subscription: str, deadline: Deadline) -> None:
        """The hub takes them away by itself, unless its controller did not run at that moment."""
        try:
            for work in self._owned.hosted(namespace, subscription, deadline):
                self._objects.delete(work, deadline)
        except ForbiddenError as error:
            log.info("the works of %s/%s are the hub's alone to delete: %s", namespace, subscription, error.what)

    # inside

    def _git(self, namespace: str, name: str) -> Git:
        git = self._objects.settings.git
        if git is None:
            raise UnsupportedError(
                f"'{namespace}/{name}': the settings of this hub do not say that its clusters take from Git",
                hint="write `git: {}` into the OcmHub, or how",
            )
        return git

    def _require_ours(self, wanted: Object, of: Subscription, deadline: Deadline) -> None:
        found = self._owned.find(_KINDS[wanted["kind"]], wanted, deadline)
        ours = self._owned.labels(of.namespace, of.name, deadline)
        labels = (found["metadata"].get("labels") or {}) if found is not None else {}
        about = wanted["metadata"]
        if found is not None and ours.items() <= labels.items() and labels.get(_SOURCE) != self._source:
            raise OwnedError(
                f"'{of.namespace}/{of.name}' is a {labels.get(_SOURCE, 'deployment')} already, by the {wanted['kind']} "
                f"'{about['name']}'",
                hint="delete it, or take another name=",
            )
        if found is not None and not ours.items() <= labels.items():
            raise OwnedError(
                f"the {wanted['kind']} '{about['namespace']}/{about['name']}' is not ours",
                hint="delete it, or take another name=",
            )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _refresh(present: Object | None, wanted: Object, now: str) -> str | None:
    """When clusters are told to look: as before if nothing is new; not at all if the Subscription itself is new."""
    if present is None:
        return None
    annotations = present["metadata"].get("annotations") or {}
    commit = wanted["metadata"]["annotations"].get(COMMIT)
    if commit is not None and annotations.get(COMMIT) == commit:
        told = annotations.get(REFRESHED)
        return None if told is None else str(told)
    return now
