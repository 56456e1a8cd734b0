"""What tests of delivery from Git share: a repository that hub and edges reach, and what they take of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import i4q_ai as i4q
from i4q_ai import yamls
from i4q_ai.backends.base import Pulled, Subscription
from i4q_ai.deadline import Deadline
from i4q_ai.gitops import Source, repository
from i4q_ai.status import Phase

if TYPE_CHECKING:
    from tests.testbed.subscriptions import Subscriptions

T = TypeVar("T")

PATIENCE = 240.0
"""Seconds after which something that must happen counts as not happening."""


def soon() -> Deadline:
    """A deadline by which a call has long been done."""
    return Deadline.after(60)


def config_map(name: str, value: str, **about: Any) -> dict[str, Any]:
    """The smallest object that says what it is of."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **about}, "data": {"version": value}}


def version(acm: Subscriptions, edge: str, namespace: str, name: str = "line") -> str:
    """The version of an edge's ConfigMap; empty without one."""
    found = acm.management.edges[edge].kubectl(
        "get", "configmap", name, "-n", namespace, "-o", "json", "--ignore-not-found"
    )
    return str(json.loads(found)["data"]["version"]) if found else ""


@dataclass(frozen=True)
class Line:
    """A folder in Git, and the clusters that take it.

    Args:
        hub: that tells them.
        repo: its URL.
        placement: of the clusters.
        name: of the publication.
    """

    hub: i4q.Hub
    repo: str
    placement: i4q.Placement
    name: str = "line"

    def push(self, folders: Mapping[str, Iterable[dict[str, Any]] | str | None]) -> str:
        """Push what folders hold: objects, or text that is none; the commit."""
        told = {
            folder: None
            if given is None
            else {"all.yaml": given if isinstance(given, str) else "---\n".join(map(yamls.dump, given))}
            for folder, given in folders.items()
        }
        source = Source(repo=self.repo)
        return repository.write(source, told, message="Test", author="Test <test@example.com>", deadline=soon()).id

    def wanted(self, commit: str, *, folders: Mapping[str, str] | None = None, **more: Any) -> Subscription:
        """What the hub is told."""
        return Subscription(
            namespace=self.hub.namespace, name=self.name, repo=self.repo, folders=dict(folders or {"*": "a"}),
            placement=self.placement, commit=commit, **more,
        )  # fmt: skip

    def follow(self, commit: str, **more: Any) -> None:
        """Tell the hub."""
        self.hub.engine.fleet.subscribe(self.wanted(commit, **more), deadline=soon())

    def leave(self) -> None:
        """Tell it no more."""
        self.hub.engine.fleet.unsubscribe(self.hub.namespace, self.name, deadline=soon())

    def pulled(self) -> dict[str, Pulled]:
        """Cluster → what it says."""
        found = self.hub.engine.fleet.pulled(self.hub.namespace, self.name, deadline=soon())
        return {each.cluster: each for each in found}

    def until(self, good: Callable[[dict[str, Pulled]], bool]) -> dict[str, Pulled]:
        """Wait for what clusters say."""
        return until(self.pulled, good)

    def ready(self, commit: str, clusters: Iterable[str]) -> dict[str, Pulled]:
        """Wait until these clusters, and no others, have a commit."""
        wanted = set(clusters)

        def good(found: dict[str, Pulled]) -> bool:
            return found.keys() == wanted and all(
                (each.phase, each.commit) == (Phase.READY, commit) for each in found.values()
            )

        return self.until(good)


def until(look: Callable[[], T], good: Callable[[T], bool]) -> T:
    """Look again and again until it is as it should be."""
    end = time.monotonic() + PATIENCE
    while True:
        found = look()
        if good(found):
            return found
        assert time.monotonic() < end, f"not in time: {found}"
        time.sleep(0.2)  # neither edges nor reports can be watched in one
