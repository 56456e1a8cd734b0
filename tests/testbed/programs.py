"""Where the programs of a control plane are."""

from __future__ import annotations

import os
from pathlib import Path

from tests.testbed.building import built


def control_plane(name: str) -> list[str]:
    """The command of one program of Kubernetes, etcd or Open Cluster Management, without its flags.

    A folder named by `KUBEBUILDER_ASSETS` (with kube-apiserver, etcd and kubectl) is used for what it holds.

    Args:
        name: for instance "kube-apiserver".
    """
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets and (program := Path(assets, name)).is_file():
        return [str(program)]
    return [str(built("controlplane") / "controlplane"), name]


def node(name: str) -> Path:
    """A program of a node: containerd, containerd-shim-runc-v2, ctr, pause."""
    return built("node") / name


def dns() -> Path:
    """The DNS server of a cluster."""
    return built("dns") / "coredns"


def subscriptions(name: str) -> Path:
    """A program that delivers from Git: manager, placementrule, appsubsummary."""
    return built("subscriptions") / name
