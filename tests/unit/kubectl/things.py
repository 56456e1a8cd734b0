"""Small things of the kubectl backend for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from i4q_ai.desired import Item, ModelItem
from i4q_ai.manifests import Site
from i4q_ai.plan import Action
from i4q_ai_kubectl.ledger import Key, Row
from tests.unit import things

THEN = datetime(2026, 1, 1, tzinfo=UTC)
KEY: Key = ("factory", "wear")
SITE = Site(cluster="edge-1", namespace="factory", hub="hub", image="edge@sha256:1")
OLD, NEW = things.digest("old"), things.digest("new")


def model(version: str = "2", *, flavour: str = "server", **about: Any) -> ModelItem:
    """The model `wear` in a version; version 1 is the old one."""
    digest = OLD if version == "1" else NEW
    fields: dict[str, Any] = {
        "namespace": KEY[0], "name": KEY[1], "model": "wear", "version": version, "digest": digest,
        "references": (f"registry.example/wear@{digest}",), "flavour": flavour,
    }  # fmt: skip
    return ModelItem(**{**fields, **about})


def action(after: Item | None, *, revision: int, before: Item | None = None, cluster: str = "edge-1") -> Action:
    """What a writer does to the deployment `wear`: create or update, or remove for None."""
    if after is None:
        return Action(verb="remove", cluster=cluster, before=before or model(), revision=revision)
    return Action(verb="update" if before else "create", cluster=cluster, before=before, after=after, revision=revision)


def row(item: Item | None = None, **about: Any) -> Row:
    """What edge-1 was told of the deployment `wear`."""
    fields: dict[str, Any] = {
        "namespace": KEY[0], "name": KEY[1], "kind": item.kind if item else "model", "item": item, "revision": 3,
        "time": THEN,
    }  # fmt: skip
    return Row(**{**fields, **about})
