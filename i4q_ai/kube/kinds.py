"""The kinds of objects this project uses, with their paths: known without asking any server."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from i4q_ai.errors import InvalidError


@dataclass(frozen=True)
class Kind:
    """A kind of object, as its API names it.

    Args:
        name: for instance "Deployment".
        group: of its API, "" being the core.
        version: of its API.
        plural: as it stands in paths and in rules of RBAC.
        namespaced: whether its objects lie in namespaces.
    """

    name: str
    group: str
    version: str
    plural: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """As objects carry it, for instance "apps/v1"."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> str:
        """Its unmistakable name, for instance "apps/v1/Deployment"."""
        return f"{self.api_version}/{self.name}"

    def path(self, namespace: str | None = None, name: str = "", *, subresource: str = "") -> str:
        """Of one object, or of all of them.

        Args:
            namespace: None for all; of no account for a kind that has none.
            name: of one object; empty for all.
            subresource: of that object, for instance "log".

        Raises:
            InvalidError: one object of a namespaced kind, without its namespace.

        Example:
            >>> KINDS["Pod"].path("i4q", "a", subresource="log")
            '/api/v1/namespaces/i4q/pods/a/log'
        """
        if self.namespaced and name and not namespace:
            raise InvalidError(f"{self.name} {name!r} needs its namespace")
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        parts += [part for part in (self.plural, name, subresource) if part]
        return "/" + "/".join(quote(part, safe="") for part in parts)


_OCM_CLUSTER, _OCM_WORK = "cluster.open-cluster-management.io", "work.open-cluster-management.io"

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("Namespace", "", "v1", "namespaces", namespaced=False),
        Kind("Node", "", "v1", "nodes", namespaced=False),
        Kind("Pod", "", "v1", "pods"),
        Kind("Service", "", "v1", "services"),
        Kind("ConfigMap", "", "v1", "configmaps"),
        Kind("Secret", "", "v1", "secrets"),
        Kind("Event", "", "v1", "events"),
        Kind("ServiceAccount", "", "v1", "serviceaccounts"),
        Kind("PersistentVolumeClaim", "", "v1", "persistentvolumeclaims"),
        Kind("ControllerRevision", "apps", "v1", "controllerrevisions"),
        Kind("Deployment", "apps", "v1", "deployments"),
        Kind("ReplicaSet", "apps", "v1", "replicasets"),
        Kind("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets"),
        Kind("Role", "rbac.authorization.k8s.io", "v1", "roles"),
        Kind("RoleBinding", "rbac.authorization.k8s.io", "v1", "rolebindings"),
        Kind("Lease", "coordination.k8s.io", "v1", "leases"),
        Kind("EndpointSlice", "discovery.k8s.io", "v1", "endpointslices"),
        Kind("ManagedCluster", _OCM_CLUSTER, "v1", "managedclusters", namespaced=False),
        Kind("ManagedClusterSet", _OCM_CLUSTER, "v1beta2", "managedclustersets", namespaced=False),
        Kind("ManagedClusterSetBinding", _OCM_CLUSTER, "v1beta2", "managedclustersetbindings"),
        Kind("Placement", _OCM_CLUSTER, "v1beta1", "placements"),
        Kind("PlacementDecision", _OCM_CLUSTER, "v1beta1", "placementdecisions"),
        Kind("AddOnPlacementScore", _OCM_CLUSTER, "v1alpha1", "addonplacementscores"),
        Kind("ManifestWork", _OCM_WORK, "v1", "manifestworks"),
        Kind("ManifestWorkReplicaSet", _OCM_WORK, "v1alpha1", "manifestworkreplicasets"),
    )
}
"""By short name; every other kind is asked of the server that has it."""

REVIEW = Kind("SelfSubjectAccessReview", "authorization.k8s.io", "v1", "selfsubjectaccessreviews", namespaced=False)
"""Asks what one may do; it is never stored."""

VERSION = Kind("Version", "", "", "version", namespaced=False)
"""What a server tells of itself; no object, but asked for like one."""

DISCOVERY = Kind("Discovery", "", "", "kinds", namespaced=False)
"""The kinds that a server has; no object either."""

_BY_KEY = {kind.key: kind for kind in KINDS.values()}


def known(kind: str) -> Kind | None:
    """A kind of the table, by its short name or its key; None if it is not there.

    Example:
        >>> known("apps/v1/Deployment") == known("Deployment")
        True
    """
    return KINDS.get(kind) or _BY_KEY.get(kind)


def key_of(obj: dict[str, object]) -> str:
    """The key of an object's kind, by its `apiVersion` and `kind`.

    Raises:
        InvalidError: it has not got both.
    """
    version, kind = obj.get("apiVersion"), obj.get("kind")
    if not (version and kind and isinstance(version, str) and isinstance(kind, str)):
        raise InvalidError("an object needs apiVersion and kind")
    return f"{version}/{kind}"
