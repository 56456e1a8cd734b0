"""Getting at what runs on a cluster: forwarded ports and logs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.desired import Item, WorkloadItem
from i4q_ai.errors import UnreachableError
from i4q_ai.kube import Api, Forward
from i4q_ai.manifests import selector
from i4q_ai.manifests.pods import PORT
from i4q_ai_kubectl import pods as podding
from i4q_ai_kubectl.contacts import PATIENCE


@dataclass(frozen=True)
class Pods:
    """The pods of a namespace of a cluster.

    Args:
        api: of the cluster.
        cluster: its name.
        namespace: there.
        hub: the id that our objects carry.
    """

    api: Api
    cluster: str
    namespace: str
    hub: str

    def of(self, namespace: str, name: str, deadline: Deadline) -> list[dict[str, Any]]:
        """Those of one deployment."""
        labels = selector(namespace, name, hub=self.hub)
        return [*self.api.list("Pod", self.namespace, labels=labels, deadline=deadline).items]


class Forwards:
    """Forwarded ports, one for each deployment on a cluster; each connection goes to a pod that takes requests then."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str, str, int], Forward] = {}
        self._lock = threading.Lock()

    def url(self, pods: Pods, item: Item, deadline: Deadline) -> str:
        """The base URL on the loopback interface behind which a deployment answers, whatever pods it has.

        Args:
            pods: of the namespace in which it lies.
            item: what is asked for.
            deadline: when to give up.

        Raises:
            UnreachableError: no pod of it takes requests.
        """
        port = item.port if isinstance(item, WorkloadItem) else PORT if item.flavour in ("server", "image") else None
        if port is None:
            raise UnreachableError(f"'{item.namespace}/{item.name}' does not listen anywhere")
        namespace, name = item.namespace, item.name
        _taking(pods, namespace, name, deadline)

        def choose() -> str:
            return _taking(pods, namespace, name, Deadline.after(PATIENCE))

        key = (pods.cluster, namespace, name, port)
        with self._lock:
            if key not in self._open:
                self._open[key] = pods.api.forward(pods.namespace, choose, port)
            return self._open[key].url

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            for forward in self._open.values():
                forward.close()
            self._open.clear()


def _taking(pods: Pods, namespace: str, name: str, deadline: Deadline) -> str:
    """The newest pod of a deployment that takes requests.

    Raises:
        UnreachableError: none does.
    """
    found = pods.of(namespace, name, deadline)
    taking = [pod for pod in found if podding.ready(pod)]
    if not taking:
        trouble = podding.worst(found)
        why = f" ({trouble.reason}: {trouble.message})" if trouble else ""
        raise UnreachableError(f"'{namespace}/{name}' does not answer on cluster '{pods.cluster}'{why}")
    newest: str = _newest(taking)["metadata"]["name"]
    return newest


def _newest(found: list[dict[str, Any]]) -> dict[str, Any]:
    return max(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))


def logs(pods: Pods, namespace: str, name: str, *, lines: int, follow: bool, deadline: Deadline) -> Iterator[str]:
    """The log of the newest pod of a deployment.

    Raises:
        UnreachableError: there is no pod.
    """
    found = pods.of(namespace, name, deadline)
    if not found:
        raise UnreachableError(f"no pod of '{namespace}/{name}' is on cluster '{pods.cluster}', so there is no log")
    newest = _newest(found)
    container = newest["spec"]["containers"][0]["name"]
    return pods.api.logs(
        pods.namespace, newest["metadata"]["name"], container=container, lines=lines, follow=follow, deadline=deadline
    )
