"""The rights that somebody needs on a hub: Roles as YAML beside this file, and the same for somebody in particular.

The files can be applied as they are, after a look at their subjects. `python -m i4q_ai_ocm.rbac` fills these in.
"""

from __future__ import annotations

from i4q_ai.manifests import Object
from i4q_ai_kubectl.rbac import Subject, everywhere, read, within

__all__ = [
    "Subject", "clusters", "from_git", "in_all_namespaces", "in_edge_namespace", "in_namespace", "on_hub", "probe",
]  # fmt: skip


def in_namespace(namespace: str, subject: Subject) -> list[Object]:
    """Role and RoleBinding for a namespace of the hub in which deployments lie.

    Args:
        namespace: there.
        subject: who may.

    Example:
        >>> [each["kind"] for each in in_namespace("line-1", Subject("User", "anna"))]
        ['Role', 'RoleBinding']
    """
    return within(read(__name__, "role", subject), namespace)


def on_hub(subject: Subject) -> list[Object]:
    """ClusterRole and ClusterRoleBinding to see clusters, to bind their sets, and to write works for them."""
    return read(__name__, "hub", subject)


def clusters(subject: Subject) -> list[Object]:
    """ClusterRole and ClusterRoleBinding to label, taint, score, add and remove clusters."""
    return read(__name__, "clusters", subject)


def from_git(subject: Subject) -> list[Object]:
    """ClusterRole and ClusterRoleBinding to have clusters take from Git, beside `on_hub` and `in_namespace`."""
    return read(__name__, "git", subject)


def probe(subject: Subject) -> list[Object]:
    """What it takes to find out whether the hub follows standing orders; not needed where the settings say it."""
    return read(__name__, "probe", subject)


def in_all_namespaces(subject: Subject) -> list[Object]:
    """ClusterRoles and ClusterRoleBindings for every namespace, and to make the ones that are missing."""
    return [*everywhere(read(__name__, "role", subject)), *read(__name__, "namespaces", subject)]


def in_edge_namespace(namespace: str, subject: Subject) -> list[Object]:
    """Role and RoleBinding for a namespace of a cluster itself, where the settings say how to reach it."""
    return within(read(__name__, "edge", subject), namespace)
