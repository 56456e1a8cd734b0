"""Pods on a real node: logs, forwarded ports, and what the cluster is like."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from i4q_ai.errors import InvalidError, UnreachableError
from i4q_ai.kube import Api
from i4q_ai.kube.facts import facts
from tests.e2e.kube.conftest import Soon
from tests.testbed.controlplane import ControlPlane
from tests.testbed.edge import Edge
from tests.testbed.images import EdgeImage

PORT = 8000
SERVER = f"""\
import http.server
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        print("echoed", len(body), flush=True)
print("begun", flush=True)
http.server.ThreadingHTTPServer(("", {PORT}), Echo).serve_forever()
"""


@pytest.fixture
def edge(plant: ControlPlane) -> Edge:
    return plant.edges["edge-1"]


@pytest.fixture
def api(edge: Edge) -> Iterator[Api]:
    with Api.open(kubeconfig=edge.kubeconfig) as opened:
        yield opened


@pytest.fixture
def pod(api: Api, edge: Edge, edge_image: EdgeImage, plant_namespace: str, soon: Soon) -> str:
    """The name of a pod that echoes."""
    edge.import_image(edge_image.tar)
    container = {
        "name": "main",
        "image": edge_image.reference,
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", SERVER],
        "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False}
    about = {"name": "echo", "namespace": plant_namespace}
    api.create({"apiVersion": "v1", "kind": "Pod", "metadata": about, "spec": spec}, deadline=soon())
    for event in api.watch("Pod", plant_namespace, deadline=soon()):
        if any(_is_ready(each) for each in (*event.items, event.object)):
            return "echo"
    raise AssertionError(f"never ready: {api.get('Pod', plant_namespace, 'echo', deadline=soon())}")


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def test_a_pod_is_reached_and_heard(api: Api, pod: str, plant_namespace: str, soon: Soon) -> None:
    assert list(api.logs(plant_namespace, pod, deadline=soon())) == ["begun"]
    followed = api.logs(plant_namespace, pod, follow=True, deadline=soon())
    assert next(followed) == "begun"
    body = os.urandom(3_000_000)
    with api.forward(plant_namespace, pod, PORT) as forward, requests.Session() as session:
        assert session.post(forward.url, data=body, timeout=120).content == body
        assert session.post(forward.url, data=b"again", timeout=120).content == b"again"
    echoes = (line for line in followed if line.startswith("echoed"))  # the server says more of each request
    assert [next(echoes), next(echoes)] == ["echoed 3000000", "echoed 5"]
    followed.close()  # type: ignore[attr-defined]


def test_a_port_that_the_pod_does_not_listen_on(api: Api, pod: str, plant_namespace: str) -> None:
    with api.forward(plant_namespace, pod, PORT + 1) as forward:
        with pytest.raises(requests.ConnectionError):
            requests.get(forward.url, timeout=120)
        assert isinstance(forward.failure, UnreachableError)
        assert f"{PORT + 1}" in str(forward.failure)


def test_a_container_that_is_not_there_has_no_log(api: Api, pod: str, plant_namespace: str, soon: Soon) -> None:
    with pytest.raises(InvalidError, match="container other is not valid for pod echo"):
        next(api.logs(plant_namespace, pod, container="other", deadline=soon()))


def test_what_the_cluster_is_like(api: Api, soon: Soon) -> None:
    told = facts(api, deadline=soon())
    assert (told.nodes, told.image_volumes, told.missing) == (1, True, ())
    assert told.architectures in (("amd64",), ("arm64",))
    assert {"cpu", "memory", "pods"} <= set(told.resources)


def test_a_cut_is_noticed_and_the_watch_goes_on_when_it_is_over(edge: Edge, plant_namespace: str, soon: Soon) -> None:
    stop = threading.Event()
    with Api.open(kubeconfig=edge.kubeconfig, timeout=2) as api:
        edge.cut()
        try:
            with pytest.raises(UnreachableError):
                api.version(deadline=soon())
        finally:
            edge.join()
        watch = api.watch("Service", plant_namespace, deadline=soon(), stop=stop)
        assert next(watch).type == "RESYNC"
        edge.cut()
        try:
            edge.kubectl("create", "service", "clusterip", "made-meanwhile", "--tcp=80", "-n", plant_namespace)
        finally:
            edge.join()
        assert next(event.object["metadata"]["name"] for event in watch if event.type == "ADDED") == "made-meanwhile"
        stop.set()
        assert list(watch) == []
