"""What all our pods have in common: no rights, a read-only root, and the model where the container expects it."""

from __future__ import annotations

from typing import Any

from i4q_ai.desired import Item
from i4q_ai.manifests import naming
from i4q_ai.manifests.order import Object
from i4q_ai.manifests.site import Site

USER = 65532
PORT = 8080
"""On which model servers listen."""
HOLD = 3
"""Seconds that a server which must go still takes requests, until no Service sends it any more."""
GRACE = 45
"""Seconds for requests in flight, the hold included."""
LAST_WORDS = 10
"""Seconds that a workload has to end; many programs do not heed the signal to, as the first process of a container."""
PATIENCE = 300
"""Seconds without progress after which a roll-out counts as stuck."""

_PYTHON = "python3"


def metadata(item: Item, site: Site, *, name: str | None = None) -> dict[str, Any]:
    """Name, namespace, labels and annotations of an object of a deployment."""
    return {
        "name": name or naming.object_name(item.kind, item.name),
        "namespace": site.namespace,
        "labels": naming.labels(item, site),
        "annotations": naming.stamps(item),
    }


def deployment(item: Item, site: Site, pod: dict[str, Any], *, replicas: int = 1, surge: bool = True) -> Object:
    """An `apps/v1 Deployment` that replaces pods without ever having fewer of them.

    Args:
        item: what it is of.
        site: where.
        pod: the spec of its pods.
        replicas: how many.
        surge: start the next one before the last one goes; else the other way round.
    """
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(item, site),
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": PATIENCE,
            "revisionHistoryLimit": 3,
            "strategy": rolling if surge else {"type": "Recreate"},
            "selector": {"matchLabels": naming.match(item, site)},
            "template": {
                "metadata": {"labels": naming.labels(item, site), "annotations": naming.pod_annotations(item)},
                "spec": pod,
            },
        },
    }


def service(item: Item, site: Site, port: int) -> Object:
    """A Service in front of what listens on a port."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(item, site),
        "spec": {
            "selector": naming.match(item, site),
            "ports": [{"name": "http", "port": port, "targetPort": port, "protocol": "TCP"}],
        },
    }


def budget(item: Item, site: Site) -> Object:
    """A PodDisruptionBudget: a drained node takes one pod at a time, and never waits for a broken one."""
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(item, site),
        "spec": {
            "maxUnavailable": 1,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": naming.match(item, site)},
        },
    }


def pod(
    site: Site, *, containers: list[Object], volumes: list[Object], grace: int = GRACE, **more: Any
) -> dict[str, Any]:
    """The spec of a pod.

    Args:
        site: where.
        containers, volumes: of it; a writable `/tmp` comes with them.
        grace: seconds that it has to end.
        more: further fields.
    """
    spec = {
        "enableServiceLinks": False,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": grace,
        "securityContext": {
            "runAsNonRoot": True,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": containers,
        "volumes": [*volumes, {"name": "tmp", "emptyDir": {}}],
        **more,
    }
    if site.pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in site.pull_secrets]
    return spec


def container(
    name: str, image: str, *, mounts: list[Object], requests: dict[str, str], own: bool, **more: Any
) -> Object:
    """A container without rights.

    Args:
        name, image: of it.
        mounts: of the pod's volumes; `/tmp` comes with them.
        requests: resources.
        own: it is of our image: a fixed user, and a root that cannot be written.
        more: further fields.
    """
    context: dict[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    if own:
        context |= {"runAsUser": USER, "runAsGroup": USER, "readOnlyRootFilesystem": True}
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "resources": {"requests": dict(requests)},
        "securityContext": context,
        "volumeMounts": [*mounts, {"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - inside a container
        **more,
    }


def program(site: Site, name: str, *arguments: str, mounts: list[Object], env: list[Object] | None = None) -> Object:
    """A container that runs one of our own modules."""
    return container(
        name,
        site.image,
        mounts=mounts,
        requests={"cpu": "20m", "memory": "96Mi"},
        own=True,
        command=[_PYTHON, "-m", *arguments],
        env=[*plain_http(site), *(env or [])],
    )


def plain_http(site: Site) -> list[Object]:
    """The variable that lets our programs ask registries of the plant over plain http."""
    return [{"name": "I4Q_PLAIN_HTTP", "value": ",".join(site.plain_http)}] if site.plain_http else []


def artifact(item: Item, site: Site, name: str, path: str) -> tuple[Object, Object, list[Object]]:
    """What brings an artifact into a pod by digest: a volume, its mount, and the init containers it needs.

    Args:
        item: whose files.
        site: where; it says whether nodes mount artifacts by themselves.
        name: of the volume.
        path: where it is mounted; the files lie in `models` or `app` below it.
    """
    if not site.image_volumes or item.trust is not None:  # a node asks nobody who has signed what it mounts
        return fetched(item, site, name, path)
    volume = {"name": name, "image": {"reference": item.references[0], "pullPolicy": "IfNotPresent"}}
    return volume, {"name": name, "mountPath": path, "readOnly": True}, []


def fetched(item: Item, site: Site, name: str, path: str, *, folder: str = "") -> tuple[Object, Object, list[Object]]:
    """As `artifact`, by an init container and an emptyDir.

    Args:
        item, site, name, path: as there.
        folder: mount this folder of the artifact alone. (Nodes that mount artifacts by themselves may ignore a subPath
            and mount all of it, so those cannot.)
    """
    work = f"/i4q/fetch-{name}"
    writable = {"name": name, "mountPath": work}
    asked = [item.references[0], f"{work}/tree", *(["--trust", item.trust.to_json()] if item.trust else [])]
    fetch = program(site, f"fetch-{name}", "i4q_ai.edge.fetch", *asked, mounts=[writable])
    part = f"tree/{folder}" if folder else "tree"
    return {"name": name, "emptyDir": {}}, {"name": name, "mountPath": path, "subPath": part, "readOnly": True}, [fetch]
