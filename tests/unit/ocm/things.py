"""Objects of a hub, as tests want them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from i4q_ai.desired import Item
from i4q_ai.manifests.naming import fingerprint
from i4q_ai.placement import REST, Placement
from i4q_ai.spec import Spec
from i4q_ai_ocm.state import GROUP, PARENT, PLACEMENT, TOLD, Told
from tests.unit import things

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = ("factory", "tool-wear")
LABELS = {"i4q.ai/namespace": KEY[0], "i4q.ai/deployment": KEY[1], "i4q.ai/kind": "model"}
EVERYWHERE = Placement("all")


def spec(version: str = "1", where: Placement = EVERYWHERE, **about: Any) -> Spec:
    """A deployment of one model."""
    return Spec(model=things.model(version=version), placement=where, **about)


def item(version: str = "1", *, group: str = REST, revision: int = 1) -> Item:
    """What a cluster is told of it."""
    return spec(version).item(*KEY, group, revision=revision)


def replica_set(told: Item, group: str = REST, **metadata: Any) -> dict[str, Any]:
    """A standing order."""
    name = f"set-{'rest' if group == REST else group}"
    annotations = {TOLD: Told(told, NOW).dump(), GROUP: group}
    return {
        "kind": "ManifestWorkReplicaSet",
        "metadata": {"name": name, "namespace": KEY[0], "labels": LABELS, "annotations": annotations, **metadata},
        "spec": {"placementRefs": [{"name": name}], "manifestWorkTemplate": {}},
    }


def decision(group: str, *clusters: str) -> dict[str, Any]:
    """What the hub has chosen for an order."""
    placement = f"set-{'rest' if group == REST else group}"
    return {
        "metadata": {"name": f"{placement}-decision-1", "namespace": KEY[0], "labels": {PLACEMENT: placement}},
        "status": {"decisions": [{"clusterName": name} for name in clusters]},
    }


def work(
    cluster: str, told: Item, *, parent: str | None = None, values: dict[str, Any] | None = None, **metadata: Any
) -> dict[str, Any]:
    """A ManifestWork whose Deployment says so many things of itself."""
    labels = {**LABELS, **({PARENT: f"{KEY[0]}.{parent}"} if parent else {})}
    fields = {
        name: {"type": "Integer", "integer": value} if isinstance(value, int) else {"type": "String", "string": value}
        for name, value in (values or {}).items()
    }
    said = [{"name": name, "fieldValue": value} for name, value in fields.items()]
    manifest = {"resourceMeta": {"kind": "Deployment", "name": "model-tool-wear"}, "statusFeedback": {"values": said}}
    return {
        "kind": "ManifestWork",
        "metadata": {
            "name": "w", "namespace": cluster, "labels": labels, "generation": 1,
            "annotations": {TOLD: Told(told, NOW, ("sha256:" + "0" * 64, "0")).dump()}, **metadata,
        },
        "spec": {},
        "status": {"resourceStatus": {"manifests": [manifest]}},
    }  # fmt: skip


def running(told: Item, **changes: Any) -> dict[str, Any]:
    """What the Deployment of something that is ready says."""
    counts = {"replicas": 1, "updatedReplicas": 1, "availableReplicas": 1, "wanted": 1}
    seen = {"observedGeneration": 2, "generation": 2}
    return {"item": fingerprint(told), "digest": told.digest, "version": told.version, **counts, **seen, **changes}
