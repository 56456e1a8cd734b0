"""The inventory of a plant, and the settings of its hub, as a person would write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from i4q_ai_kubectl.inventory import Entry, Home, Inventory
from i4q_ai_ocm.settings import Access, OcmHub

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


def write_hub(folder: Path, plant: ControlPlane, image: EdgeImage, *, sets: tuple[str, ...] = ("global",)) -> Path:
    """Write `hub.yaml` for the hub of a plant, as somebody who can reach every edge from here.

    Args:
        folder: to write it in.
        plant: running, with Open Cluster Management.
        image: that its edges run; pushed to the registry of the plant.
        sets: ManagedClusterSets that deployments may use.
    """
    hub = OcmHub(
        kubeconfig=str(plant.hub.kubeconfig),
        sets=sets,
        image=image.push(plant.registry.host),
        plain_http=(plant.registry.host,),
        reach={name: Access(kubeconfig=str(edge.kubeconfig)) for name, edge in plant.edges.items()},
    )
    path = folder / "hub.yaml"
    path.write_text(hub.to_yaml(), encoding="utf-8")
    return path
