"""Real edges: pods, Services, image volumes, and a network that can be cut."""

from __future__ import annotations

import json
import socket
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.testbed.controlplane import ControlPlane
from tests.testbed.edge import Edge
from tests.testbed.network import HUB
from tests.testbed.pause import PAUSE, pause_tar
from tests.testbed.processes import wait_until
from tests.testbed.registry import Crane

_SOON = "--timeout=120s"


@pytest.fixture
def edge(plant: ControlPlane) -> Edge:
    return plant.edges["edge-1"]


def _pod(name: str, **spec: Any) -> str:
    container = {"name": "main", "image": PAUSE, **spec.pop("container", {})}
    whole = {"containers": [container], "terminationGracePeriodSeconds": 0, **spec}
    labels = {"app": name}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}, "spec": whole})


def _run(edge: Edge, namespace: str, pod: str) -> None:
    edge.kubectl("apply", "-n", namespace, "-f", "-", input=pod)


def _wait(edge: Edge, namespace: str, what: str, *names: str) -> None:
    edge.kubectl("wait", "-n", namespace, f"--for={what}", *names, _SOON)


def test_a_deployment_gets_ready_pods(edge: Edge, plant_namespace: str) -> None:
    edge.kubectl("create", "deployment", "two", f"--image={PAUSE}", "--replicas=2", "-n", plant_namespace)
    _wait(edge, plant_namespace, "condition=Available", "deployment/two")
    assert edge.kubectl("get", "pods", "-n", plant_namespace, "-o", "name").count("pod/two-") == 2


def test_a_service_has_a_name_in_dns(edge: Edge, plant_namespace: str) -> None:
    edge.kubectl("create", "service", "clusterip", "answers", "--tcp=80", "-n", plant_namespace)
    read = ["get", "service", "answers", "-n", plant_namespace, "-o", "jsonpath={.spec.clusterIP}"]
    name = f"answers.{plant_namespace}.svc.cluster.local"
    answer: list[str] = []

    def _told() -> bool:
        answer[:] = _ask_dns(edge.address, name)
        return bool(answer)

    wait_until(_told, what=f"DNS knows {name}")
    assert answer == [edge.kubectl(*read)]
    assert _ask_dns(edge.address, "example.com") == []  # a plant asks nobody outside


def test_cutting_ends_new_and_old_connections_and_joining_brings_them_back(plant: ControlPlane, edge: Edge) -> None:
    port = int(edge.server.url.rpartition(":")[2])
    with socket.create_connection((edge.address, port), timeout=10) as old:
        edge.cut()
        try:
            with pytest.raises(OSError, match="No route to host"):
                socket.create_connection((edge.address, port), timeout=10).close()
            old.settimeout(2)
            old.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            with pytest.raises(TimeoutError):
                old.recv(1)
            hub_port = plant.registry.host.rpartition(":")[2]
            with pytest.raises(RuntimeError, match=r"124|No route to host"):
                edge.room.run(["timeout", "2", "bash", "-c", f": < /dev/tcp/{HUB}/{hub_port}"])
        finally:
            edge.join()
        old.settimeout(60)
        assert old.recv(1)  # what was sent into the gap arrives
    socket.create_connection((edge.address, port), timeout=10).close()


def test_an_edge_that_is_cut_off_goes_on_and_the_others_notice_nothing(
    plant: ControlPlane, edge: Edge, plant_namespace: str
) -> None:
    edge.cut()
    try:
        for one in (edge, plant.edges["edge-2"]):
            _run(one, plant_namespace, _pod("still"))
            _wait(one, plant_namespace, "condition=Ready", "pod/still")
    finally:
        edge.join()


def test_a_pod_mounts_an_image_of_the_registry_by_digest(
    plant: ControlPlane, edge: Edge, plant_namespace: str, crane: Crane, tmp_path: Path
) -> None:
    image = f"{plant.registry.host}/models/pause"
    archive, layer = tmp_path / "layer.tar", tmp_path / "weights.bin"
    layer.write_bytes(b"\0" * 1000)
    _tar(archive, layer)
    crane("append", "--insecure", "--new_layer", str(archive), "--new_tag", f"{image}:1")
    digest = crane("digest", "--insecure", f"{image}:1").decode().strip()
    volume = {"name": "model", "image": {"reference": f"{image}@{digest}"}}
    mount = {"volumeMounts": [{"name": "model", "mountPath": "/models", "readOnly": True}]}
    _run(edge, plant_namespace, _pod("reader", volumes=[volume], container=mount))
    _wait(edge, plant_namespace, "condition=Ready", "pod/reader")
    mounted = edge.room.run(["cat", f"/proc/{_pid_in(edge, plant_namespace)}/mountinfo"])
    assert " /models ro," in mounted


def test_an_image_of_a_tar_runs(edge: Edge, plant_namespace: str, tmp_path: Path) -> None:
    edge.import_image(pause_tar(tmp_path))
    assert PAUSE in edge.ctr("images", "list", "--quiet").split()


def test_pods_are_in_groups_of_their_own_that_go_with_the_run(edge: Edge, plant_namespace: str) -> None:
    _run(edge, plant_namespace, _pod("small", container={"resources": {"limits": {"memory": "64Mi"}}}))
    _wait(edge, plant_namespace, "condition=Ready", "pod/small")
    groups = edge.room.run(["cat", f"/proc/{_pid_in(edge, plant_namespace)}/cgroup"])
    assert f"/{edge.name}/kubepods/burstable/" in groups


def _pid_in(edge: Edge, namespace: str) -> str:
    """The process of the namespace's one container, as its node numbers it."""
    read = ["-o", "jsonpath={.items[0].status.containerStatuses[0].containerID}"]
    container = edge.kubectl("get", "pods", "-n", namespace, *read).removeprefix("containerd://")
    rows = [line.split() for line in edge.ctr("tasks", "list").splitlines()]
    return next(row[1] for row in rows if row[0] == container)


def _tar(path: Path, file: Path) -> None:
    with tarfile.open(path, "w") as tar:
        tar.add(file, arcname=file.name)


def _ask_dns(server: str, name: str) -> list[str]:
    """The IPv4 addresses of a name: one question and its answer, as RFC 1035 packs them."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\0\x00\x01\x00\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(10)
        asking.sendto(question, (server, 53))
        answer = asking.recv(4096)
    count = int.from_bytes(answer[6:8], "big")
    return [socket.inet_ntoa(answer[-4:])] if count == 1 else []
