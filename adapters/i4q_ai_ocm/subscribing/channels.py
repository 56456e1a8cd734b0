"""Channels of a hub: one for each repository, shared by all who take from it, and gone with the last of them."""

from __future__ import annotations

import logging

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ForbiddenError, NotFoundError, UnsupportedError
from i4q_ai.manifests import Object, selector
from i4q_ai_ocm.settings import Git
from i4q_ai_ocm.subscribing.making import new_channel
from i4q_ai_ocm.subscribing.objects import Owned
from i4q_ai_ocm.subscribing.things import CHANNEL, SUBSCRIPTION, Channel
from i4q_ai_ocm.subscribing.translating import read, write

log = logging.getLogger(__name__)

_KEYS = ({"user", "accessToken"}, {"sshKey"}, {"clientKey", "clientCert"})
"""What a Secret of a Git channel holds: one of these."""
_ABOUT = ("name", "namespace", "labels", "annotations")


class Channels:
    """The Git channels of a hub.

    Args:
        owned: what is ours there.
    """

    def __init__(self, owned: Owned) -> None:
        self._owned = owned

    def of(self, repo: str, git: Git, deadline: Deadline) -> Channel:
        """The channel of a repository: one that is there already, whoever has made it, else one of ours.

        Raises:
            UnsupportedError: the hub has no channels.
        """
        shared = selector(hub=self._owned.hub.home.hub(deadline))
        wanted = new_channel(repo, git, labels=shared)
        try:
            found = list(self._owned.api.list(CHANNEL, None, deadline=deadline).items)
        except ForbiddenError as error:
            log.info("whether there is a Channel for that repository cannot be seen: %s", error.what)
            present = self._owned.find(CHANNEL, write(wanted), deadline)
            found = [present] if present else []
        except NotFoundError as error:
            raise UnsupportedError(
                "the hub has no Channels and Subscriptions, so its clusters take nothing from Git",
                hint="install multicloud-operators-subscription, or ACM, on it",
            ) from error
        same = [each for each in found if _takes(each, repo)]
        if any(self._owned.is_shared(each, deadline) for each in same):
            mine = next(each["metadata"]["name"] for each in same if self._owned.is_shared(each, deadline))
            return new_channel(repo, git, labels=shared, name=mine)
        if same:
            about = {key: same[0]["metadata"][key] for key in _ABOUT if key in same[0]["metadata"]}
            return read({**same[0], "metadata": about}, Channel)
        taken = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in found}
        if (wanted.namespace, wanted.name) in taken:  # two repositories may be called alike
            return new_channel(repo, git, labels=shared, apart=True)
        return wanted

    def put(self, wanted: Channel, deadline: Deadline) -> None:
        """Make a channel, or bring one of ours to this; those of others stay as they are."""
        told = write(wanted)
        present = self._owned.find(CHANNEL, told, deadline)
        if present is None or self._owned.is_shared(present, deadline):
            self._owned.put(CHANNEL, told, deadline)

    def keep(self, wanted: Channel, deadline: Deadline) -> None:
        """Make it once more if whoever left last has just taken it away."""
        if self._owned.find(CHANNEL, write(wanted), deadline) is None:
            self.put(wanted, deadline)

    def drop(self, key: str, deadline: Deadline) -> None:
        """Delete a channel of ours that nobody takes from any more.

        Args:
            key: its namespace and name, with a slash.
            deadline: when to give up.
        """
        namespace, _, name = key.partition("/")
        found = self._owned.api.get(CHANNEL, namespace, name, deadline=deadline)
        if found is None or not self._owned.is_shared(found, deadline):
            return
        try:
            users = self._owned.api.list(SUBSCRIPTION, None, deadline=deadline).items
        except ForbiddenError as error:
            log.info("Channel %s stays, for who takes from it cannot be seen: %s", key, error.what)
            return
        if not any(key in (each["spec"].get("channel"), each["spec"].get("secondaryChannel")) for each in users):
            self._owned.api.delete(CHANNEL, namespace, name, uid=found["metadata"]["uid"], deadline=deadline)

    def check(self, wanted: Channel, deadline: Deadline) -> None:
        """Refuse a channel whose Secret or ConfigMap is not there; of a Secret, the names of its keys are looked at.

        Raises:
            NotFoundError: it is not there.
            UnsupportedError: the Secret has none of the keys that are read.
        """
        for kind, ref in (("Secret", wanted.secret), ("ConfigMap", wanted.config_map)):
            if ref is None or ref.name is None:
                continue
            try:
                found = self._owned.api.get(kind, wanted.namespace, ref.name, deadline=deadline)
            except ForbiddenError as error:
                log.info("whether Channel '%s' has its %s cannot be seen: %s", wanted.name, kind, error.what)
                continue
            _check_beside(wanted, kind, ref.name, found)


def _check_beside(wanted: Channel, kind: str, name: str, found: Object | None) -> None:
    if found is None:
        keys = "user and accessToken, or sshKey" if kind == "Secret" else "caCerts"
        raise NotFoundError(
            f"there is no {kind} '{wanted.namespace}/{name}' for Channel '{wanted.name}'",
            hint=f"kubectl create namespace {wanted.namespace}, and in it the {kind} with {keys}",
        )
    keys_there = set(found.get("data") or {})
    if kind == "Secret" and not any(need <= keys_there for need in _KEYS):
        raise UnsupportedError(
            f"Secret '{wanted.namespace}/{name}' has {', '.join(sorted(keys_there)) or 'no keys'}",
            hint="its keys are user and accessToken, or sshKey, or clientKey and clientCert",
        )


def _takes(found: Object, repo: str) -> bool:
    spec = found["spec"]
    return spec.get("pathname") == repo and str(spec.get("type", "")).lower() in ("git", "github")
