"""From what a cluster is told to its objects."""

from __future__ import annotations

from i4q_ai.desired import Item, WorkloadItem
from i4q_ai.errors import InvalidError, UnsupportedError
from i4q_ai.manifests import files, naming, pods, servers, workloads
from i4q_ai.manifests.order import Object, in_order
from i4q_ai.manifests.site import Site


def objects(item: Item, site: Site) -> list[Object]:
    """The Kubernetes objects of one model or workload on one cluster, in the order in which they are applied.

    Args:
        item: what the cluster is told.
        site: how it is written there.

    Raises:
        UnsupportedError: the flavour has no objects.
        InvalidError: what it names cannot be fetched by a cluster, or the edge image is missing.
    """
    check(item, site)
    if isinstance(item, WorkloadItem):
        return in_order(workloads.objects(item, site))
    if item.flavour in ("server", "image"):
        return in_order(servers.objects(item, site))
    if item.flavour == "files":
        return in_order(files.objects(item, site))
    raise UnsupportedError(
        f"'{item.name}' cannot be delivered as {item.flavour} by applying objects",
        hint="`i4q chart` makes a chart of a model, for helm to install",
    )


def kinds(item: Item | None) -> set[str]:
    """The kinds of object that an item can have, wherever it goes; none for nothing."""
    if item is None:
        return set()
    if isinstance(item, WorkloadItem):
        reads = {"ServiceAccount", "Role", "RoleBinding", "ConfigMap", "PersistentVolumeClaim"}
        listens = {"Service"} if item.port is not None else set()
        return {"Deployment", *listens, *(reads if "path" in item.uses.values() else set())}
    return {"ConfigMap"} if item.flavour == "files" else {"Deployment", "Service", "PodDisruptionBudget"}


def address(item: Item, site: Site) -> str | None:
    """Where it answers, as the cluster sees it; None where nothing listens."""
    served = pods.PORT if item.kind == "model" and item.flavour in ("server", "image") else None
    port = item.port if isinstance(item, WorkloadItem) else served
    host = f"{naming.object_name(item.kind, item.name)}.{site.namespace}.svc"
    return f"http://{host}:{port}" if port is not None else None


def needs_image(item: Item) -> bool:
    """Whether its pods run something of the edge image."""
    if isinstance(item, WorkloadItem):
        return item.image is None or bool(item.uses)
    return item.flavour in ("server", "image")


def check(item: Item, site: Site | None) -> None:
    """Refuse what no cluster could fetch, or run.

    Args:
        item: what the cluster is told.
        site: None for an edge agent, which needs no image.

    Raises:
        InvalidError: it lies in a folder of this machine, or the edge image is missing.
    """
    local = [reference for reference in item.references if reference.startswith("oci:")]
    if local:
        raise InvalidError(
            f"'{item.name}' lies in a folder of this machine, {local[0]}, from which no cluster can fetch it",
            hint="push it to a registry that the cluster can reach",
        )
    if site is not None and needs_image(item) and not site.image:
        raise InvalidError(
            f"cluster '{site.cluster}' has no edge image to run '{item.name}' with",
            hint="name it as `image:` in the inventory; `i4q image build` makes one",
        )
