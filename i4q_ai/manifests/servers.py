"""Flavour `server`: a model behind our own HTTP server; flavour `image`: behind the user's."""

from __future__ import annotations

from typing import Any

from i4q_ai.desired import ModelItem
from i4q_ai.manifests import pods
from i4q_ai.manifests.order import Object
from i4q_ai.manifests.site import Site

_FOLDER = "/i4q/model"


def objects(item: ModelItem, site: Site) -> list[Object]:
    """Deployment, Service and PodDisruptionBudget of a model that answers requests."""
    if item.image is None:
        volume, mount, fetch = pods.artifact(item, site, "model", _FOLDER)
        container = _own(item, site, mount)
    else:
        volume, mount, fetch = pods.fetched(item, site, "model", "/models", folder="models")
        container = _users(item, site, mount)
    more: dict[str, Any] = {"initContainers": fetch} if fetch else {}
    pod = pods.pod(site, containers=[container], volumes=[volume], **more)
    return [
        pods.service(item, site, pods.PORT),
        pods.budget(item, site),
        pods.deployment(item, site, pod, replicas=site.replicas),
    ]


def _own(item: ModelItem, site: Site, mount: Object) -> Object:
    options = ["--host", "0.0.0.0", "--port", str(pods.PORT), "--name", item.name]  # noqa: S104 - inside a pod
    drain = str(pods.GRACE - pods.HOLD - 5)
    return pods.container(
        "server",
        site.image,
        mounts=[mount],
        requests=site.requests,
        own=True,
        command=["python3", "-m", "i4q_ai.serve", f"{_FOLDER}/models", *options, "--drain", drain, "--only"],
        env=pods.plain_http(site),
        ports=[{"name": "http", "containerPort": pods.PORT}],
        lifecycle={"preStop": {"exec": {"command": ["python3", "-c", f"import time; time.sleep({pods.HOLD})"]}}},
        startupProbe={**_asked("/v2/health/ready"), "periodSeconds": 1, "failureThreshold": 600},
        readinessProbe={**_asked(f"/v2/models/{item.name}/ready"), "periodSeconds": 2, "failureThreshold": 2},
        livenessProbe={**_asked("/v2/health/live"), "periodSeconds": 10, "failureThreshold": 3},
    )


def _asked(path: str) -> Object:
    return {"httpGet": {"path": path, "port": "http"}, "timeoutSeconds": 5}


def _users(item: ModelItem, site: Site, mount: Object) -> Object:
    listens = {"tcpSocket": {"port": "http"}, "timeoutSeconds": 5}
    return pods.container(
        "image",
        item.image or "",
        mounts=[mount],
        requests=site.requests,
        own=False,
        env=[{"name": "PORT", "value": str(pods.PORT)}],
        ports=[{"name": "http", "containerPort": pods.PORT}],
        startupProbe={**listens, "periodSeconds": 1, "failureThreshold": 600},
        readinessProbe={**listens, "periodSeconds": 2, "failureThreshold": 2},
    )
