"""The inventory: a YAML file that names the clusters, how to reach them, and which one is home."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from i4q_ai import yamls
from i4q_ai.cluster import Cluster, Taint
from i4q_ai.errors import NotFoundError, nearest
from i4q_ai.manifests import Storage
from i4q_ai.thing import Document, FrozenDict, Labels, Name, Thing

DEFAULT = "clusters.yaml"


class Claim(Thing):
    """A PersistentVolumeClaim in place of an emptyDir for the files of models.

    Args:
        size: a Kubernetes quantity.
        storage_class: None takes the cluster's default.
        access: mode of the claim.
    """

    size: str
    storage_class: str | None = Field(default=None, alias="storageClass")
    access: str = "ReadWriteOnce"

    def storage(self) -> Storage:
        """As manifests want it."""
        return Storage(self.size, self.storage_class, self.access)


class Home(Thing):
    """Where records and history are.

    Args:
        kubeconfig: a file, relative to the inventory; None takes the default one.
        context: in it; None takes the current one.
        namespace: in which they lie.
    """

    kubeconfig: str | None = None
    context: str | None = None
    namespace: Name = "i4q"


class Entry(Thing):
    """One cluster.

    Args:
        name: a DNS label, unique in the inventory.
        kubeconfig: a file, relative to the inventory; None takes the default one.
        context: in it; None takes the current one.
        namespace: in which everything lies there, whatever the deployment's is; None takes the deployment's.
        labels, claims, taints: what rules select by, until somebody changes them through the hub.
        image: reference of the edge image there; None takes the inventory's.
        image_volumes: whether nodes mount OCI artifacts; None finds out, and takes init containers where it cannot.
        pull_secrets: names of Secrets there with registry credentials.
        plain_http: registries that this cluster asks over plain http.
        storage: a claim for the files of models; None takes an emptyDir.
        replicas: of model servers.
    """

    name: Name
    kubeconfig: str | None = None
    context: str | None = None
    namespace: Name | None = None
    labels: Labels = Field(default_factory=FrozenDict)
    claims: Annotated[dict[str, str], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)
    taints: tuple[Taint, ...] = ()
    image: str | None = None
    image_volumes: bool | None = Field(default=None, alias="imageVolumes")
    pull_secrets: tuple[str, ...] = Field(default=(), alias="pullSecrets")
    plain_http: tuple[str, ...] | None = Field(default=None, alias="plainHTTP")
    storage: Claim | None = None
    replicas: int = Field(default=1, ge=1, le=100)

    def cluster(self) -> Cluster:
        """What the inventory says of it."""
        return Cluster(name=self.name, labels=self.labels, claims=self.claims, taints=self.taints)


class Inventory(Document):
    """All clusters of a hub.

    Args:
        home: where records are: a Home, or the name of a cluster of this inventory.
        clusters: the clusters.
        image: reference of the edge image, by digest.
        plain_http: registries that clusters ask over plain http.

    Example:
        >>> Inventory.parse({"home": "edge-1", "clusters": [{"name": "edge-1", "context": "edge-1"}]}).names
        ('edge-1',)
    """

    home: Home | Name
    clusters: tuple[Entry, ...] = ()
    image: str | None = None
    plain_http: tuple[str, ...] = Field(default=(), alias="plainHTTP")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        twice = sorted({name for name in self.names if self.names.count(name) > 1})
        if twice:
            raise ValueError(f"cluster '{twice[0]}' stands twice")
        if isinstance(self.home, str) and self.home not in self.names:
            raise ValueError(f"home is '{self.home}', which is no cluster of this inventory")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Of all clusters."""
        return tuple(entry.name for entry in self.clusters)

    def entry(self, name: str) -> Entry:
        """The cluster of that name.

        Raises:
            NotFoundError: there is none; with the nearest one.
        """
        for entry in self.clusters:
            if entry.name == name:
                return entry
        raise NotFoundError(f"there is no cluster '{name}' in the inventory", hint=nearest(name, self.names))

    def home_access(self) -> Home:
        """How to reach home, and in which namespace records are there."""
        if isinstance(self.home, Home):
            return self.home
        entry = self.entry(self.home)
        return Home(kubeconfig=entry.kubeconfig, context=entry.context, namespace=entry.namespace or "i4q")


def read(path: Path) -> Inventory:
    """The inventory in a file.

    Raises:
        NotFoundError: there is no such file.
        SchemaError: it is no inventory.
    """
    if not path.exists():
        hint = "`i4q cluster import NAME --kubeconfig FILE` begins one"
        raise NotFoundError(f"there is no inventory {path}", hint=hint)
    return Inventory.from_yaml(yamls.read(path), where=str(path))
