"""Workloads: an image, or pushed code in our image; told where their models are, and started once those are there."""

from __future__ import annotations

from typing import Any

from i4q_ai.desired import WorkloadItem
from i4q_ai.manifests import naming, pods
from i4q_ai.manifests.order import Object
from i4q_ai.manifests.site import Site
from i4q_ai.workload import variable

EDGE = "/i4q/edge"
"""The folder that a workload shares with the edge agent beside it."""
_CODE = "/i4q/code"
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_TOKEN_SECONDS = 3600
"""For which a token is good; the kubelet replaces it in time."""


def objects(item: WorkloadItem, site: Site) -> list[Object]:
    """The Deployment of a workload, with a Service if it listens and with what its edge agent needs."""
    found = [pods.deployment(item, site, _pod(item, site), surge=not _paths(item))]
    if item.port is not None:
        found.append(pods.service(item, site, item.port))
    if _paths(item):
        found += _agent_objects(item, site)
    return found


def url(model: str, site: Site) -> str:
    """Where a workload asks a model of its namespace."""
    return f"http://{naming.object_name('model', model)}.{site.namespace}.svc:{pods.PORT}/v2/models/{model}"


def _paths(item: WorkloadItem) -> list[str]:
    return sorted(name for name, want in item.uses.items() if want == "path")


def _urls(item: WorkloadItem) -> list[str]:
    return sorted(name for name, want in item.uses.items() if want == "url")


def _pod(item: WorkloadItem, site: Site) -> dict[str, Any]:
    volumes: list[Object] = []
    mounts: list[Object] = []
    before: list[Object] = []
    beside: list[Object] = []
    more: dict[str, Any] = {}
    if item.image is None:
        volume, mount, before = pods.artifact(item, site, "code", _CODE)
        volumes, mounts = [volume], [mount]
    if _urls(item):
        asked = [f"{name}={url(name, site)}" for name in _urls(item)]
        before = [*before, pods.program(site, "wait", "i4q_ai.edge.wait", *asked, mounts=[])]
    if _paths(item):
        volumes += [_shared(item, site), _account()]
        mounts.append({"name": "edge", "mountPath": EDGE, "readOnly": True})
        before = [*before, _agent(item, site, once=True)]
        beside = [_agent(item, site, once=False)]
        more = {"serviceAccountName": _own_name(item)}
    if before:
        more["initContainers"] = before
    containers = [_container(item, site, mounts), *beside]
    return pods.pod(site, containers=containers, volumes=volumes, grace=pods.LAST_WORDS, **more)


def _container(item: WorkloadItem, site: Site, mounts: list[Object]) -> Object:
    more: dict[str, Any] = {"env": _env(item, site)}
    own = item.image is None
    if own:
        first, *rest = item.command
        more["command"] = ["python3" if first == "python" else first, *rest]
        more["workingDir"] = f"{_CODE}/app"
    elif item.command:
        more["command"] = list(item.command)
    if item.port is not None:
        more["ports"] = [{"name": "http", "containerPort": item.port}]
    if item.ready is not None:
        asked = {"httpGet": {"path": item.ready, "port": "http"}, "timeoutSeconds": 5}
        more["startupProbe"] = {**asked, "periodSeconds": 1, "failureThreshold": 600}
        more["readinessProbe"] = {**asked, "periodSeconds": 5, "failureThreshold": 3}
    return pods.container(
        "workload", item.image or site.image, mounts=mounts, requests={"cpu": "20m", "memory": "64Mi"}, own=own, **more
    )


def _env(item: WorkloadItem, site: Site) -> list[Object]:
    told = {"PYTHONUNBUFFERED": "1", **item.env}
    if item.port is not None:
        told |= {"PORT": str(item.port), "HOST": "0.0.0.0"}  # noqa: S104 - inside a pod
    for name, want in item.uses.items():
        folder = f"{EDGE}/models/{item.namespace}/{name}"
        told[variable(name, want)] = url(name, site) if want == "url" else folder
    return [{"name": name, "value": told[name]} for name in sorted(told)]


def _shared(item: WorkloadItem, site: Site) -> Object:
    if site.storage is None:
        return {"name": "edge", "emptyDir": {}}
    return {"name": "edge", "persistentVolumeClaim": {"claimName": _own_name(item)}}


def _account() -> Object:
    """What the edge agent shows an API server: mounted by hand, for what is mounted by itself is in every container."""
    return {
        "name": "account",
        "projected": {
            "sources": [
                {"serviceAccountToken": {"path": "token", "expirationSeconds": _TOKEN_SECONDS}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            ]
        },
    }


def _agent(item: WorkloadItem, site: Site, *, once: bool) -> Object:
    maps = [part for name in _paths(item) for part in ("--configmap", naming.object_name("model", name))]
    arguments = [EDGE, "--namespace", site.namespace, *maps, "--status", naming.status_name(item.name)]
    return pods.program(
        site,
        "models" if once else "agent",
        "i4q_ai.edge.sidecar",
        *arguments,
        *(["--once"] if once else []),
        mounts=[
            {"name": "edge", "mountPath": EDGE},
            {"name": "account", "mountPath": _ACCOUNT, "readOnly": True},
        ],
        env=[
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {"name": "XDG_RUNTIME_DIR", "value": "/tmp"},  # noqa: S108 - inside a container
        ],
    )


def _agent_objects(item: WorkloadItem, site: Site) -> list[Object]:
    """The account of the edge agent, the few things it may do, and where it reports."""
    name, status = _own_name(item), naming.status_name(item.name)
    maps = [naming.object_name("model", model) for model in _paths(item)]
    found: list[Object] = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": pods.metadata(item, site)},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": pods.metadata(item, site),
            "rules": [
                _rule(["get", "list", "watch"], maps),
                _rule(["get", "patch"], [status]),
            ],
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": pods.metadata(item, site),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": site.namespace}],
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": pods.metadata(item, site, name=status)},
    ]
    if site.storage is not None:
        claim: dict[str, Any] = {
            "accessModes": [site.storage.access],
            "resources": {"requests": {"storage": site.storage.size}},
        }
        if site.storage.storage_class is not None:
            claim["storageClassName"] = site.storage.storage_class
        found.append(
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": pods.metadata(item, site),
                "spec": claim,
            }
        )
    return found


def _rule(verbs: list[str], names: list[str]) -> Object:
    return {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": names, "verbs": verbs}


def _own_name(item: WorkloadItem) -> str:
    return naming.object_name("workload", item.name)
