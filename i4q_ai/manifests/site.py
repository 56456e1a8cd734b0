"""What a cluster, and whoever owns it, has to say about how things are written for it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Storage:
    """A PersistentVolumeClaim in place of an emptyDir, shared by what reads one model's files.

    Args:
        size: a Kubernetes quantity.
        storage_class: of the claim; None takes the cluster's default.
        access: mode of the claim.
    """

    size: str
    storage_class: str | None = None
    access: str = "ReadWriteOnce"


@dataclass(frozen=True)
class Site:
    """How things are written for one cluster.

    Args:
        cluster: its name.
        namespace: in which the objects lie there.
        hub: the id of the hub they belong to.
        image: reference of the edge image: model server, edge agent, interpreter of pushed code.
        owner: of the deployment.
        image_volumes: whether its nodes mount OCI artifacts as volumes; else an init container fetches them.
        pull_secrets: names of existing Secrets with registry credentials.
        plain_http: registries that the edge asks over plain http.
        storage: where the files of models lie; None for an emptyDir.
        replicas: of model servers.
        requests: resources that a model server asks for.
    """

    cluster: str
    namespace: str
    hub: str
    image: str
    owner: str = "i4q"
    image_volumes: bool = False
    pull_secrets: tuple[str, ...] = ()
    plain_http: tuple[str, ...] = ()
    storage: Storage | None = None
    replicas: int = 1
    requests: dict[str, str] = field(default_factory=lambda: {"cpu": "50m", "memory": "192Mi"})
