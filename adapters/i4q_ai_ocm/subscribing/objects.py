"""Objects of the hub's that belong to a publication: found by their labels, written beside the hub's controllers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ConflictError, NotFoundError
from i4q_ai.manifests import Object, selector
from i4q_ai_ocm.hub import HubObjects
from i4q_ai_ocm.subscribing.making import COMMIT, GROUPED
from i4q_ai_ocm.subscribing.things import GROUP, HOSTING, REFRESHED
from i4q_ai_ocm.translate import names

_ROUNDS = 20
"""How often a write is begun anew because the hub's own controllers write at the same time."""
_PAUSE = 0.05
_LOOKS = "i4q.ai/looks-at"
"""Label of a look: the publication, which is no deployment, so that nobody takes it for an order."""
_MARKED = {
    *(f"{GROUP}/{name}" for name in (
        "git-path", "git-branch", "git-tag", "git-desired-commit", "git-clone-depth", "reconcile-option",
        "reconcile-rate", "subscriptions",
    )),
    REFRESHED,
    COMMIT,
    GROUPED,
}  # fmt: skip
"""Annotations that objects of ours may have, and lose again; others are the hub's, or of people."""


class Owned:
    """What is ours on a hub.

    Args:
        hub: its objects.
    """

    def __init__(self, hub: HubObjects) -> None:
        self.hub = hub
        self.api = hub.home.api

    def labels(self, namespace: str, name: str, deadline: Deadline) -> dict[str, str]:
        """By which the objects of a publication are known."""
        return selector(namespace, name, hub=self.hub.home.hub(deadline))

    def looking(self, namespace: str, name: str, deadline: Deadline) -> dict[str, str]:
        """By which its looks are known."""
        return {_LOOKS: f"{self.hub.home.hub(deadline)}.{names.work(namespace, name)[-10:]}"}

    def is_shared(self, found: Object, deadline: Deadline) -> bool:
        """Whether an object is one of ours, whoever's publication it serves."""
        ours = selector(hub=self.hub.home.hub(deadline))
        return ours.items() <= (found["metadata"].get("labels") or {}).items()

    def find(self, kind: str, wanted: Object, deadline: Deadline) -> Object | None:
        """The object of that kind and name, as it is."""
        about = wanted["metadata"]
        return self.api.get(kind, about.get("namespace"), about["name"], deadline=deadline)

    def listed(self, kind: str, namespace: str, labels: Mapping[str, str], deadline: Deadline) -> list[Object]:
        """Objects of a kind; none where the hub does not know the kind."""
        try:
            return list(self.api.list(kind, namespace, labels=labels, deadline=deadline).items)
        except NotFoundError:
            return []

    def put(self, kind: str, wanted: Object, deadline: Deadline) -> None:
        """Make an object, or bring the one that is there to this.

        Raises:
            ConflictError: others write it again and again.
        """
        for left in reversed(range(_ROUNDS)):
            present = self.find(kind, wanted, deadline)
            try:
                if present is None:
                    self.hub.home.create(wanted, deadline)
                elif (changed := merged(present, wanted)) != present:
                    self.api.replace(changed, deadline=deadline)
            except (ConflictError, NotFoundError):
                if not left:
                    raise
                deadline.pause(_PAUSE)
            else:
                return

    def hosted(self, namespace: str, subscription: str, deadline: Deadline) -> Iterator[Object]:
        """The works by which the hub tells clusters of a Subscription."""
        labels = {HOSTING: f"{namespace}.{subscription}"[:63]}
        for work in self.api.list("ManifestWork", None, labels=labels, deadline=deadline).items:
            if work["metadata"]["name"] == f"{namespace}-{subscription}":  # labels are cut, and may be of two
                yield work


def merged(present: Object, wanted: Object) -> Object:
    """What is there, brought to what is wanted; labels and annotations of others stay."""
    known, about = present["metadata"], wanted["metadata"]
    kept = {key: value for key, value in (known.get("annotations") or {}).items() if key not in _MARKED}
    parts = {
        "labels": {**(known.get("labels") or {}), **about.get("labels", {})},
        "annotations": {**kept, **about.get("annotations", {})},
    }
    said = {key: value for key, value in parts.items() if value or key in known}
    return {**present, "metadata": {**known, **said}, "spec": wanted["spec"]}
