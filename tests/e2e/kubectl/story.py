"""All that a hub does on a cluster, from its import to the last deletion; as a whole, or what one right is for."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from i4q_ai.deployment import Deployment
from i4q_ai.errors import ForbiddenError, InvalidError
from i4q_ai.hub import Hub
from i4q_ai.kube import Api
from i4q_ai.manifests import selector
from i4q_ai.placement import Placement
from i4q_ai.placing.builders import Name
from i4q_ai.testing.samples import Samples
from tests.e2e.kubectl.crowd import LIMIT, Crowd, soon

WHERE = Placement("where", Name("c1"))
SERVER = "press"
"""Name of the model that has a server; the other one's files are read by the workload."""

Deploy = Callable[[Hub, Samples], Deployment]


def files(hub: Hub, samples: Samples) -> Deployment:
    """A model as files: a ConfigMap."""
    return hub.deploy(samples.one, to=WHERE, flavour="files")


def workload(hub: Hub, samples: Samples) -> Deployment:
    """A workload that reads the files: an account and a Role of its own, a claim, an apps/v1 Deployment."""
    return hub.deploy(samples.by_path, to=WHERE)


def server(hub: Hub, samples: Samples) -> Deployment:
    """A model with a server: Service, PodDisruptionBudget, apps/v1 Deployment."""
    return hub.deploy(samples.one, to=WHERE, name=SERVER)


def story(hub: Hub, samples: Samples, crowd: Crowd, kubeconfig: Path) -> None:
    """Do it all; raises what is refused.

    Args:
        hub: over `crowd`.
        samples: to deploy.
        crowd: with cluster "c1".
        kubeconfig: of whoever does all this.
    """
    hub.clusters.join("c2", kubeconfig=kubeconfig, namespace=crowd.namespace("c1"), labels={"role": "spare"})
    models, line = [files(hub, samples), server(hub, samples)], workload(hub, samples)
    talk_to_pods(crowd, kubeconfig)
    for deployment in (line, *models):
        assert deployment.status().clusters
        assert deployment.drift() == []
        deployment.repair()
    for deployment in models:
        assert hub.plan(samples.two, to=WHERE, name=deployment.name, flavour=deployment.spec.flavour).changes
        watch(deployment, samples)
        assert len(deployment.rollback().history()) == 3
    for deployment in (line, *models):
        assert deployment.delete(timeout=LIMIT) is None
    hub.clusters.remove("c2")


def watch(deployment: Deployment, samples: Samples) -> None:
    """See a change that comes while one watches."""
    statuses = deployment.watch(timeout=LIMIT)
    assert next(statuses).version == "1"
    deployment.update(samples.two)
    assert any(status.version == "2" for status in statuses)


def talk_to_pods(crowd: Crowd, kubeconfig: Path) -> None:
    """Ask for the log of a pod and forward a port; no node has it, which is told only to who may ask."""
    with Api.open(kubeconfig=kubeconfig) as api:
        pod = _a_pod(crowd)
        _log(api, crowd.namespace("c1"), pod)
        _forward(api, crowd.namespace("c1"), pod)


def _a_pod(crowd: Crowd) -> dict[str, Any]:
    """A pod of ours, once the controllers have made one."""
    for event in crowd.api.watch("Pod", crowd.namespace("c1"), labels=selector(), deadline=soon()):
        for pod in (*event.items, *([event.object] if event.type == "ADDED" else ())):
            return pod
    raise AssertionError("no pod was made")


def _log(api: Api, namespace: str, pod: dict[str, Any]) -> None:
    name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]["name"]
    with contextlib.suppress(InvalidError):
        list(api.logs(namespace, name, container=container, deadline=soon()))


def _forward(api: Api, namespace: str, pod: dict[str, Any]) -> None:
    with api.forward(namespace, pod["metadata"]["name"], 8080) as forward:
        address = urlsplit(forward.url)
        with socket.create_connection((address.hostname, address.port), timeout=LIMIT) as connection:
            connection.settimeout(LIMIT)
            assert connection.recv(1) == b""
        if isinstance(forward.failure, ForbiddenError):
            raise forward.failure
        assert isinstance(forward.failure, InvalidError), "no node has the pod"
