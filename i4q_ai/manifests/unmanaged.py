"""The objects of a model server for whoever applies them without a hub: helm, kustomize. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from i4q_ai.desired import ModelItem
from i4q_ai.errors import InvalidError
from i4q_ai.manifests import naming, servers
from i4q_ai.manifests.order import Object, in_order
from i4q_ai.manifests.site import Site
from i4q_ai.model import Model

INSTANCE = "app.kubernetes.io/instance"


@dataclass(frozen=True)
class Owner:
    """Whose objects they are, in place of a hub and its deployment.

    Args:
        manager: the program that applies them.
        instance: of what it installs, by which a Service finds its pods.
    """

    manager: str
    instance: str


def objects(model: Model, site: Site, owner: Owner, *, reference: str = "") -> list[Object]:
    """Service, PodDisruptionBudget and Deployment as flavour `server` has them, without a hub's marks.

    Args:
        model: pushed to a registry.
        site: how they are written; its namespace and hub do not matter.
        owner: whose they are.
        reference: of the model where the cluster gets it; its own if not given.
    """
    item = ModelItem(
        namespace="unmanaged",
        name=model.name,
        model=model.name,
        version=model.version,
        digest=model.digest,
        references=(reference or str(model.reference),),
    )
    return in_order(unmarked(each, owner) for each in servers.objects(item, site))


def repository_of(model: Model) -> str:
    """The repository of a model, from which a cluster can fetch it.

    Raises:
        InvalidError: the model is not pushed, or lies in a folder of this machine.
    """
    repository = model.digest and str(model.reference).partition("@")[0]
    if repository.startswith("oci:"):
        raise InvalidError(
            f"'{model.name}' lies in a folder of this machine, {repository}, from which no cluster can fetch it",
            hint="push it to a registry that the cluster can reach",
        )
    return repository


def need_digest(image: str) -> str:
    """The reference of the edge image, if it names a digest.

    Raises:
        InvalidError: it does not.
    """
    name, _, digest = image.rpartition("@")
    if not name or not digest.startswith("sha256:") or any(each.isspace() for each in image):
        raise InvalidError(
            f"image {image!r} names no digest, so that it could be another tomorrow",
            hint="host/repository@sha256:… as `i4q image build` prints it",
        )
    return image


def unmarked(each: Object, owner: Owner) -> Object:
    """An object without its namespace, and with marks by which no hub takes it for its own.

    Args:
        each: as a hub would apply it.
        owner: whose it is instead.
    """
    metadata = {key: value for key, value in each["metadata"].items() if key != "namespace"}
    told = {key: metadata["annotations"][key] for key in (naming.DIGEST, naming.VERSION)}
    changed: Object = _relabelled({**each, "metadata": {**metadata, "annotations": told}}, owner)
    return changed


def _relabelled(value: Any, owner: Owner) -> Any:
    if isinstance(value, list):
        return [_relabelled(each, owner) for each in value]
    if not isinstance(value, dict):
        return value
    if naming.MANAGED_BY in value:
        return _labels(value, owner)
    return {key: _relabelled(each, owner) for key, each in value.items()}


def _labels(ours: dict[str, str], owner: Owner) -> dict[str, str]:
    """A selector has the instance alone, for it can never change; the rest of the labels is for people."""
    found = {naming.DEPLOYMENT: ours[naming.DEPLOYMENT], INSTANCE: owner.instance}
    if naming.KIND in ours:
        told = {naming.APP: ours[naming.APP], naming.KIND: ours[naming.KIND], naming.MANAGED_BY: owner.manager}
        found = {**told, **found}
    return found
