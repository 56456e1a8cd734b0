"""What a cluster is like: version, room, nodes and what they can do; without a right, without that fact."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from i4q_ai.deadline import Deadline
from i4q_ai.errors import ForbiddenError
from i4q_ai.kube.api import Api
from i4q_ai.placing import quantities

_BINARY = ("memory", "ephemeral-storage", "hugepages-")
_MOUNTS_IMAGES = {"containerd": (2, 1), "cri-o": (1, 31)}
_KUBERNETES = (1, 33)
_NUMBERS = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True)
class Facts:
    """What a cluster is like.

    Args:
        kube_version: for instance "v1.34.4".
        resources: what pods may use of all nodes that are ready and take pods, as quantities.
        nodes: how many those are.
        image_volumes: whether every node can mount an image as a volume; None: nobody may say.
        architectures: of the nodes, sorted, for instance "amd64".
        missing: rights that would have told more, for instance "list nodes".
    """

    kube_version: str
    resources: Mapping[str, str] = field(default_factory=dict)
    nodes: int = 0
    image_volumes: bool | None = None
    architectures: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def facts(api: Api, *, deadline: Deadline) -> Facts:
    """Ask a cluster what it is like; reading its nodes takes a right in all of the cluster, and may be missing.

    Args:
        api: of the cluster.
        deadline: of the call.

    Raises:
        UnreachableError: nobody answers.
        DeadlineError: it took too long.
    """
    version = api.version(deadline=deadline)
    try:
        nodes = api.list("Node", None, deadline=deadline).items
    except ForbiddenError as error:
        return Facts(version, missing=(f"{error.verb} {error.resource}",))
    return from_nodes(version, nodes)


def from_nodes(version: str, nodes: Sequence[Mapping[str, Any]]) -> Facts:
    """The facts that follow from a version and a list of nodes."""
    usable = [node for node in nodes if _is_usable(node)]
    told = [(node.get("status") or {}).get("nodeInfo") or {} for node in usable]
    return Facts(
        kube_version=version,
        resources=_sums([(node.get("status") or {}).get("allocatable") or {} for node in usable]),
        nodes=len(usable),
        image_volumes=_mounts_images(version, [str(info.get("containerRuntimeVersion", "")) for info in told]),
        architectures=tuple(sorted({str(info["architecture"]) for info in told if info.get("architecture")})),
    )


def _is_usable(node: Mapping[str, Any]) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready = any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions)
    spec = node.get("spec") or {}
    barred = any(taint.get("effect") in ("NoSchedule", "NoExecute") for taint in spec.get("taints") or ())
    return ready and not spec.get("unschedulable") and not barred


def _sums(each: Sequence[Mapping[str, str]]) -> dict[str, str]:
    sums: dict[str, Fraction] = {}
    for allocatable in each:
        for name, amount in allocatable.items():
            sums[name] = sums.get(name, Fraction(0)) + quantities.parse(str(amount))
    return {name: _written(name, total) for name, total in sorted(sums.items()) if total}


def _written(name: str, amount: Fraction) -> str:
    """As Kubernetes writes it: bytes in Ki where that is exact, fractions in thousandths, rounded down."""
    if name.startswith(_BINARY) and amount and amount % 1024 == 0:
        return f"{amount // 1024}Ki"
    return str(amount.numerator) if amount.denominator == 1 else f"{int(amount * 1000)}m"


def _mounts_images(version: str, runtimes: Sequence[str]) -> bool | None:
    if not runtimes:
        return None
    return _numbers(version) >= _KUBERNETES and all(map(_runtime_mounts_images, runtimes))


def _runtime_mounts_images(runtime: str) -> bool:
    name, _, version = runtime.partition("://")
    return name in _MOUNTS_IMAGES and _numbers(version) >= _MOUNTS_IMAGES[name]


def _numbers(version: str) -> tuple[int, int]:
    found = _NUMBERS.search(version)
    return (int(found[1]), int(found[2])) if found else (0, 0)
