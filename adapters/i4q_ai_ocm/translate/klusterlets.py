"""What a cluster must have so that its agent joins a hub: the Klusterlet, and by which kubeconfig it asks. Pure."""

from __future__ import annotations

from i4q_ai.manifests import Object

NAMESPACE = "open-cluster-management-agent"
"""Where the agent lies, and looks for its kubeconfig."""
BOOTSTRAP = "bootstrap-hub-kubeconfig"
"""The Secret with the kubeconfig by which the agent asks to be let in."""
NAME = "klusterlet"


def klusterlet(cluster: str) -> list[Object]:
    """Namespace and Klusterlet of a cluster; its operator, which must be there, makes the agent of it.

    Example:
        >>> [each["kind"] for each in klusterlet("edge-4")]
        ['Namespace', 'Klusterlet']
    """
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {
            "apiVersion": "operator.open-cluster-management.io/v1",
            "kind": "Klusterlet",
            "metadata": {"name": NAME},
            "spec": {"clusterName": cluster, "namespace": NAMESPACE},
        },
    ]


def bootstrap(kubeconfig: str) -> Object:
    """The Secret by which the agent asks.

    Args:
        kubeconfig: its text; a secret.
    """
    metadata = {"name": BOOTSTRAP, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"kubeconfig": kubeconfig}}


def steps(cluster: str, *, secret: bool) -> tuple[str, ...]:
    """What the objects need beside them, each in one line.

    Args:
        cluster: its name.
        secret: whether the bootstrap kubeconfig is known to the hub's settings.
    """
    made = (
        f"i4q cluster import {cluster} --kubeconfig FILE puts the Secret '{BOOTSTRAP}' beside them"
        if secret
        else f"kubectl create secret generic {BOOTSTRAP} -n {NAMESPACE} --from-file=kubeconfig=FILE: of a user of the "
        "hub who may ask to join, as `clusteradm get token` makes it"
    )
    return (
        "the klusterlet operator first: helm install klusterlet ocm/klusterlet --create-namespace "
        "-n open-cluster-management --set klusterlet.create=false",
        made,
        f"on the hub: i4q cluster add {cluster}, which accepts it",
    )
