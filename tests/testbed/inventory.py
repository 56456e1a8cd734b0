"""The inventory of a plant, as a person would write it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from i4q_ai_kubectl.inventory import Entry, Home, Inventory

if TYPE_CHECKING:
    from tests.testbed.controlplane import ControlPlane
    from tests.testbed.images import EdgeImage


def write_inventory(folder: Path, plant: ControlPlane, image: EdgeImage, *, home: str = "i4q") -> Path:
    """Write `clusters.yaml` for all edges of a plant, with its hub as home.

    Args:
        folder: to write it in.
        plant: running.
        image: that its edges run; pushed to the registry of the plant.
        home: the namespace of the hub in which ledgers and records are; another one is another hub.
    """
    entries = tuple(Entry(name=name, kubeconfig=str(edge.kubeconfig)) for name, edge in plant.edges.items())
    inventory = Inventory(
        home=Home(kubeconfig=str(plant.hub.kubeconfig), namespace=home),
        clusters=entries,
        image=image.push(plant.registry.host),
        plain_http=(plant.registry.host,),
    )
    path = folder / "clusters.yaml"
    path.write_text(inventory.to_yaml(), encoding="utf-8")
    return path
