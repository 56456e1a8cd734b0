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
    """Forwarded ports, each kept as long as its pod takes requests."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str, str], tuple[str, Forward]] = {}
        self._lock = threading.Lock()

    def url(self, pods: Pods, item: Item, deadline: Deadline) -> str:
        """The base URL on the loopback interface behind which a pod of a deployment answers.

        Args:
            pods: of the namespace in which it lies.
            item: what is asked for.
            deadline: when to give up.

        Raises:
            UnreachableError: no pod of it takes requests.
        """
        port = item.port if isinstance(item, WorkloadItem) else PORT if item.flavour in ("server", "image") else None
        what = f"'{item.namespace}/{item.name}'"
        if port is None:
            raise UnreachableError(f"{what} does not listen anywhere")
        found = pods.of(item.namespace, item.name, deadline)
        taking = sorted(
            (pod for pod in found if podding.ready(pod)), key=lambda pod: podding.digest(pod) != item.digest
        )
        if not taking:
            trouble = podding.worst(found)
            why = f" ({trouble.reason}: {trouble.message})" if trouble else ""
            raise UnreachableError(f"{what} does not answer on cluster '{pods.cluster}'{why}")
        names = [pod["metadata"]["name"] for pod in taking if podding.digest(pod) == podding.digest(taking[0])]
        key = (pods.cluster, item.namespace, item.name)
        with self._lock:
            name, forward = self._open.get(key, ("", None))
            if forward is None or name not in names:
                if forward is not None:
                    forward.close()
                forward = pods.api.forward(pods.namespace, names[0], port)
                self._open[key] = (names[0], forward)
            return forward.url

    def close(self) -> None:
        """End all of them."""
        with self._lock:
            for _, forward in self._open.values():
                forward.close()
            self._open.clear()


def logs(pods: Pods, namespace: str, name: str, *, lines: int, follow: bool, deadline: Deadline) -> Iterator[str]:
    """The log of the newest pod of a deployment.

    Raises:
        UnreachableError: there is no pod.
    """
    found = pods.of(namespace, name, deadline)
    if not found:
        raise UnreachableError(f"no pod of '{namespace}/{name}' is on cluster '{pods.cluster}', so there is no log")
    newest = max(found, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))
    container = newest["spec"]["containers"][0]["name"]
    return pods.api.logs(
        pods.namespace, newest["metadata"]["name"], container=container, lines=lines, follow=follow, deadline=deadline
    )
