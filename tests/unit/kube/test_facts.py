"""Facts out of lists of nodes."""

from typing import Any

import pytest

from i4q_ai.kube.facts import Facts, from_nodes

CONTAINERD = "containerd://2.1.4"


def _node(
    *, runtime: str = CONTAINERD, ready: str = "True", spec: dict[str, Any] | None = None, **room: str
) -> dict[str, Any]:
    return {
        "spec": spec or {},
        "status": {
            "allocatable": room,
            "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": ready}],
            "nodeInfo": {"containerRuntimeVersion": runtime, "architecture": "amd64"},
        },
    }


def test_what_all_usable_nodes_have_is_summed() -> None:
    nodes = [
        _node(cpu="3920m", memory="16265592Ki", **{"nvidia.com/gpu": "1", "ephemeral-storage": "94477937300"}),
        _node(cpu="4", memory="8Gi", **{"nvidia.com/gpu": "2"}),
    ]
    assert from_nodes("v1.34.4", nodes) == Facts(
        "v1.34.4",
        {"cpu": "7920m", "ephemeral-storage": "94477937300", "memory": "24654200Ki", "nvidia.com/gpu": "3"},
        nodes=2,
        image_volumes=True,
        architectures=("amd64",),
    )


@pytest.mark.parametrize(
    "node",
    [
        _node(cpu="8", ready="False"),
        _node(cpu="8", ready="Unknown"),
        _node(cpu="8", spec={"unschedulable": True}),
        _node(cpu="8", spec={"taints": [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]}),
        {"metadata": {"name": "not yet there"}},
    ],
)
def test_a_node_that_takes_no_pods_does_not_count(node: dict[str, Any]) -> None:
    found = from_nodes("v1.34.4", [_node(cpu="2"), node])
    assert (found.nodes, found.resources) == (1, {"cpu": "2"})


def test_a_taint_that_only_asks_is_no_bar() -> None:
    assert from_nodes("v1.34.4", [_node(cpu="2", spec={"taints": [{"effect": "PreferNoSchedule"}]})]).nodes == 1


@pytest.mark.parametrize(
    ("version", "runtimes", "can"),
    [
        ("v1.33.0", [CONTAINERD], True),
        ("v1.32.9", [CONTAINERD], False),
        ("v1.34.4+k3s1", ["containerd://2.1.4-k3s1"], True),
        ("v1.34.4", ["containerd://2.0.9"], False),
        ("v1.34.4", ["containerd://1.7.27", CONTAINERD], False),
        ("v1.34.4", ["cri-o://1.31.0", CONTAINERD], True),
        ("v1.34.4", ["cri-o://1.30.4"], False),
        ("v1.34.4", ["docker://28.0.1"], False),
        ("v1.34.4", [""], False),
        ("v1.34.4", [], None),
    ],
)
def test_image_volumes_need_the_server_and_every_node(version: str, runtimes: list[str], can: bool | None) -> None:
    assert from_nodes(version, [_node(runtime=each) for each in runtimes]).image_volumes is can
