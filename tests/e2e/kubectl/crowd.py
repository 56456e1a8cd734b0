"""Many clusters on one API server: each a namespace, with one more for home."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.hub import Hub
from i4q_ai.kube import Api
from i4q_ai.manifests import selector
from i4q_ai.manifests.order import ORDER
from i4q_ai_kubectl.inventory import Claim, Entry, Home, Inventory
from tests.testbed.apiserver import ApiServer

IMAGE = f"registry.invalid/edge@sha256:{'0' * 64}"
"""Of the edge image; there is no node that would pull it."""
LIMIT = 300.0
"""Seconds that anything may take; far more than it needs."""
KINDS = tuple(kind for kind in ORDER if kind != "Namespace")


class Crowd:
    """Makes clusters; what it made goes in the background when it is closed.

    Args:
        apiserver: on which they all are.
        folder: for the inventory.
        prefix: of its namespaces, unique.
    """

    def __init__(self, apiserver: ApiServer, folder: Path, *, prefix: str) -> None:
        self.api = Api.open(kubeconfig=apiserver.kubeconfig)
        self.home = f"{prefix}-home"
        self.path = folder / "clusters.yaml"
        self.names: tuple[str, ...] = ()
        self._apiserver = apiserver
        self._prefix = prefix

    def namespace(self, cluster: str) -> str:
        """In which everything of a cluster lies."""
        return f"{self._prefix}-{cluster}"

    def make(self, count: int, *, kubeconfig: Path | None = None, storage: bool = False) -> str:
        """Make clusters c1, c2, …; gives the address of a hub over them.

        Args:
            count: how many.
            kubeconfig: that the hub uses; the administrator's if not given.
            storage: with a claim for the files of models.
        """
        self.names = tuple(f"c{number}" for number in range(1, count + 1))
        for namespace in (self.home, *map(self.namespace, self.names)):
            wanted = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
            self.api.create(wanted, deadline=soon())
        config = str(kubeconfig or self._apiserver.kubeconfig)
        claim = Claim(size="1Mi") if storage else None
        entries = tuple(
            Entry(name=name, kubeconfig=config, namespace=self.namespace(name), storage=claim) for name in self.names
        )
        home = Home(kubeconfig=config, namespace=self.home)
        self.path.write_text(Inventory(home=home, clusters=entries, image=IMAGE).to_yaml(), encoding="utf-8")
        return f"kubectl://{self.path}"

    def objects(self, cluster: str) -> dict[tuple[str, str], dict[str, Any]]:
        """Kind and name of everything of ours on a cluster, with what it carries."""
        found = {}
        for kind in KINDS:
            for each in self.api.list(kind, self.namespace(cluster), labels=selector(), deadline=soon()).items:
                found[kind, each["metadata"]["name"]] = each
        return found

    def ledger(self, cluster: str) -> dict[str, Any]:
        """What home knows of a cluster, as it is written."""
        found = self.api.get("ConfigMap", self.home, f"i4q-cluster-{cluster}", deadline=soon())
        assert found is not None, f"home knows nothing of {cluster}"
        told: dict[str, Any] = json.loads(found["data"]["ledger.json"])
        return told

    def close(self) -> None:
        """Give its namespaces back, in the background."""
        for namespace in (self.home, *map(self.namespace, self.names)):
            self.api.delete("Namespace", None, namespace, deadline=soon())
        self.api.close()


def soon() -> Deadline:
    """A deadline that a busy machine keeps."""
    return Deadline.after(LIMIT, "a test")


def open_hub(address: str) -> Hub:
    """A hub whose calls may take as long as a busy machine needs."""
    return Hub(address, namespace="plant", timeout=LIMIT)
