"""The objects that ACM's console makes of an application, written down as it writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

APPS = "apps.open-cluster-management.io"
_CLUSTER = "cluster.open-cluster-management.io"
Object = dict[str, Any]


def application(namespace: str, name: str, repository: str, *, paths: Mapping[str, str], branch: str) -> list[Object]:
    """All objects of one application.

    Args:
        namespace: of the hub.
        name: of the application.
        repository: URL.
        paths: folder in it → value of the label `line` of the clusters that take it.
        branch: of the repository.
    """
    channels, rate = f"{namespace}-channel-ns", {f"{APPS}/reconcile-rate": "medium"}
    found = [
        _object("v1", "Namespace", name=namespace),
        _object("v1", "Namespace", name=channels),
        {
            **_object("app.k8s.io/v1beta1", "Application", name=name, namespace=namespace),
            "spec": {
                "componentKinds": [{"group": APPS, "kind": "Subscription"}],
                "descriptor": {},
                "selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": [name]}]},
            },
        },
        {
            **_object(
                f"{APPS}/v1",
                "Channel",
                name="git",
                namespace=channels,
                annotations=rate,
            ),
            "spec": {"type": "Git", "pathname": repository},
        },
        {
            **_object(f"{_CLUSTER}/v1beta2", "ManagedClusterSetBinding", name="default", namespace=namespace),
            "spec": {"clusterSet": "default"},
        },
    ]
    for number, (path, line) in enumerate(paths.items(), 1):
        labels = {"app": name}
        told = {f"{APPS}/git-branch": branch, f"{APPS}/git-path": path, f"{APPS}/reconcile-option": "merge"}
        found += [
            {
                **_object(
                    f"{APPS}/v1",
                    "Subscription",
                    name=f"{name}-subscription-{number}",
                    namespace=namespace,
                    labels=labels,
                    annotations=told,
                ),
                "spec": {
                    "channel": f"{channels}/git",
                    "placement": {"placementRef": {"kind": "Placement", "name": f"{name}-placement-{number}"}},
                },
            },
            {
                **_object(
                    f"{_CLUSTER}/v1beta1",
                    "Placement",
                    name=f"{name}-placement-{number}",
                    namespace=namespace,
                    labels=labels,
                ),
                "spec": {
                    "clusterSets": ["default"],
                    "predicates": [
                        {
                            "requiredClusterSelector": {
                                "labelSelector": {
                                    "matchExpressions": [{"key": "line", "operator": "In", "values": [line]}]
                                }
                            }
                        }
                    ],
                },
            },
        ]
    return found


def _object(version: str, kind: str, **metadata: Any) -> Object:
    return {"apiVersion": version, "kind": kind, "metadata": metadata}
