"""The rights that a hub needs on its clusters: Roles as YAML beside this file, and the same for somebody in particular.

The files can be applied as they are, after a look at their subjects. `python -m i4q_ai_kubectl.rbac` fills these in.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Literal

from i4q_ai import yamls
from i4q_ai.errors import InvalidError
from i4q_ai.manifests import Object

_GROUP = "rbac.authorization.k8s.io"


@dataclass(frozen=True)
class Subject:
    """Whom rights are given to.

    Args:
        kind: of subject, in the words of Kubernetes.
        name: of the subject.
        namespace: of a service account; empty for others.

    Example:
        >>> Subject.account("tools/i4q").reference()
        {'kind': 'ServiceAccount', 'name': 'i4q', 'namespace': 'tools'}
    """

    kind: Literal["User", "Group", "ServiceAccount"]
    name: str
    namespace: str = ""

    @classmethod
    def account(cls, text: str) -> Subject:
        """A service account, written as NAMESPACE/NAME.

        Raises:
            InvalidError: it is not written so.
        """
        namespace, slash, name = text.partition("/")
        if not (namespace and slash and name) or "/" in name:
            raise InvalidError(f"{text!r} is no service account", hint="write NAMESPACE/NAME")
        return cls("ServiceAccount", name, namespace)

    def reference(self) -> dict[str, str]:
        """As a binding names it."""
        if self.kind == "ServiceAccount":
            return {"kind": self.kind, "name": self.name, "namespace": self.namespace}
        return {"apiGroup": _GROUP, "kind": self.kind, "name": self.name}


def in_cluster_namespace(namespace: str, subject: Subject) -> list[Object]:
    """Role and RoleBinding for a namespace of a cluster into which is delivered.

    Args:
        namespace: there.
        subject: who may.

    Example:
        >>> [each["kind"] for each in in_cluster_namespace("line-1", Subject("User", "anna"))]
        ['Role', 'RoleBinding']
    """
    return within(read(__name__, "role", subject), namespace)


def in_home_namespace(namespace: str, subject: Subject) -> list[Object]:
    """Role and RoleBinding for the namespace of home in which records are kept; arguments as above."""
    return within(read(__name__, "home", subject), namespace)


def facts(subject: Subject) -> list[Object]:
    """ClusterRole and ClusterRoleBinding by which a cluster tells what its nodes have to offer."""
    return read(__name__, "facts", subject)


def in_all_namespaces(subject: Subject) -> list[Object]:
    """ClusterRoles and ClusterRoleBindings to deliver into every namespace, and to make the ones that are missing."""
    return [*everywhere(read(__name__, "role", subject)), *read(__name__, "namespaces", subject)]


def to_yaml(objects: Iterable[Object]) -> str:
    """Objects as one YAML text for `kubectl apply -f -`."""
    return "---\n".join(yamls.dump(each) for each in objects)


def read(package: str, file: str, subject: Subject) -> list[Object]:
    """The objects of a YAML file beside a module, bound to somebody.

    Args:
        package: of the module.
        file: without its suffix.
        subject: who may.
    """
    text = files(package).joinpath(f"{file}.yaml").read_text(encoding="utf-8")
    found: list[Object] = yamls.load_all(text, where=f"{file}.yaml")
    return [{**each, "subjects": [subject.reference()]} if "roleRef" in each else each for each in found]


def within(objects: Iterable[Object], namespace: str) -> list[Object]:
    """Roles and RoleBindings in a namespace."""
    return [{**each, "metadata": {**each["metadata"], "namespace": namespace}} for each in objects]


def everywhere(objects: Iterable[Object]) -> list[Object]:
    """Roles and RoleBindings as ClusterRoles and ClusterRoleBindings."""
    return [_everywhere(each) for each in objects]


def _everywhere(found: Object) -> Object:
    changed: dict[str, Any] = {**found, "kind": f"Cluster{found['kind']}"}
    if "roleRef" in found:
        changed["roleRef"] = {**found["roleRef"], "kind": "ClusterRole"}
    return changed
