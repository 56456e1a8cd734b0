"""The settings of a hub: a kubeconfig or context alone, or a YAML file that says more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from i4q_ai import yamls
from i4q_ai.backends.subscriptions import Folder
from i4q_ai.errors import NotFoundError
from i4q_ai.thing import Document, FrozenDict, Name, Thing
from i4q_ai_ocm.subscribing.pitfalls import windows
from i4q_ai_ocm.subscribing.things import Option, Override, Rate, Window


class Access(Thing):
    """How to reach an API server.

    Args:
        kubeconfig: a file, relative to the settings; None takes the default one.
        context: in it; None takes the current one.
    """

    kubeconfig: str | None = None
    context: str | None = None


class Git(Thing):
    """How clusters take from Git what is published, by the hub's Subscriptions.

    Args:
        repo, branch, path: where deployments are delivered by, each in a folder below the path; needed where the
            hub's delivery is "subscription".
        author: of the commits there, `Name <address>`; who git says the user is without.
        secret: name of a Secret in the namespace of the Channel on the hub, by which hub and clusters read; never its
            content. Its keys are `user` and `accessToken`, or `sshKey`.
        config_map: name of a ConfigMap there, whose `caCerts` are trusted.
        insecure: trust whatever certificate the server shows.
        rate: how often clusters look by themselves: "medium" is every three minutes, "off" only when they are told.
        depth: among how many of a branch's last commits a pinned one must be.
        option: how what lies there already is changed.
        window: when clusters take what is new.
        overrides: what is different on single clusters.
        placement_rules: PlacementRules in place of Placements, for a hub that has no Placements.
    """

    repo: str | None = None
    branch: str = "main"
    path: Folder = ""
    author: str | None = None
    secret: Name | None = None
    config_map: Name | None = Field(default=None, alias="configMap")
    insecure: bool = False
    rate: Rate = "medium"
    depth: int = Field(default=100, ge=1, le=100000)
    option: Option | None = None
    window: Window | None = None
    overrides: tuple[Override, ...] = ()
    placement_rules: bool = Field(default=False, alias="placementRules")

    @model_validator(mode="after")
    def _window_is_read_as_meant(self) -> Self:
        traps = [*windows(self.window)] if self.window else []
        if traps:
            raise ValueError(f"window: {'; '.join(traps)}")
        return self


class OcmHub(Document):
    """A hub of Open Cluster Management, and what its clusters need to know.

    Args:
        kubeconfig, context: of the hub, as for any API server.
        sets: the ManagedClusterSets whose clusters deployments may use; each is bound to a deployment's namespace.
        image: reference of the edge image, by digest.
        plain_http: registries that clusters ask over plain http.
        pull_secrets: names of Secrets on the clusters with registry credentials.
        replica_sets: whether the hub's ManifestWorkReplicaSet controller runs; None finds out.
        bootstrap: a kubeconfig by which new clusters ask the hub to be let in, relative to the settings.
        reach: cluster → how to reach it from here, for logs, clients, and why pods do not start.
        git: how clusters take from Git what is published; without it, the hub is told nothing of what is published.
        delivery: "orders" brings objects by ManifestWorks; "subscription" pushes them to `git.repo`, and has clusters
            take them from there, a group of a placement at once.

    Example:
        >>> OcmHub.parse({"context": "hub", "reach": {"edge-1": {"context": "edge-1"}}}).sets
        ('global',)
    """

    kubeconfig: str | None = None
    context: str | None = None
    sets: tuple[Name, ...] = Field(default=("global",), min_length=1)
    image: str | None = None
    plain_http: tuple[str, ...] = Field(default=(), alias="plainHTTP")
    pull_secrets: tuple[str, ...] = Field(default=(), alias="pullSecrets")
    replica_sets: bool | None = Field(default=None, alias="replicaSets")
    bootstrap: str | None = None
    reach: Annotated[dict[Name, Access], AfterValidator(FrozenDict)] = Field(default_factory=FrozenDict)
    git: Git | None = None
    delivery: Literal["orders", "subscription"] = "orders"

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.delivery == "subscription":
            if self.git is None or not self.git.repo:
                raise ValueError("delivery 'subscription' needs git.repo, where deployments are pushed to")
            if self.git.placement_rules:
                raise ValueError("delivery 'subscription' needs Placements; without placementRules")
            if self.replica_sets is False:
                raise ValueError("delivery 'subscription' needs the hub's ManifestWorkReplicaSets, which report")
        return self

    @property
    def access(self) -> Access:
        """How to reach the hub."""
        return Access(kubeconfig=self.kubeconfig, context=self.context)


def read(address: str) -> tuple[OcmHub, Path]:
    """What stands behind `ocm://`, and the folder that files in it are relative to.

    Args:
        address: empty for the current context, the name of a context, the path of a kubeconfig, or the path of a YAML
            file with an OcmHub.

    Raises:
        NotFoundError: it looks like a path, and there is no such file.
        SchemaError: the file is neither.
    """
    path = Path(address).expanduser().absolute()
    if address and path.is_file():
        return (_hub(path), path.parent) if _kind(path) == "settings" else (OcmHub(kubeconfig=str(path)), path.parent)
    if "/" in address or address.endswith((".yaml", ".yml")):
        raise NotFoundError(
            f"there is no file {path}", hint="ocm://CONTEXT, or the path of a kubeconfig or of a file with an OcmHub"
        )
    return OcmHub(context=address or None), Path.cwd()


def _hub(path: Path) -> OcmHub:
    return OcmHub.from_yaml(yamls.read(path), where=str(path))


def _kind(path: Path) -> Literal["settings", "kubeconfig"]:
    data = yamls.load(yamls.read(path), where=str(path))
    return "kubeconfig" if isinstance(data, dict) and data.get("kind") == "Config" else "settings"
